"""Paged attention for every phase, over a KV cache [num_blocks, 2, block_size, num_kv_heads, head_size].

A program attends for BLOCK_M rows of one sequence and one KV head. A row is a (query token, query head) pair: row r of a
sequence is token r // group, head r % group of the KV head's group, so that any ratio of query to KV heads fills the
tiles. Keys are visited TILE at a time with the online softmax of FlashAttention, in base 2.

A tile consists of parts of 16 keys, the granule of block sizes. A part lies in one block, so its address is a scalar:
one look-up in the block table, one 64-bit base; what lanes add to it is 32 bits wide and the same in every tile. Tiles
that all rows see whole come first and need no masks; those at the end of the sequence and on the diagonal follow.

Both kernels load nothing behind a sequence's end, and no entry of the block table behind its last block: what lies in
unused slots, NaN included, has no influence. Block ids are 32-bit, addresses in the cache 64-bit.
"""

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)
LN_2 = tl.constexpr(0.6931471805599453)
PART = tl.constexpr(16)


@triton.jit
def masked_scores(scores, keys, positions, end_key, window, WINDOW: tl.constexpr):
    """-inf where a row must not see a key."""
    visible = (keys[None, :] <= positions[:, None]) & (keys < end_key)[None, :]
    if WINDOW:
        visible &= keys[None, :] > positions[:, None] - window
    return tl.where(visible, scores, float("-inf"))


@triton.jit
def biased_scores(scores, keys, positions, alibi_slopes, scale, soft_cap, ALIBI: tl.constexpr, SOFT_CAP: tl.constexpr):
    """Scores in base 2 that are more than products. Order: scale, soft cap, ALiBi."""
    scores *= scale
    if SOFT_CAP:  # scale is then without log2(e): cap * tanh(score / cap)
        scores = soft_cap * (1.0 - 2.0 / (1.0 + tl.math.exp2(scores * (2.0 * LOG2_E) / soft_cap))) * LOG2_E
    if ALIBI:
        scores += alibi_slopes[:, None] * LOG2_E * (keys[None, :] - positions[:, None]).to(tl.float32)
    return scores


@triton.jit
def rounded(values, dtype: tl.constexpr):
    """Rounds to the nearest of `dtype`, ties to even. gfx942 cannot convert to bfloat16, and the compiler's substitute spends
    half of its instructions on NaN, whose payload might be rounded away: one that comes from 16-bit inputs has nothing there."""
    if dtype == tl.bfloat16:
        bits = values.to(tl.uint32, bitcast=True)
        bits += 0x7FFF + ((bits >> 16) & 1)
        return (bits >> 16).to(tl.uint16).to(tl.bfloat16, bitcast=True)
    return values.to(dtype)


