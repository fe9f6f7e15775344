"""Writes new keys and values into a paged cache [num_blocks, 2, block_size, num_kv_heads, head_size]."""

import triton
import triton.language as tl

from kernels.triton.float8 import chosen_scale, fp8_rounded

# Elements that lie side by side in one head: what head sizes are multiples of.
PIECE = tl.constexpr(8)


@triton.jit
def stored(values, scale, cache_ptr, FP8: tl.constexpr):
    """Values as the cache holds them: divided by a scale where it is fp8."""
    if FP8 is None:
        return values.to(cache_ptr.dtype.element_ty)
    else:
        return fp8_rounded(values.to(tl.float32) / scale, FP8)


@triton.jit
def reshape_and_cache_flash(key_ptr, value_ptr, key_cache_ptr, value_cache_ptr, slot_mapping_ptr,
                            key_scale_tensor_ptr, value_scale_tensor_ptr, key_scale, value_scale,
                            block_size, head_size, row_elements,
                            stride_key_token, stride_key_head, stride_value_token, stride_value_head,
                            stride_block, stride_slot, stride_head, PIECES: tl.constexpr, FP8: tl.constexpr):
    """Grid: (tokens). key and value [tokens, num_kv_heads, head_size]; row_elements = num_kv_heads * head_size;
    slot_mapping int64 [tokens]: block * block_size + offset, negative: the token is not stored."""
    token = tl.program_id(0).to(tl.int64)
    slot = tl.load(slot_mapping_ptr + token)
    if slot < 0:
        return
    slot = slot.to(tl.int32)
    target = (slot // block_size).to(tl.int64) * stride_block + (slot % block_size) * stride_slot
    if FP8 is not None:
        key_scale = chosen_scale(key_scale, key_scale_tensor_ptr)
        value_scale = chosen_scale(value_scale, value_scale_tensor_ptr)
    pieces_of_head = head_size // PIECE
    for first in range(0, row_elements // PIECE, PIECES):
        piece = first + tl.arange(0, PIECES)
        in_row = (piece < row_elements // PIECE)[:, None]
        head = (piece // pieces_of_head)[:, None]
        element = (piece % pieces_of_head * PIECE)[:, None] + tl.arange(0, PIECE)[None, :]
        key = tl.load(key_ptr + token * stride_key_token + head * stride_key_head + element, mask=in_row)
        value = tl.load(value_ptr + token * stride_value_token + head * stride_value_head + element, mask=in_row)
        place = target + head * stride_head + element
        tl.store(key_cache_ptr + place, stored(key, key_scale, key_cache_ptr, FP8), mask=in_row)
        tl.store(value_cache_ptr + place, stored(value, value_scale, value_cache_ptr, FP8), mask=in_row)
