"""Paged attention for every phase, over a KV cache [num_blocks, 2, block_size, num_kv_heads, head_size].

A program attends for BLOCK_M rows of one sequence and one KV head: pairs of a query token and a query head (rows.py), so
that any ratio of query to KV heads fills the tiles. It visits keys TILE at a time (attend.py), and finds them by the block
table (paged_keys.py).

The general variant (GENERAL) has a sliding window, a soft cap, ALiBi and sinks, in any combination that its arguments
ask for (scores.py). The plain variant has none of them. The general variant also attends to keys that stand ahead of a
query: as many as `ahead` says, which is 0 where attention is causal.

Keys and values that lie in tokens' order and not in a cache are taken for a cache too: each sequence is one block of it,
a block begins at any token, and the block table is query_start_loc.

Head sizes are padded to HEAD_PADDED, a power of two: what lies behind a head is not loaded. Nor is what lies behind a
sequence's end, but for values of a split cache, nor any entry of the block table behind its last block: what lies in
unused slots, NaN included, has no influence. Block ids are 32-bit, addresses in the cache 64-bit.
"""

import triton
import triton.language as tl

from kernels.triton.attend import attend
from kernels.triton.float8 import chosen_scale
from kernels.triton.paged_keys import split_cache
from kernels.triton.rows import find_sequence, store_rows, tokens_and_heads
from kernels.triton.scores import first_in_window, general_scoring
from kernels.triton.softmax import LOG2_E, add_segments, add_sink
from kernels.triton.xcds import dealt_to_xcds


