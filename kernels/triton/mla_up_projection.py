"""Queries, keys and values of latent attention as kernels of dense attention take them: heads of 192 elements, and of 128."""

import triton
import triton.language as tl

from kernels.triton.float8 import chosen_scale
from kernels.triton.mla_latent import NOPE, RANK, ROPE, VALUE
from kernels.triton.mla_products import projected
from kernels.triton.softmax import rounded


@triton.jit
def mla_join_query(query_ptr, query_nope_ptr, query_rope_ptr, num_heads, stride_query_nope_token, stride_query_nope_head,
                   stride_query_rope_token, stride_query_rope_head, HEADS: tl.constexpr):
    """Writes query [tokens, heads, 192]: of each head the part without position, then the rotary one. Grid: (tokens, tiles of heads)."""
    token = tl.program_id(0).to(tl.int64)
    heads = tl.program_id(1) * HEADS + tl.arange(0, HEADS)[:, None]
    exists = heads < num_heads
    elements = tl.arange(0, NOPE)[None, :]
    rotary = tl.arange(0, ROPE)[None, :]
    into = query_ptr + (token * num_heads + heads) * (NOPE + ROPE)
    nope = tl.load(query_nope_ptr + token * stride_query_nope_token + heads * stride_query_nope_head + elements, mask=exists)
    rope = tl.load(query_rope_ptr + token * stride_query_rope_token + heads * stride_query_rope_head + rotary, mask=exists)
    tl.store(into + elements, nope, mask=exists)
    tl.store(into + NOPE + rotary, rope, mask=exists)


@triton.jit
def sequences_of(rows, row_starts_ptr, num_sequences):
    """The sequence that each row belongs to: the last whose first row is not behind it, of those that have rows."""
    low = tl.zeros_like(rows)
    high = low + num_sequences - 1
    size = num_sequences
    while size > 1:
        middle = (low + high) // 2
        is_behind = tl.load(row_starts_ptr + middle + 1) <= rows
        low = tl.where(is_behind, middle + 1, low)
        high = tl.where(is_behind, high, middle)
        size = (size + 1) // 2
    return low


@triton.jit
def mla_up_projection(key_ptr, value_ptr, latent_cache_ptr, weight_ptr, group_table_ptr, starts_ptr, row_starts_ptr, key_scale_tensor_ptr,
                      key_scale, num_sequences, num_rows, num_heads, block_size, stride_table, stride_block, stride_slot,
                      BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, SCALED_CACHE: tl.constexpr):
    """Makes keys and values of ranges of positions, one of each sequence, which become consecutive rows: sequence s begins at
    position starts[s] with row row_starts[s], and behind the last stands num_rows. Its blocks are row s of the table.

    Grid: (256 / BLOCK_N, heads, tiles of rows). Writes key [rows, heads, 192], of which the last 64 are the rotary part, and value
    [rows, heads, 128]; times the scale of a cache in fp8.
    """
    head = tl.program_id(1).to(tl.int64)
    in_tile = tl.program_id(2) * BLOCK_M + tl.arange(0, BLOCK_M)
    rows = tl.minimum(in_tile, num_rows - 1)
    sequences = sequences_of(rows, row_starts_ptr, num_sequences)
    positions = tl.load(starts_ptr + sequences) + rows - tl.load(row_starts_ptr + sequences)
    blocks = tl.load(group_table_ptr + sequences.to(tl.int64) * stride_table + positions // block_size).to(tl.int64)
    latent_rows = latent_cache_ptr + (blocks * stride_block + positions % block_size * stride_slot)[:, None]
    dtype: tl.constexpr = key_ptr.dtype.element_ty
    first_column = tl.program_id(0) * BLOCK_N
    product = projected(latent_rows, weight_ptr, head, first_column, dtype, BLOCK_M, BLOCK_N, BLOCK_K)
    rotary = tl.arange(0, ROPE)[None, :]
    rope = tl.load(latent_rows + RANK + rotary).to(tl.float32)
    if SCALED_CACHE:
        scale = chosen_scale(key_scale, key_scale_tensor_ptr)
        product *= scale
        rope *= scale
    mask = (in_tile < num_rows)[:, None]
    into = in_tile.to(tl.int64)[:, None] * num_heads + head
    columns = tl.arange(0, BLOCK_N)[None, :]
    if first_column < NOPE:
        tl.store(key_ptr + into * (NOPE + ROPE) + first_column + columns, rounded(product, dtype), mask=mask)
    else:
        tl.store(value_ptr + into * VALUE + (first_column - NOPE) + columns, rounded(product, dtype), mask=mask)
    if first_column == 0:
        tl.store(key_ptr + into * (NOPE + ROPE) + NOPE + rotary, rounded(rope, dtype), mask=mask)