@triton.jit
def attend_tiles(query, positions, first_key, last_key, end_key, state, cache, scoring,
                 PARTS: tl.constexpr, HEAD_SIZE: tl.constexpr, HEAD_PADDED: tl.constexpr,
                 WINDOW: tl.constexpr, ALIBI: tl.constexpr, SOFT_CAP: tl.constexpr, MASKED: tl.constexpr):
    """Online softmax over the tiles of keys [first_key, last_key), of which those behind end_key do not exist. `largest`
    is in units of the scores as tl.dot gives them, where nothing is added to them: the scale then costs nothing beside
    the subtraction. `sums` holds one partial sum of weights for each key of a part."""
    accumulated, largest, sums = state
    key_cache_ptr, value_cache_ptr, block_table_ptr, block_size, stride_block, stride_slot = cache
    scale, soft_cap, window, alibi_slopes = scoring
    tl.assume(stride_slot >= 0)
    tl.assume(stride_slot < 1 << 20)  # with this the compiler knows that the lanes' offsets fit into a buffer load's
    in_part = tl.arange(0, PART)
    elements = tl.arange(0, HEAD_PADDED)
    in_head = elements < HEAD_SIZE
    key_offsets = in_part[None, :] * stride_slot + elements[:, None]
    value_offsets = in_part[:, None] * stride_slot + elements[None, :]
    factor = 1.0 if ALIBI or SOFT_CAP else scale
    block = first_key // block_size
    slot = first_key % block_size
    last_block = (end_key - 1) // block_size
    for tile in range(first_key, last_key, PARTS * PART):
        keys = ()
        values = ()
        for part in tl.static_range(PARTS):
            base = tl.load(block_table_ptr + tl.minimum(block, last_block)).to(tl.int64) * stride_block + slot * stride_slot
            if MASKED:
                exists = tile + part * PART + in_part < end_key
                key = tl.load(key_cache_ptr + base + key_offsets, mask=exists[None, :] & in_head[:, None], other=0.0)
                value = tl.load(value_cache_ptr + base + value_offsets, mask=exists[:, None] & in_head[None, :],
                                other=0.0)
            elif HEAD_SIZE != HEAD_PADDED:
                key = tl.load(key_cache_ptr + base + key_offsets, mask=in_head[:, None], other=0.0)
                value = tl.load(value_cache_ptr + base + value_offsets, mask=in_head[None, :], other=0.0)
            else:
                key = tl.load(key_cache_ptr + base + key_offsets)
                value = tl.load(value_cache_ptr + base + value_offsets)
            keys = keys + (key,)
            values = values + (value,)
            slot += PART
            block += (slot == block_size).to(tl.int32)
            slot = tl.where(slot == block_size, 0, slot)

        scores = ()
        best = None
        for part in tl.static_range(PARTS):
            score = tl.dot(query, keys[part].to(query.dtype), input_precision="ieee")
            part_keys = tile + part * PART + in_part
            if ALIBI or SOFT_CAP:
                score = biased_scores(score, part_keys, positions, alibi_slopes, scale, soft_cap, ALIBI, SOFT_CAP)
            if MASKED:
                score = masked_scores(score, part_keys, positions, end_key, window, WINDOW)
            scores = scores + (score,)
            best = score if part == 0 else tl.maximum(best, score)
        new_largest = tl.maximum(largest, tl.max(best, 1))
        shift = new_largest
        if MASKED:  # a row that has seen nothing yet must not compute (-inf) - (-inf)
            shift = tl.where(new_largest == float("-inf"), 0.0, new_largest)
        keep = tl.math.exp2((largest - shift) * factor)[:, None]
        accumulated *= keep
        sums *= keep
        for part in tl.static_range(PARTS):
            weights = tl.math.exp2(scores[part] * factor - (shift * factor)[:, None])
            sums += weights
            accumulated += tl.dot(rounded(weights, query.dtype), values[part].to(query.dtype), input_precision="ieee")
        largest = new_largest
    return accumulated, largest, sums


