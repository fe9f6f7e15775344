"""Paged attention for every phase, over a KV cache [num_blocks, 2, block_size, num_kv_heads, head_size].

A program attends for BLOCK_M rows of one sequence and one KV head. A row is a (query token, query head) pair: row r of a
sequence is token r // group, head r % group of the KV head's group, so that any ratio of query to KV heads fills the
tiles. Keys are visited TILE at a time with the online softmax of FlashAttention, in base 2.

A tile consists of parts of 16 keys, the granule of block sizes. A part lies in one block, so its address is a scalar:
one look-up in the block table, one 64-bit base; what lanes add to it is 32 bits wide and the same in every tile. Tiles
that all rows see whole come first and need no masks; those at the end of the sequence and on the diagonal follow.

The general variant (GENERAL) has a sliding window, a soft cap, ALiBi and sinks, in any combination that its arguments
ask for; it visits all tiles in one loop, and branches around what is not asked for. The plain variant has none of them.
The general variant also attends to keys that stand ahead of a query: as many as `ahead` says, which is 0 where attention
is causal.

Keys and values that lie in tokens' order and not in a cache are taken for a cache too: each sequence is one block of it,
a block begins at any token, and the block table is query_start_loc.

Head sizes are padded to HEAD_PADDED, a power of two: what lies behind a head is not loaded. Nor is what lies behind a
sequence's end, but for values of a split cache, nor any entry of the block table behind its last block: what lies in
unused slots, NaN included, has no influence. Block ids are 32-bit, addresses in the cache 64-bit.
"""

import triton
import triton.language as tl

from kernels.triton.float8 import chosen_scale, fp8_rounded
from kernels.triton.xcds import dealt_to_xcds

LOG2_E = tl.constexpr(1.4426950408889634)
LN_2 = tl.constexpr(0.6931471805599453)
PART = tl.constexpr(16)
# Bits of a key that lie together in a split cache.
PIECE_BITS = tl.constexpr(128)
# The power of two that float16 weights are raised by while they are products' operands: float16 has nothing below 2^-14 but
# subnormals, which lose bits, and which gfx90a's products take for 0.
RAISED = tl.constexpr(8.0)


@triton.jit
def general_scores(scores, keys, positions, end_key, scoring, is_edge):
    """Scores in base 2. Order: scale, soft cap, ALiBi; -inf where a row must not see a key, which is so at an edge alone.
    Nothing that branches stands between the two products, which would send the weights through LDS: each branch makes
    a tensor beside the scores, and they take it or not."""
    scale, soft_cap, window, ahead, has_alibi, slopes = scoring
    scores *= scale
    capped = tl.zeros_like(scores)
    if soft_cap != 0.0:  # cap * tanh(score / cap), both in base 2
        capped = soft_cap * (1.0 - 2.0 / (1.0 + tl.math.exp2(scores * (2.0 * LOG2_E / soft_cap))))
    bias = tl.zeros_like(scores)
    if has_alibi | is_edge:
        distance = keys[None, :] - positions[:, None]
        bias = -slopes[:, None] * tl.abs(distance.to(tl.float32))
        visible = (distance <= ahead) & (distance > -window) & (keys < end_key)[None, :]
        bias = tl.where(visible, bias, float("-inf"))
    return tl.where(soft_cap != 0.0, capped, scores) + bias


@triton.jit
def general_scoring(scale, soft_cap, window, ahead, alibi_slopes_ptr, heads, rows_valid):
    """What the general variant makes scores of, beside products. Order: scale, soft cap, ALiBi."""
    has_alibi = alibi_slopes_ptr.to(tl.int64) != 0
    slopes = tl.load(alibi_slopes_ptr + heads, mask=rows_valid & has_alibi, other=0.0) * LOG2_E
    return scale, soft_cap, window, ahead, has_alibi, slopes


