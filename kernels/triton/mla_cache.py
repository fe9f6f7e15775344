"""Writing to and reading from a latent cache [num_blocks, block_size, 576]: 512 elements of the latent, then 64 of the rotary key."""

import triton
import triton.language as tl

from kernels.triton.float8 import chosen_scale
from kernels.triton.mla_latent import RANK, ROPE
from kernels.triton.reshape_and_cache import stored
from kernels.triton.softmax import rounded


@triton.jit
def concat_and_cache_mla(latent_ptr, key_rope_ptr, latent_cache_ptr, slot_mapping_ptr, key_scale_tensor_ptr, key_scale,
                         num_blocks, block_size, stride_latent_token, stride_key_rope_token, stride_block, stride_slot,
                         FP8: tl.constexpr):
    """Grid: (tokens). latent [tokens, 512], key_rope [tokens, 64]; slot_mapping int64 [tokens]: block * block_size + offset.
    A token whose slot the cache does not have is not stored."""
    token = tl.program_id(0).to(tl.int64)
    slot = tl.load(slot_mapping_ptr + token)
    if (slot < 0) | (slot >= num_blocks.to(tl.int64) * block_size):
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


@triton.jit
def gather_mla_cache(latent_ptr, key_rope_ptr, latent_cache_ptr, key_scale_tensor_ptr, block_table_ptr, starts_ptr, row_starts_ptr, key_scale,
                     num_sequences, num_blocks, block_size, stride_table, stride_latent_token, stride_key_rope_token, stride_block,
                     stride_slot, FP8: tl.constexpr):
    """Grid: (rows). Ranges of positions, one of each sequence, become rows of latent [rows, 512] and key_rope [rows, 64], times
    key_scale where the cache is FP8. starts int32 [sequences]: the first position of each; row_starts int32 [sequences + 1]: its row,
    and behind the last sequence their number. Rows of no range, or of a block that the cache does not have, stay as they are."""
    row = tl.program_id(0)
    low = 0
    high = num_sequences + 1
    while low < high:  # for the first range that begins behind the row
        middle = (low + high) // 2
        if tl.load(row_starts_ptr + middle) <= row:
            low = middle + 1
        else:
            high = middle
    sequence = low - 1
    if (sequence < 0) | (sequence == num_sequences):
        return
    position = tl.load(starts_ptr + sequence) + row - tl.load(row_starts_ptr + sequence)
    block = tl.load(block_table_ptr + sequence.to(tl.int64) * stride_table + position // block_size)
    if (block < 0) | (block >= num_blocks):
        return
    place = latent_cache_ptr + block.to(tl.int64) * stride_block + position % block_size * stride_slot
    elements = tl.arange(0, RANK)
    rotary = tl.arange(0, ROPE)
    latent = tl.load(place + elements)
    key = tl.load(place + RANK + rotary)
    dtype: tl.constexpr = latent_ptr.dtype.element_ty
    if FP8 is not None:
        key_scale = chosen_scale(key_scale, key_scale_tensor_ptr)
        latent = rounded(latent.to(tl.float32) * key_scale, dtype)
        key = rounded(key.to(tl.float32) * key_scale, dtype)
    tl.store(latent_ptr + row.to(tl.int64) * stride_latent_token + elements, latent)
    tl.store(key_rope_ptr + row.to(tl.int64) * stride_key_rope_token + rotary, key)
