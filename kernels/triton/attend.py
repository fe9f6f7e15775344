"""Attention of a tile of rows to the keys of a paged cache, TILE of them at a time, with the online softmax of FlashAttention.

Tiles that all rows see whole come first and need no masks; those at the end of the sequence and on the diagonal follow. The
general variant visits all tiles in one loop, and branches around what is not asked for."""

import triton
import triton.language as tl

from kernels.triton.paged_keys import PART, load_parts, look_up
from kernels.triton.scores import general_scores
from kernels.triton.softmax import RAISED, rounded


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
    looks_ahead: tl.constexpr = query.shape[0] > 16
    loads_ahead: tl.constexpr = looks_ahead and key_cache_ptr.dtype.element_ty != query.dtype
    if looks_ahead:
        blocks, slots, block, slot = look_up(block_table_ptr, block, slot, block_size, last_block, PARTS)
    if loads_ahead:
        keys, values = load_parts(blocks, slots, first_key, end_key, cache, key_offsets, value_offsets, in_head, in_part,
                                  PARTS, GENERAL, MASKED, SPLIT)
        blocks, slots, block, slot = look_up(block_table_ptr, block, slot, block_size, last_block, PARTS)
    # The few masked tiles of the plain variant need no loads in advance, whose registers the others then have.
    for tile in tl.range(first_key, last_key, PARTS * PART, num_stages=1 if MASKED and not GENERAL else None):
        if loads_ahead:
            next_keys, next_values = load_parts(blocks, slots, tile + PARTS * PART, end_key, cache, key_offsets, value_offsets,
                                                in_head, in_part, PARTS, GENERAL, MASKED, SPLIT)
        else:
            if not looks_ahead:
                blocks, slots, block, slot = look_up(block_table_ptr, block, slot, block_size, last_block, PARTS)
            keys, values = load_parts(blocks, slots, tile, end_key, cache, key_offsets, value_offsets, in_head, in_part,
                                      PARTS, GENERAL, MASKED, SPLIT)
        if looks_ahead:
            blocks, slots, block, slot = look_up(block_table_ptr, block, slot, block_size, last_block, PARTS)

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
            value = values[part].to(query.dtype)
            if SPLIT:  # those behind the end have been loaded
                value = tl.where((tile + part * PART + in_part < end_key)[:, None], value, 0.0)
            accumulated += tl.dot(rounded(weights, query.dtype), value, input_precision="ieee")
        largest = new_largest
        if loads_ahead:
            keys = next_keys
            values = next_values
    return accumulated, largest, sums
