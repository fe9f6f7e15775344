"""Writes new tokens into a latent cache [num_blocks, block_size, 576]: 512 elements of the latent, then 64 of the rotary key."""

import triton
import triton.language as tl

from kernels.triton.float8 import chosen_scale
from kernels.triton.mla_latent import RANK, ROPE
from kernels.triton.reshape_and_cache import stored


@triton.jit
def concat_and_cache_mla(latent_ptr, key_rope_ptr, latent_cache_ptr, slot_mapping_ptr, key_scale_tensor_ptr, key_scale,
                         block_size, stride_latent_token, stride_key_rope_token, stride_block, stride_slot,
                         FP8: tl.constexpr):
    """Grid: (tokens). latent [tokens, 512], key_rope [tokens, 64]; slot_mapping int64 [tokens]: block * block_size + offset,
    negative: the token is not stored."""
    token = tl.program_id(0).to(tl.int64)
    slot = tl.load(slot_mapping_ptr + token)
    if slot < 0:
        return
    slot = slot.to(tl.int32)
    place = latent_cache_ptr + (slot // block_size).to(tl.int64) * stride_block + slot % block_size * stride_slot
    if FP8 is not None:
        key_scale = chosen_scale(key_scale, key_scale_tensor_ptr)
    elements = tl.arange(0, RANK)
    latent = tl.load(latent_ptr + token * stride_latent_token + elements)
    tl.store(place + elements, stored(latent, key_scale, latent_cache_ptr, FP8))
    rotary = tl.arange(0, ROPE)
    key = tl.load(key_rope_ptr + token * stride_key_rope_token + rotary)
    tl.store(place + RANK + rotary, stored(key, key_scale, latent_cache_ptr, FP8))
