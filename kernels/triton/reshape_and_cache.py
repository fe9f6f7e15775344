"""Writes new keys and values into a paged cache [num_blocks, 2, block_size, num_kv_heads, head_size]."""

import triton
import triton.language as tl


@triton.jit
def reshape_and_cache_flash(key_ptr, value_ptr, key_cache_ptr, value_cache_ptr, slot_mapping_ptr,
                            key_scale_ptr, value_scale_ptr, block_size, row_elements,
                            stride_key_token, stride_key_head, stride_value_token, stride_value_head,
                            stride_block, stride_slot, stride_head,
                            HEAD_SIZE: tl.constexpr, ELEMENTS: tl.constexpr, SCALED_CACHE: tl.constexpr,
                            FP8_MAX: tl.constexpr):
    """Grid: (tokens). key and value [tokens, num_kv_heads, head_size]; row_elements = num_kv_heads * head_size;
    slot_mapping int64 [tokens]: block * block_size + offset, negative: the token is not stored."""
    token = tl.program_id(0).to(tl.int64)
    slot = tl.load(slot_mapping_ptr + token)
    if slot < 0:
        return
    slot = slot.to(tl.int32)
    target = (slot // block_size).to(tl.int64) * stride_block + (slot % block_size) * stride_slot
    for first in range(0, row_elements, ELEMENTS):
        index = first + tl.arange(0, ELEMENTS)
        in_row = index < row_elements
        head = index // HEAD_SIZE
        element = index % HEAD_SIZE
        key = tl.load(key_ptr + token * stride_key_token + head * stride_key_head + element, mask=in_row)
        value = tl.load(value_ptr + token * stride_value_token + head * stride_value_head + element, mask=in_row)
        if SCALED_CACHE:  # stores saturate: fp8 has no infinity to overflow to
            key = tl.clamp(key.to(tl.float32) / tl.load(key_scale_ptr), -FP8_MAX, FP8_MAX)
            value = tl.clamp(value.to(tl.float32) / tl.load(value_scale_ptr), -FP8_MAX, FP8_MAX)
        place = target + head * stride_head + element
        tl.store(key_cache_ptr + place, key.to(key_cache_ptr.dtype.element_ty), mask=in_row)
        tl.store(value_cache_ptr + place, value.to(value_cache_ptr.dtype.element_ty), mask=in_row)