@triton.jit
def first_in_window(position, window):
    """The first key of the part that holds the first key which a query at `position` sees."""
    return tl.where(position < window, 0, position - window + 1) // PART * PART


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
def split_cache(key_cache_ptr, value_cache_ptr, block_table_ptr, block_size, stride_block, stride_value_block, head_size, kv_head):
    """What attend_tiles takes for one head of a cache of layout split."""
    head = kv_head * head_size * block_size
    piece: tl.constexpr = PIECE_BITS // key_cache_ptr.dtype.element_ty.primitive_bitwidth
    return (key_cache_ptr + head, value_cache_ptr + head, block_table_ptr, block_size, (stride_block, piece),
            (stride_value_block, 1), head_size)


@triton.jit
def look_up(block_table_ptr, block, slot, block_size, last_block, PARTS: tl.constexpr):
    """The blocks and the first slots of a tile's parts, and where the tile behind it begins."""
    blocks = ()
    slots = ()
    for _ in tl.static_range(PARTS):
        blocks = blocks + (tl.load(block_table_ptr + tl.minimum(block, last_block)),)
        slots = slots + (slot,)
        slot += PART
        block += (slot == block_size).to(tl.int32)
        slot = tl.where(slot == block_size, 0, slot)
    return blocks, slots, block, slot


@triton.jit
def load_parts(blocks, slots, tile, end_key, cache, key_offsets, value_offsets, in_head, in_part,
               PARTS: tl.constexpr, MASKED: tl.constexpr):
    """The keys and values of a tile's parts, as the cache stores them; those behind end_key are 0 where MASKED."""
    key_cache_ptr, value_cache_ptr, _, _, key_strides, value_strides, _ = cache
    keys = ()
    values = ()
    for part in tl.static_range(PARTS):
        block = blocks[part].to(tl.int64)
        key_base = block * key_strides[0] + slots[part] * key_strides[1]
        value_base = block * value_strides[0] + slots[part] * value_strides[1]
        key_mask = in_head[:, None]
        value_mask = in_head[None, :]
        if MASKED:
            exists = tile + part * PART + in_part < end_key
            key_mask &= exists[None, :]
            value_mask &= exists[:, None]
        keys = keys + (tl.load(key_cache_ptr + key_base + key_offsets, mask=key_mask, other=0.0),)
        values = values + (tl.load(value_cache_ptr + value_base + value_offsets, mask=value_mask, other=0.0),)
    return keys, values