@triton.jit
def unified_attention_2d(output_ptr, lse_ptr, query_ptr, key_cache_ptr, value_cache_ptr, sinks_ptr, alibi_slopes_ptr,
                         key_scale_tensor_ptr, value_scale_tensor_ptr, output_scale_tensor_ptr,
                         block_table_ptr, seq_lens_ptr, query_start_loc_ptr,
                         scale, soft_cap, key_scale, value_scale, output_scale,
                         window, ahead, write_lse, write_fp8, min_query_len, num_sequences, xcds, group, num_heads, head_size,
                         block_size, stride_table, stride_query_token, stride_query_head,
                         stride_output_token, stride_output_head, stride_block, stride_slot, stride_head,
                         stride_value_block, stride_value_slot, stride_cached_value_head,
                         BLOCK_M: tl.constexpr, TILE: tl.constexpr, HEAD_PADDED: tl.constexpr, GENERAL: tl.constexpr,
                         SCALED_CACHE: tl.constexpr, FP8: tl.constexpr, SPLIT: tl.constexpr):
    """Prefill, chunked prefill and short decode. Grid: (KV heads, total tokens * group // BLOCK_M + sequences).

    query, output [tokens, heads, head_size]; lse float32 [tokens, heads]; block_table int32 [sequences, stride_table];
    seq_lens int32 [sequences]: keys; query_start_loc int32 [sequences + 1]. A sequence's last query stands where its last
    key does, and sees `ahead` keys beyond its own position. scale and soft_cap are in base 2; a soft_cap of 0, and null
    for sinks or alibi_slopes, means none. Sequences with fewer than min_query_len query tokens are left to another launch.
    xcds: how many there are, where the grid's order does not keep a KV head's tiles on few of them; else 1. With SPLIT the
    cache has keys [blocks, KV heads, head_size / x, slots, x], x of them in 16 bytes, and values [blocks, KV heads,
    head_size, slots]; else its slots hold whole heads, at any strides: values at those of keys, where they are not given
    others.
    """
    kv_head = tl.program_id(0)
    tile_of_grid = tl.program_id(1)
    if xcds > 1:
        index = kv_head + tile_of_grid * tl.num_programs(0)
        kv_head, tile_of_grid = dealt_to_xcds(index, tl.num_programs(0), tl.num_programs(1), xcds)
    # From the last tile to the first: the longest rows of a causal sequence begin first.
    tile = tl.load(query_start_loc_ptr + num_sequences) * group // BLOCK_M + num_sequences - 1 - tile_of_grid
    if tile < 0:
        return
    sequence = find_sequence(query_start_loc_ptr, tile, num_sequences, group, BLOCK_M)
    query_start = tl.load(query_start_loc_ptr + sequence)
    query_len = tl.load(query_start_loc_ptr + sequence + 1) - query_start
    first_row = (tile - (query_start * group // BLOCK_M + sequence)) * BLOCK_M
    if (first_row >= query_len * group) | (query_len < min_query_len):
        return
    seq_len = tl.load(seq_lens_ptr + sequence)
    context = seq_len - query_len

    row_token, heads = tokens_and_heads(first_row, group, BLOCK_M)
    heads += kv_head * group
    rows_valid = row_token < query_len
    tokens = query_start + row_token
    positions = context + row_token
    elements = tl.arange(0, HEAD_PADDED)
    query = tl.load(query_ptr + tokens.to(tl.int64)[:, None] * stride_query_token + heads.to(tl.int64)[:, None] * stride_query_head
                    + elements[None, :], mask=rows_valid[:, None] & (elements < head_size)[None, :], other=0.0)
    if SCALED_CACHE:
        scale *= chosen_scale(key_scale, key_scale_tensor_ptr)

    first_token = first_row // group
    last_token = tl.minimum((first_row + BLOCK_M - 1) // group, query_len - 1)
    if SPLIT:
        cache = split_cache(key_cache_ptr, value_cache_ptr, block_table_ptr + sequence.to(tl.int64) * stride_table,
                            block_size, stride_block, stride_value_block, head_size, kv_head)
    else:
        key_head = kv_head.to(tl.int64) * stride_head
        value_head = key_head
        value_strides = (stride_block, stride_slot)
        if stride_value_slot is not None:
            value_head = kv_head.to(tl.int64) * stride_cached_value_head
            value_strides = (stride_value_block, stride_value_slot)
        cache = (key_cache_ptr + key_head, value_cache_ptr + value_head, block_table_ptr + sequence.to(tl.int64) * stride_table,
                 block_size, (stride_block, stride_slot), value_strides, head_size)
    if GENERAL:
        # From the sequence's end back, and no further back than to 0: all of it fits into 32 bits whatever the queries are.
        end_key = seq_len - tl.maximum(query_len - 1 - last_token - ahead, 0)
        first_key = first_in_window(context + first_token, window)
        full = (tl.maximum(context + last_token, 0) - window + 1,
                seq_len - tl.maximum(query_len - 1 - first_token - ahead, 0))
        scoring = general_scoring(scale, soft_cap, window, ahead, alibi_slopes_ptr, heads, rows_valid)
    else:
        end_key = context + last_token + 1
        first_key = 0
        full = (0, (context + first_token + 1) // TILE * TILE)
        scoring = (scale,)
    accumulated, largest, total = attend(query, positions, first_key, full, end_key, cache, scoring,
                                         BLOCK_M, TILE, HEAD_PADDED, GENERAL, SPLIT)
    if SCALED_CACHE:
        accumulated *= chosen_scale(value_scale, value_scale_tensor_ptr)
    if GENERAL:
        if sinks_ptr.to(tl.int64) != 0:
            sink = tl.load(sinks_ptr + heads, mask=rows_valid, other=0.0).to(tl.float32) * LOG2_E
            accumulated, largest, total = add_sink(accumulated, largest, total, sink)
    store_rows(output_ptr, lse_ptr, write_lse, output_scale, output_scale_tensor_ptr, write_fp8,
               accumulated, largest, total, rows_valid, tokens, heads, num_heads, stride_output_token, stride_output_head,
               head_size, HEAD_PADDED, FP8)


@triton.jit
def unified_attention_3d(partial_ptr, partial_max_ptr, partial_sum_ptr, query_ptr, key_cache_ptr, value_cache_ptr,
                         alibi_slopes_ptr, key_scale_tensor_ptr, value_scale_tensor_ptr,
                         block_table_ptr, seq_lens_ptr, query_start_loc_ptr,
                         scale, soft_cap, key_scale, value_scale,
                         window, segment_tokens, max_segments, xcds, group, num_heads, head_size, block_size,
                         stride_table, stride_query_token, stride_query_head, stride_block, stride_slot, stride_head,
                         stride_value_block,
                         BLOCK_M: tl.constexpr, TILE: tl.constexpr, HEAD_PADDED: tl.constexpr, GENERAL: tl.constexpr,
                         SCALED_CACHE: tl.constexpr, SPLIT: tl.constexpr):
    """Decode, split over the keys: each program attends to one segment of segment_tokens keys (a multiple of TILE) of
    those in the window, for sequences with one query token; others are left to another launch. Grid: (KV heads, sequences
    * ceil(group / BLOCK_M), max_segments); xcds as in unified_attention_2d. Writes unnormalised float32 partial sums
    [sequences, heads, max_segments, head_size], and each segment's largest score (base 2) and sum of weights [sequences,
    heads, max_segments], for reduce_segments.
    """
    kv_head = tl.program_id(0)
    num_kv_heads = tl.num_programs(0)
    tiles = (group + BLOCK_M - 1) // BLOCK_M
    sequence = tl.program_id(1) // tiles
    tile = tl.program_id(1) % tiles
    segment = tl.program_id(2)
    if xcds > 1:  # tiles of a KV head attend to the same keys
        index = kv_head + (tl.program_id(1) + segment * tl.num_programs(1)) * num_kv_heads
        sequences = tl.num_programs(1) // tiles
        unit, tile = dealt_to_xcds(index, num_kv_heads * sequences * max_segments, tiles, xcds)
        kv_head = unit % num_kv_heads
        sequence = unit // num_kv_heads % sequences
        segment = unit // num_kv_heads // sequences
    first_row = tile * BLOCK_M
    token = tl.load(query_start_loc_ptr + sequence)
    query_len = tl.load(query_start_loc_ptr + sequence + 1) - token
    seq_len = tl.load(seq_lens_ptr + sequence)
    first_key = segment * segment_tokens
    if GENERAL:
        first_key += first_in_window(seq_len - 1, window)
    if (query_len != 1) | (first_key >= seq_len):
        return
    end_key = tl.minimum(first_key + segment_tokens, seq_len)

    rows = first_row + tl.arange(0, BLOCK_M)
    rows_valid = rows < group
    heads = kv_head * group + rows
    positions = seq_len - 1 + tl.zeros([BLOCK_M], tl.int32)
    elements = tl.arange(0, HEAD_PADDED)
    in_head = (elements < head_size)[None, :]
    query = tl.load(query_ptr + token.to(tl.int64) * stride_query_token + heads.to(tl.int64)[:, None] * stride_query_head
                    + elements[None, :], mask=rows_valid[:, None] & in_head, other=0.0)
    if SCALED_CACHE:
        scale *= chosen_scale(key_scale, key_scale_tensor_ptr)
    if SPLIT:
        cache = split_cache(key_cache_ptr, value_cache_ptr, block_table_ptr + sequence.to(tl.int64) * stride_table,
                            block_size, stride_block, stride_value_block, head_size, kv_head)
    else:
        cache = (key_cache_ptr + kv_head * stride_head, value_cache_ptr + kv_head * stride_head,
                 block_table_ptr + sequence.to(tl.int64) * stride_table, block_size,
                 (stride_block, stride_slot), (stride_block, stride_slot), head_size)
    if GENERAL:
        full = (seq_len - window, seq_len)
        scoring = general_scoring(scale, soft_cap, window, 0, alibi_slopes_ptr, heads, rows_valid)
    else:
        full = (first_key, first_key + (end_key - first_key) // TILE * TILE)
        scoring = (scale,)
    accumulated, largest, total = attend(query, positions, first_key, full, end_key, cache, scoring,
                                         BLOCK_M, TILE, HEAD_PADDED, GENERAL, SPLIT)
    if SCALED_CACHE:
        accumulated *= chosen_scale(value_scale, value_scale_tensor_ptr)

    part = (sequence.to(tl.int64) * num_heads + heads) * max_segments + segment
    tl.store(partial_max_ptr + part, largest, mask=rows_valid)
    tl.store(partial_sum_ptr + part, total, mask=rows_valid)
    tl.store(partial_ptr + part[:, None] * head_size + elements[None, :], accumulated, mask=rows_valid[:, None] & in_head)


@triton.jit
def reduce_segments(output_ptr, lse_ptr, partial_ptr, partial_max_ptr, partial_sum_ptr, sinks_ptr, output_scale_tensor_ptr,
                    seq_lens_ptr, query_start_loc_ptr, output_scale, window, write_lse, write_fp8,
                    segment_tokens, max_segments, num_heads, head_size, stride_output_token, stride_output_head,
                    HEAD_PADDED: tl.constexpr, CHUNK: tl.constexpr, FP8: tl.constexpr):
    """Merges the segments of unified_attention_3d in their order, CHUNK at a time: their loads wait for memory together.
    Grid: (sequences, heads)."""
    sequence = tl.program_id(0)
    head = tl.program_id(1)
    token = tl.load(query_start_loc_ptr + sequence)
    if tl.load(query_start_loc_ptr + sequence + 1) - token != 1:
        return
    seq_len = tl.load(seq_lens_ptr + sequence)
    segments = tl.cdiv(seq_len - first_in_window(seq_len - 1, window), segment_tokens)
    elements = tl.arange(0, HEAD_PADDED)
    in_head = elements < head_size
    first = (sequence.to(tl.int64) * num_heads + head) * max_segments
    largest = tl.full([1], float("-inf"), tl.float32)
    total = tl.zeros([1], tl.float32)
    accumulated = tl.zeros([1, HEAD_PADDED], tl.float32)
    for chunk in range(0, segments, CHUNK):
        segment = chunk + tl.arange(0, CHUNK)
        exists = segment < segments
        part_max = tl.load(partial_max_ptr + first + segment, mask=exists, other=float("-inf"))
        part_sum = tl.load(partial_sum_ptr + first + segment, mask=exists, other=0.0)
        part = tl.load(partial_ptr + (first + segment)[:, None] * head_size + elements[None, :],
                       mask=exists[:, None] & in_head[None, :], other=0.0)
        accumulated, largest, total = add_segments(accumulated, largest, total, part, part_max, part_sum)
    if sinks_ptr.to(tl.int64) != 0:
        sink = tl.load(sinks_ptr + head).to(tl.float32) * LOG2_E + tl.zeros([1], tl.float32)
        accumulated, largest, total = add_sink(accumulated, largest, total, sink)
    row = tl.zeros([1], tl.int32)
    store_rows(output_ptr, lse_ptr, write_lse, output_scale, output_scale_tensor_ptr, write_fp8,
               accumulated, largest, total, row == 0, row + token, row + head, num_heads,
               stride_output_token, stride_output_head, head_size, HEAD_PADDED, FP8)
