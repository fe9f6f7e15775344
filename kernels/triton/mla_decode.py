"""Latent attention for a few query tokens of each sequence, in the latent space: every head attends to the cache itself.

A program attends for BLOCK_M rows (query token, head) of one sequence to one segment of its keys. The cached latent is
key and value at once: a tile of it is loaded once, and both products take it. Decode tokens are those of the sequences
that decode_sequences lists, one after the other; partial results and latent queries lie in that order.
"""

import triton
import triton.language as tl

from kernels.triton.float8 import chosen_scale
from kernels.triton.mla_latent import PART, RANK, ROPE, load_latents, look_up
from kernels.triton.rows import tokens_and_heads
from kernels.triton.softmax import LN_2, RAISED, add_segments, rounded
from kernels.triton.xcds import dealt_to_xcds


@triton.jit
def mla_decode(partial_ptr, partial_max_ptr, partial_sum_ptr, query_latent_ptr, query_rope_ptr, latent_cache_ptr,
               key_scale_tensor_ptr, block_table_ptr, seq_lens_ptr, query_start_loc_ptr, decode_sequences_ptr,
               decode_starts_ptr, scale, key_scale, segment_tokens, max_segments, xcds, num_heads, block_size,
               stride_table, stride_query_rope_token, stride_query_rope_head, stride_block, stride_slot,
               BLOCK_M: tl.constexpr, TILE: tl.constexpr, SCALED_CACHE: tl.constexpr):
    """Grid: (max_segments, decode sequences, tiles of rows of the longest).

    query_latent [decode tokens, heads, 512], query_rope [tokens, heads, 64]; decode_sequences int32: sequences, -1: none;
    decode_starts int32: the first decode token of each. scale is in base 2. xcds: how many there are, where the grid's order does
    not keep the tiles of a segment on one of them; else 1. Writes unnormalised float32 partial sums
    [decode tokens, heads, max_segments, 512], and each segment's largest score (base 2) and sum of weights, for mla_reduce.
    """
    segment = tl.program_id(0)
    decode = tl.program_id(1)
    tile_of_rows = tl.program_id(2)
    if xcds > 1:  # tiles of a segment attend to the same keys
        units = max_segments * tl.num_programs(1)
        unit, tile_of_rows = dealt_to_xcds(segment + max_segments * decode + units * tile_of_rows, units, tl.num_programs(2), xcds)
        segment = unit % max_segments
        decode = unit // max_segments
    sequence = tl.load(decode_sequences_ptr + decode)
    if sequence < 0:
        return
    start = tl.load(decode_starts_ptr + decode)
    query_start = tl.load(query_start_loc_ptr + sequence)
    query_len = tl.load(query_start_loc_ptr + sequence + 1) - query_start
    first_row = tile_of_rows * BLOCK_M
    if first_row >= query_len * num_heads:
        return
    context = tl.load(seq_lens_ptr + sequence) - query_len
    last_token = tl.minimum((first_row + BLOCK_M - 1) // num_heads, query_len - 1)
    first_key = segment * segment_tokens
    end_key = tl.minimum(first_key + segment_tokens, context + last_token + 1)
    if first_key >= end_key:
        return

    tokens, heads = tokens_and_heads(first_row, num_heads, BLOCK_M)
    rows_valid = tokens < query_len
    last_keys = tl.minimum(context + tokens, end_key - 1)
    # Rows follow each other: what lanes add to the first is 32 bits wide.
    base_row = start.to(tl.int64) * num_heads + first_row
    rows = tl.arange(0, BLOCK_M)
    elements = tl.arange(0, RANK)
    rotary = tl.arange(0, ROPE)
    query = tl.load(query_latent_ptr + base_row * RANK + (rows[:, None] * RANK + elements[None, :]), mask=rows_valid[:, None], other=0.0)
    rope_base = query_rope_ptr + (query_start + first_row // num_heads).to(tl.int64) * stride_query_rope_token
    rope_offsets = (tokens - first_row // num_heads) * stride_query_rope_token + heads * stride_query_rope_head
    query_rope = tl.load(rope_base + (rope_offsets[:, None] + rotary[None, :]), mask=rows_valid[:, None], other=0.0)
    if SCALED_CACHE:
        scale *= chosen_scale(key_scale, key_scale_tensor_ptr)
    table = block_table_ptr + sequence.to(tl.int64) * stride_table
    in_part = tl.arange(0, PART)
    raised: tl.constexpr = RAISED if query.dtype == tl.float16 else 0.0

    accumulated = tl.zeros([BLOCK_M, RANK], tl.float32)
    largest = tl.full([BLOCK_M], float("-inf"), tl.float32)
    sums = tl.zeros([BLOCK_M, PART], tl.float32)
    last_block = (end_key - 1) // block_size
    pages = (table, block_size, last_block, end_key)
    strides = (stride_block, stride_slot)
    parts: tl.constexpr = TILE // PART
    # A tile's latents are loaded while the tile before is attended to, and its blocks looked up another tile ahead.
    blocks, slots, at = look_up(pages, (first_key, first_key // block_size, first_key % block_size), parts)
    latents, key_ropes = load_latents(latent_cache_ptr, blocks, slots, first_key, pages, strides, parts)
    blocks, slots, at = look_up(pages, at, parts)
    for tile in tl.range(first_key, end_key, TILE):
        next_latents, next_key_ropes = load_latents(latent_cache_ptr, blocks, slots, tile + TILE, pages, strides, parts)
        blocks, slots, at = look_up(pages, at, parts)
        scores = ()
        best = None
        for part in tl.static_range(parts):
            score = tl.dot(query, tl.trans(latents[part].to(query.dtype))) + tl.dot(query_rope, tl.trans(key_ropes[part].to(query.dtype)))
            score = tl.where((tile + part * PART + in_part)[None, :] <= last_keys[:, None], score, float("-inf"))
            scores = scores + (score,)
            best = score if part == 0 else tl.maximum(best, score)
        new_largest = tl.maximum(largest, tl.max(best, 1))
        shift = tl.where(new_largest == float("-inf"), 0.0, new_largest)  # (-inf) - (-inf) is NaN
        keep = tl.math.exp2((largest - shift) * scale)[:, None]
        accumulated *= keep
        sums *= keep
        for part in tl.static_range(parts):
            weights = tl.math.exp2(scores[part] * scale - (shift * scale - raised)[:, None])
            sums += weights
            accumulated += tl.dot(rounded(weights, query.dtype), latents[part].to(query.dtype))
        largest = new_largest
        latents = next_latents
        key_ropes = next_key_ropes

    total = tl.sum(sums, 1)
    if query.dtype == tl.float16:
        accumulated *= 2.0 ** -RAISED
        total *= 2.0 ** -RAISED
    if SCALED_CACHE:
        accumulated *= chosen_scale(key_scale, key_scale_tensor_ptr)
    base_part = base_row * max_segments + segment
    parts = rows * max_segments
    tl.store(partial_max_ptr + base_part + parts, largest * scale, mask=rows_valid)
    tl.store(partial_sum_ptr + base_part + parts, total, mask=rows_valid)
    tl.store(partial_ptr + base_part * RANK + (parts[:, None] * RANK + elements[None, :]), accumulated, mask=rows_valid[:, None])


@triton.jit
def mla_reduce(latent_output_ptr, lse_ptr, partial_ptr, partial_max_ptr, partial_sum_ptr, decode_tokens_ptr, decode_keys_ptr,
               write_lse, segment_tokens, max_segments, num_heads, CHUNK: tl.constexpr, COLUMNS: tl.constexpr):
    """Merges the segments of mla_decode in their order, CHUNK at a time, of COLUMNS elements. Grid: (512 / COLUMNS, decode tokens,
    heads). decode_tokens int32: where each stands among all tokens, -1: none; decode_keys int32: the keys that it sees. Writes
    [decode tokens, heads, 512] and, where write_lse is not 0, log(sum(exp(score))) [tokens, heads]."""
    decode = tl.program_id(1)
    head = tl.program_id(2)
    token = tl.load(decode_tokens_ptr + decode)
    if token < 0:
        return
    segments = tl.cdiv(tl.load(decode_keys_ptr + decode), segment_tokens)
    elements = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    row = decode.to(tl.int64) * num_heads + head
    first = row * max_segments
    largest = tl.full([1], float("-inf"), tl.float32)
    total = tl.zeros([1], tl.float32)
    accumulated = tl.zeros([1, COLUMNS], tl.float32)
    for chunk in range(0, segments, CHUNK):
        segment = chunk + tl.arange(0, CHUNK)
        exists = segment < segments
        part_max = tl.load(partial_max_ptr + first + segment, mask=exists, other=float("-inf"))
        part_sum = tl.load(partial_sum_ptr + first + segment, mask=exists, other=0.0)
        part = tl.load(partial_ptr + (first + segment)[:, None] * RANK + elements[None, :], mask=exists[:, None], other=0.0)
        accumulated, largest, total = add_segments(accumulated, largest, total, part, part_max, part_sum)
    merged = rounded(accumulated * (1.0 / total)[:, None], latent_output_ptr.dtype.element_ty)
    tl.store(latent_output_ptr + row * RANK + elements[None, :], merged)
    if (write_lse != 0) & (tl.program_id(0) == 0):
        place = token.to(tl.int64) * num_heads + head + tl.zeros([1], tl.int64)
        tl.store(lse_ptr + place, (largest + tl.math.log2(total)) * LN_2)