@triton.jit
def attend_tiles(query, positions, first_key, last_key, end_key, full, state, cache, scoring,
                 PARTS: tl.constexpr, HEAD_PADDED: tl.constexpr, GENERAL: tl.constexpr, MASKED: tl.constexpr,
                 SPLIT: tl.constexpr):
    """Online softmax over the tiles of keys [first_key, last_key), of which those behind end_key do not exist. `full`: the
    keys, first and end, that all rows see. `largest` is in units of the scores as tl.dot gives them, where nothing is
    added to them: the scale then costs nothing beside the subtraction. `sums` holds one partial sum of weights for each
    key of a part."""
    accumulated, largest, sums = state
    key_cache_ptr, value_cache_ptr, block_table_ptr, block_size, key_strides, value_strides, head_size = cache
    in_part = tl.arange(0, PART)
    elements = tl.arange(0, HEAD_PADDED)
    in_head = elements < head_size
    # With what is assumed here the compiler knows that the lanes' offsets fit into a buffer load's.
    if SPLIT:
        tl.assume(block_size >= 0)
        tl.assume(block_size < 1 << 20)
        piece: tl.constexpr = key_strides[1]
        key_elements = elements // piece * block_size * piece + elements % piece
        value_elements = elements * block_size
    else:
        tl.assume(key_strides[1] >= 0)
        tl.assume(key_strides[1] < 1 << 20)
        tl.assume(value_strides[1] >= 0)
        tl.assume(value_strides[1] < 1 << 20)
        key_elements = elements
        value_elements = elements
    key_offsets = in_part[None, :] * key_strides[1] + key_elements[:, None]
    value_offsets = in_part[:, None] * value_strides[1] + value_elements[None, :]
    factor = 1.0 if GENERAL else scoring[0]
    raised: tl.constexpr = RAISED if query.dtype == tl.float16 else 0.0
    block = first_key // block_size
    slot = first_key % block_size
    last_block = (end_key - 1) // block_size
    # Loads of the large tile's keys do not wait for the block table: it is looked up a tile ahead. Those of an fp8 cache are
    # a tile ahead by themselves, since the compiler does not bring forward what is converted.
    looks_ahead: tl.constexpr = query.shape[0] > 16 and not GENERAL
    loads_ahead: tl.constexpr = looks_ahead and not MASKED and key_cache_ptr.dtype.element_ty != query.dtype
    if looks_ahead:
        blocks, slots, block, slot = look_up(block_table_ptr, block, slot, block_size, last_block, PARTS)
    if loads_ahead:
        keys, values = load_parts(blocks, slots, first_key, end_key, cache, key_offsets, value_offsets, in_head, in_part,
                                  PARTS, MASKED)
        blocks, slots, block, slot = look_up(block_table_ptr, block, slot, block_size, last_block, PARTS)
    # The few masked tiles of the plain variant need no loads in advance, whose registers the others then have.
    for tile in tl.range(first_key, last_key, PARTS * PART, num_stages=1 if MASKED and not GENERAL else None):
        if loads_ahead:
            next_keys, next_values = load_parts(blocks, slots, tile + PARTS * PART, end_key, cache, key_offsets, value_offsets,
                                                in_head, in_part, PARTS, MASKED)
        elif looks_ahead:
            keys, values = load_parts(blocks, slots, tile, end_key, cache, key_offsets, value_offsets, in_head, in_part,
                                      PARTS, MASKED)
        if looks_ahead:
            blocks, slots, block, slot = look_up(block_table_ptr, block, slot, block_size, last_block, PARTS)
        else:
            keys = ()
            values = ()
            for part in tl.static_range(PARTS):
                physical = tl.load(block_table_ptr + tl.minimum(block, last_block)).to(tl.int64)
                slot_of_block = slot.to(tl.int64) if GENERAL else slot  # an encoder's sequence is one block, and may be long
                key_base = physical * key_strides[0] + slot_of_block * key_strides[1]
                value_base = physical * value_strides[0] + slot_of_block * value_strides[1]
                key_mask = in_head[:, None]
                value_mask = in_head[None, :]
                if MASKED:
                    exists = tile + part * PART + in_part < end_key
                    key_mask &= exists[None, :]
                    if not SPLIT:
                        value_mask &= exists[:, None]
                keys = keys + (tl.load(key_cache_ptr + key_base + key_offsets, mask=key_mask, other=0.0),)
                value = tl.load(value_cache_ptr + value_base + value_offsets, mask=value_mask, other=0.0)
                if SPLIT:  # slots lie side by side, and are loaded together: those behind the end are left out afterwards
                    value = tl.where(exists[:, None], value.to(query.dtype), 0.0)
                values = values + (value,)
                slot += PART
                block += (slot == block_size).to(tl.int32)
                slot = tl.where(slot == block_size, 0, slot)

        scores = ()
        best = None
        for part in tl.static_range(PARTS):
            score = tl.dot(query, keys[part].to(query.dtype), input_precision="ieee")
            part_keys = tile + part * PART + in_part
            if GENERAL:
                is_edge = (tile < full[0]) | (tile + PARTS * PART > full[1])
                score = general_scores(score, part_keys, positions, end_key, scoring, is_edge)
            elif MASKED:
                score = tl.where(part_keys[None, :] <= positions[:, None], score, float("-inf"))
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
            weights = tl.math.exp2(scores[part] * factor - (shift * factor - raised)[:, None])
            sums += weights
            accumulated += tl.dot(rounded(weights, query.dtype), values[part].to(query.dtype), input_precision="ieee")
        largest = new_largest
        if loads_ahead:
            keys = next_keys
            values = next_values
    return accumulated, largest, sums