@triton.jit
def attend(query, positions, first_key, full_end, end_key, cache, scoring,
           BLOCK_M: tl.constexpr, TILE: tl.constexpr, HEAD_SIZE: tl.constexpr, HEAD_PADDED: tl.constexpr,
           WINDOW: tl.constexpr, ALIBI: tl.constexpr, SOFT_CAP: tl.constexpr):
    """Attends for BLOCK_M rows to keys [first_key, end_key); all rows see those before full_end, whole tiles. Returns the
    unnormalised sum of values, the largest score (base 2) and the sum of weights of each row."""
    largest = tl.full([BLOCK_M], float("-inf"), tl.float32)
    sums = tl.zeros([BLOCK_M, PART], tl.float32)
    state = (tl.zeros([BLOCK_M, HEAD_PADDED], tl.float32), largest, sums)
    state = attend_tiles(query, positions, first_key, full_end, end_key, state, cache, scoring,
                         TILE // PART, HEAD_SIZE, HEAD_PADDED, WINDOW, ALIBI, SOFT_CAP, False)
    accumulated, largest, sums = attend_tiles(query, positions, full_end, end_key, end_key, state, cache, scoring,
                                              TILE // PART, HEAD_SIZE, HEAD_PADDED, WINDOW, ALIBI, SOFT_CAP, True)
    if not (ALIBI or SOFT_CAP):
        largest *= scoring[0]
    return accumulated, largest, tl.sum(sums, 1)


@triton.jit
def add_sink(accumulated, largest, total, sink):
    """Takes one more logit per row into the softmax's sum; it has no value. `sink` is in base 2."""
    new_largest = tl.maximum(largest, sink)
    keep = tl.math.exp2(largest - new_largest)
    return accumulated * keep[:, None], new_largest, total * keep + tl.math.exp2(sink - new_largest)


@triton.jit
def store_rows(output_ptr, lse_ptr, write_lse, accumulated, largest, total, value_scale, rows_valid, tokens, heads,
               num_heads, stride_output_token, stride_output_head, HEAD_SIZE: tl.constexpr, HEAD_PADDED: tl.constexpr):
    """Writes normalised rows and, where write_lse is not 0, log(sum(exp(score))): 0 and -inf where a row has seen nothing."""
    elements = tl.arange(0, HEAD_PADDED)
    seen = total != 0.0  # NaN has been seen
    factor = value_scale / tl.where(seen, total, 1.0)  # one division a row: it takes ten instructions
    output = accumulated * factor[:, None]
    address = output_ptr + tokens.to(tl.int64)[:, None] * stride_output_token + heads.to(tl.int64)[:, None] * stride_output_head
    tl.store(address + elements[None, :], rounded(output, output_ptr.dtype.element_ty),
             mask=rows_valid[:, None] & (elements < HEAD_SIZE)[None, :])
    lse = tl.where(seen, (largest + tl.math.log2(tl.where(seen, total, 1.0))) * LN_2, float("-inf"))
    tl.store(lse_ptr + tokens.to(tl.int64) * num_heads + heads, lse, mask=rows_valid & (write_lse != 0))


@triton.jit
def find_sequence(query_start_loc_ptr, tile, num_sequences, group, BLOCK_M: tl.constexpr):
    """The sequence whose rows tile `tile` holds. Sequence s starts at tile query_start_loc[s] * group // BLOCK_M + s, which
    leaves every sequence room for its last, partly filled tile."""
    low = 0
    high = num_sequences
    while low < high:
        middle = (low + high) // 2
        start = tl.load(query_start_loc_ptr + middle) * group // BLOCK_M + middle
        if start <= tile:
            low = middle + 1
        else:
            high = middle
    return low - 1


@triton.jit
def tokens_and_heads(first_row, group, BLOCK_M: tl.constexpr):
    """The query token and the head within its group of BLOCK_M rows. The scalar unit divides whole numbers; what is left
    for the lanes, below 2^22, divides exactly in floating point, for a tenth of the instructions."""
    rows = first_row % group + tl.arange(0, BLOCK_M)
    tokens = ((rows + 0.5) * (1.0 / group)).to(tl.int32)
    return first_row // group + tokens, rows - tokens * group


@triton.jit
def unified_attention_2d(output_ptr, lse_ptr, query_ptr, key_cache_ptr, value_cache_ptr, sinks_ptr, alibi_slopes_ptr,
                         key_scale_ptr, value_scale_ptr, block_table_ptr, seq_lens_ptr, query_start_loc_ptr,
                         scale, soft_cap, window, write_lse, min_query_len, num_sequences, group, num_heads, block_size,
                         stride_table, stride_query_token, stride_query_head, stride_output_token, stride_output_head,
                         stride_block, stride_slot, stride_head,
                         BLOCK_M: tl.constexpr, TILE: tl.constexpr,
                         HEAD_SIZE: tl.constexpr, HEAD_PADDED: tl.constexpr, WINDOW: tl.constexpr,
                         ALIBI: tl.constexpr, SOFT_CAP: tl.constexpr, SINKS: tl.constexpr, SCALED_CACHE: tl.constexpr):
    """Prefill, chunked prefill and short decode. Grid: (KV heads, total tokens * group // BLOCK_M + sequences).

    query, output [tokens, heads, head_size]; lse float32 [tokens, heads]; block_table int32 [sequences, stride_table];
    seq_lens int32 [sequences]: context + query; query_start_loc int32 [sequences + 1]. Sequences with fewer than
    min_query_len query tokens are left to another launch.
    """
    kv_head = tl.program_id(0)
    # From the last tile to the first: the longest rows of a causal sequence begin first.
    tile = tl.load(query_start_loc_ptr + num_sequences) * group // BLOCK_M + num_sequences - 1 - tl.program_id(1)
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
                    + elements[None, :], mask=rows_valid[:, None] & (elements < HEAD_SIZE)[None, :], other=0.0)
    alibi_slopes = tl.load(alibi_slopes_ptr + heads, mask=rows_valid, other=0.0) if ALIBI else 0.0
    value_scale = 1.0
    if SCALED_CACHE:
        scale *= tl.load(key_scale_ptr)
        value_scale = tl.load(value_scale_ptr)

    last_token = tl.minimum((first_row + BLOCK_M - 1) // group, query_len - 1)
    end_key = context + last_token + 1
    first_key = 0
    if WINDOW:
        first_key = tl.maximum(context + first_row // group - window + 1, 0) // TILE * TILE
    full_end = first_key if WINDOW else (context + first_row // group + 1) // TILE * TILE
    cache = (key_cache_ptr + kv_head * stride_head, value_cache_ptr + kv_head * stride_head,
             block_table_ptr + sequence.to(tl.int64) * stride_table, block_size, stride_block, stride_slot)
    scoring = (scale, soft_cap, window, alibi_slopes)
    accumulated, largest, total = attend(query, positions, first_key, full_end, end_key, cache, scoring,
                                         BLOCK_M, TILE, HEAD_SIZE, HEAD_PADDED, WINDOW, ALIBI, SOFT_CAP)
    if SINKS:
        sink = tl.load(sinks_ptr + heads, mask=rows_valid, other=0.0).to(tl.float32) * LOG2_E
        accumulated, largest, total = add_sink(accumulated, largest, total, sink)
    store_rows(output_ptr, lse_ptr, write_lse, accumulated, largest, total, value_scale, rows_valid, tokens, heads,
               num_heads, stride_output_token, stride_output_head, HEAD_SIZE, HEAD_PADDED)


@triton.jit
def unified_attention_3d(partial_ptr, partial_max_ptr, partial_sum_ptr, query_ptr, key_cache_ptr, value_cache_ptr,
                         alibi_slopes_ptr, key_scale_ptr, block_table_ptr, seq_lens_ptr, query_start_loc_ptr,
                         scale, soft_cap, window, segment_tokens, max_segments, group, num_heads, block_size,
                         stride_table, stride_query_token, stride_query_head, stride_block, stride_slot, stride_head,
                         BLOCK_M: tl.constexpr, TILE: tl.constexpr,
                         HEAD_SIZE: tl.constexpr, HEAD_PADDED: tl.constexpr, WINDOW: tl.constexpr,
                         ALIBI: tl.constexpr, SOFT_CAP: tl.constexpr, SCALED_CACHE: tl.constexpr):
    """Decode, split over the keys: each program attends to one segment of segment_tokens keys (a multiple of TILE), for
    sequences with one query token; others are left to another launch. Grid: (KV heads, sequences * ceil(group / BLOCK_M),
    max_segments). Writes unnormalised float32 partial sums [sequences, heads, max_segments, head_size], and each segment's
    largest score (base 2) and sum of weights [sequences, heads, max_segments], for reduce_segments.
    """
    kv_head = tl.program_id(0)
    tiles = (group + BLOCK_M - 1) // BLOCK_M
    sequence = tl.program_id(1) // tiles
    first_row = tl.program_id(1) % tiles * BLOCK_M
    segment = tl.program_id(2)
    token = tl.load(query_start_loc_ptr + sequence)
    query_len = tl.load(query_start_loc_ptr + sequence + 1) - token
    seq_len = tl.load(seq_lens_ptr + sequence)
    first_key = segment * segment_tokens
    if (query_len != 1) | (first_key >= seq_len):
        return
    end_key = tl.minimum(first_key + segment_tokens, seq_len)

    rows = first_row + tl.arange(0, BLOCK_M)
    rows_valid = rows < group
    heads = kv_head * group + rows
    positions = seq_len - 1 + tl.zeros([BLOCK_M], tl.int32)
    elements = tl.arange(0, HEAD_PADDED)
    in_head = (elements < HEAD_SIZE)[None, :]
    query = tl.load(query_ptr + token.to(tl.int64) * stride_query_token + heads.to(tl.int64)[:, None] * stride_query_head
                    + elements[None, :], mask=rows_valid[:, None] & in_head, other=0.0)
    alibi_slopes = tl.load(alibi_slopes_ptr + heads, mask=rows_valid, other=0.0) if ALIBI else 0.0
    if SCALED_CACHE:
        scale *= tl.load(key_scale_ptr)
    if WINDOW:
        first_key = tl.maximum(first_key, tl.maximum(seq_len - window, 0) // TILE * TILE)
    full_end = first_key if WINDOW else first_key + (end_key - first_key) // TILE * TILE
    cache = (key_cache_ptr + kv_head * stride_head, value_cache_ptr + kv_head * stride_head,
             block_table_ptr + sequence.to(tl.int64) * stride_table, block_size, stride_block, stride_slot)
    scoring = (scale, soft_cap, window, alibi_slopes)
    accumulated, largest, total = attend(query, positions, first_key, full_end, end_key, cache, scoring,
                                         BLOCK_M, TILE, HEAD_SIZE, HEAD_PADDED, WINDOW, ALIBI, SOFT_CAP)

    part = (sequence.to(tl.int64) * num_heads + heads) * max_segments + segment
    tl.store(partial_max_ptr + part, largest, mask=rows_valid)
    tl.store(partial_sum_ptr + part, total, mask=rows_valid)
    tl.store(partial_ptr + part[:, None] * HEAD_SIZE + elements[None, :], accumulated, mask=rows_valid[:, None] & in_head)


@triton.jit
def reduce_segments(output_ptr, lse_ptr, partial_ptr, partial_max_ptr, partial_sum_ptr, sinks_ptr, value_scale_ptr,
                    seq_lens_ptr, query_start_loc_ptr, write_lse, segment_tokens, max_segments, num_heads,
                    stride_output_token, stride_output_head,
                    HEAD_SIZE: tl.constexpr, HEAD_PADDED: tl.constexpr, CHUNK: tl.constexpr,
                    SINKS: tl.constexpr, SCALED_CACHE: tl.constexpr):
    """Merges the segments of unified_attention_3d in their order, CHUNK at a time: their loads wait for memory together.
    Grid: (sequences, heads)."""
    sequence = tl.program_id(0)
    head = tl.program_id(1)
    token = tl.load(query_start_loc_ptr + sequence)
    if tl.load(query_start_loc_ptr + sequence + 1) - token != 1:
        return
    segments = tl.cdiv(tl.load(seq_lens_ptr + sequence), segment_tokens)
    elements = tl.arange(0, HEAD_PADDED)
    in_head = elements < HEAD_SIZE
    first = (sequence.to(tl.int64) * num_heads + head) * max_segments
    largest = tl.full([1], float("-inf"), tl.float32)
    total = tl.zeros([1], tl.float32)
    accumulated = tl.zeros([1, HEAD_PADDED], tl.float32)
    for chunk in range(0, segments, CHUNK):
        segment = chunk + tl.arange(0, CHUNK)
        exists = segment < segments
        part_max = tl.load(partial_max_ptr + first + segment, mask=exists, other=float("-inf"))
        part_sum = tl.load(partial_sum_ptr + first + segment, mask=exists, other=0.0)
        part = tl.load(partial_ptr + (first + segment)[:, None] * HEAD_SIZE + elements[None, :],
                       mask=exists[:, None] & in_head[None, :], other=0.0)
        new_largest = tl.maximum(largest, tl.max(part_max, 0))
        shift = tl.where(new_largest == float("-inf"), 0.0, new_largest)
        keep = tl.math.exp2(largest - shift)
        weights = tl.math.exp2(part_max - shift)
        total = total * keep + tl.sum(part_sum * weights, 0)
        accumulated = accumulated * keep[:, None] + tl.sum(part * weights[:, None], 0)[None, :]
        largest = new_largest
    if SINKS:
        sink = tl.load(sinks_ptr + head).to(tl.float32) * LOG2_E + tl.zeros([1], tl.float32)
        accumulated, largest, total = add_sink(accumulated, largest, total, sink)
    value_scale = tl.load(value_scale_ptr) if SCALED_CACHE else 1.0
    row = tl.zeros([1], tl.int32)
    store_rows(output_ptr, lse_ptr, write_lse, accumulated, largest, total, value_scale, row == 0, row + token, row + head,
               num_heads, stride_output_token, stride_output_head, HEAD_SIZE, HEAD_PADDED)