@triton.jit
def attend(query, positions, first_key, full, end_key, cache, scoring,
           BLOCK_M: tl.constexpr, TILE: tl.constexpr, HEAD_PADDED: tl.constexpr, GENERAL: tl.constexpr, SPLIT: tl.constexpr):
    """Attends for BLOCK_M rows to keys [first_key, end_key), of which all rows see those from full[0] to full[1] (in the
    plain variant whole tiles from first_key on). Returns the unnormalised sum of values, the largest score (base 2) and
    the sum of weights of each row."""
    largest = tl.full([BLOCK_M], float("-inf"), tl.float32)
    sums = tl.zeros([BLOCK_M, PART], tl.float32)
    state = (tl.zeros([BLOCK_M, HEAD_PADDED], tl.float32), largest, sums)
    masked_from = first_key
    if not GENERAL:
        masked_from = full[1]
        state = attend_tiles(query, positions, first_key, masked_from, end_key, full, state, cache, scoring,
                             TILE // PART, HEAD_PADDED, GENERAL, False, SPLIT)
    accumulated, largest, sums = attend_tiles(query, positions, masked_from, end_key, end_key, full, state, cache, scoring,
                                              TILE // PART, HEAD_PADDED, GENERAL, True, SPLIT)
    if not GENERAL:
        largest *= scoring[0]
    total = tl.sum(sums, 1)
    if query.dtype == tl.float16:
        accumulated *= 2.0 ** -RAISED
        total *= 2.0 ** -RAISED
    return accumulated, largest, total


@triton.jit
def add_sink(accumulated, largest, total, sink):
    """Takes one more logit per row into the softmax's sum; it has no value. `sink` is in base 2."""
    new_largest = tl.maximum(largest, sink)
    keep = tl.math.exp2(largest - new_largest)
    return accumulated * keep[:, None], new_largest, total * keep + tl.math.exp2(sink - new_largest)


@triton.jit
def add_segments(accumulated, largest, total, parts, maxima, sums):
    """Merges segments of a row into those before them. `parts` [segments, elements], `maxima` in base 2 and `sums` [segments]; where
    there is no segment -inf and 0."""
    new_largest = tl.maximum(largest, tl.max(maxima, 0))
    shift = tl.where(new_largest == float("-inf"), 0.0, new_largest)
    keep = tl.math.exp2(largest - shift)
    weights = tl.math.exp2(maxima - shift)
    total = total * keep + tl.sum(sums * weights, 0)
    accumulated = accumulated * keep[:, None] + tl.sum(parts * weights[:, None], 0)[None, :]
    return accumulated, new_largest, total


@triton.jit
def store_rows(output_ptr, lse_ptr, write_lse, output_scale, output_scale_tensor_ptr, write_fp8,
               accumulated, largest, total, rows_valid, tokens, heads, num_heads, stride_output_token, stride_output_head,
               head_size, HEAD_PADDED: tl.constexpr, FP8: tl.constexpr):
    """Writes normalised rows and, where write_lse is not 0, log(sum(exp(score))): 0 and -inf where a row has seen nothing.
    Where write_fp8 is not 0 the output is FP8, divided by its scale."""
    elements = tl.arange(0, HEAD_PADDED)
    seen = total != 0.0  # NaN has been seen
    factor = 1.0 / tl.where(seen, total, 1.0)  # one division a row: it takes ten instructions
    places = (tokens.to(tl.int64)[:, None] * stride_output_token + heads.to(tl.int64)[:, None] * stride_output_head
              + elements[None, :])
    mask = rows_valid[:, None] & (elements < head_size)[None, :]
    if FP8 is None:
        tl.store(output_ptr + places, rounded(accumulated * factor[:, None], output_ptr.dtype.element_ty), mask=mask)
    elif write_fp8 == 0:
        tl.store(output_ptr + places, rounded(accumulated * factor[:, None], output_ptr.dtype.element_ty), mask=mask)
    else:
        factor /= chosen_scale(output_scale, output_scale_tensor_ptr)
        scaled = fp8_rounded(accumulated * factor[:, None], FP8)
        tl.store(output_ptr.to(tl.pointer_type(scaled.dtype), bitcast=True) + places, scaled, mask=mask)
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
