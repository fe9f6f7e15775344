"""Attention of many query tokens to keys and values that mla_context_product has made of latents: 128 + 64 elements of a key,
128 of a value."""

import triton
import triton.language as tl

from kernels.triton.float8 import chosen_scale
from kernels.triton.mla_latent import NOPE, ROPE, VALUE
from kernels.triton.softmax import LN_2, LOG2_E, RAISED, rounded


@triton.jit
def load_tile(sources, keys):
    """A tile's keys, transposed, their rotary part, and its values. The last that exists stands for those behind it."""
    key_base, rope_base, stride_key, end_key = sources
    places = tl.minimum(keys, end_key - 1).to(tl.int64)
    key = tl.load(key_base + places[None, :] * stride_key + tl.arange(0, NOPE)[:, None])
    key_rope = tl.load(rope_base + places[None, :] * ROPE + tl.arange(0, ROPE)[:, None])
    return key, key_rope, tl.load(key_base + NOPE + places[:, None] * stride_key + tl.arange(0, VALUE)[None, :])


@triton.jit
def mla_prefill(output_ptr, lse_ptr, query_nope_ptr, query_rope_ptr, context_ptr, context_rope_ptr, key_scale_tensor_ptr,
                seq_lens_ptr, query_start_loc_ptr, prefill_sequences_ptr, scale, key_scale, first_prefill, first_key, chunk_tokens, num_heads,
                stride_query_nope_token, stride_query_nope_head, stride_query_rope_token, stride_query_rope_head,
                stride_output_token, stride_output_head, BLOCK_M: tl.constexpr, TILE: tl.constexpr):
    """Grid: (heads, tiles of query tokens of the longest, prefill sequences of the chunk).

    Attends to keys [first_key, first_key + chunk_tokens) of a sequence and merges with what output [tokens, heads, 128] and
    lse float32 [tokens, heads] hold for the keys before them; every row sees the first chunk, whose first key is 0. Keys and values times key_scale are those to attend to.
    """
    head = tl.program_id(0).to(tl.int64)
    slot = tl.program_id(2)
    sequence = tl.load(prefill_sequences_ptr + first_prefill + slot)
    query_start = tl.load(query_start_loc_ptr + sequence)
    query_len = tl.load(query_start_loc_ptr + sequence + 1) - query_start
    # From the last tile to the first: the longest rows begin first.
    first_token = (tl.num_programs(1) - 1 - tl.program_id(1)) * BLOCK_M
    if first_token >= query_len:
        return
    context = tl.load(seq_lens_ptr + sequence) - query_len
    last_token = tl.minimum(first_token + BLOCK_M, query_len) - 1
    end_key = tl.minimum(context + last_token + 1 - first_key, chunk_tokens)  # from here on keys count from the chunk's first
    if end_key <= 0:
        return

    tokens = first_token + tl.arange(0, BLOCK_M)
    rows_valid = tokens < query_len
    last_keys = context + tokens - first_key
    rows = (query_start + tl.minimum(tokens, query_len - 1)).to(tl.int64)
    elements = tl.arange(0, NOPE)
    rotary = tl.arange(0, ROPE)
    query = tl.load(query_nope_ptr + rows[:, None] * stride_query_nope_token + head * stride_query_nope_head + elements[None, :])
    query_rope = tl.load(query_rope_ptr + rows[:, None] * stride_query_rope_token + head * stride_query_rope_head + rotary[None, :])
    key_scale = chosen_scale(key_scale, key_scale_tensor_ptr)
    scale *= key_scale
    raised: tl.constexpr = RAISED if query.dtype == tl.float16 else 0.0

    first_place = slot.to(tl.int64) * chunk_tokens
    in_tile = tl.arange(0, TILE)
    stride_key = num_heads * (NOPE + VALUE)
    key_base = context_ptr + (first_place * num_heads + head) * (NOPE + VALUE)
    rope_base = context_rope_ptr + first_place * ROPE
    accumulated = tl.zeros([BLOCK_M, VALUE], tl.float32)
    largest = tl.full([BLOCK_M], float("-inf"), tl.float32)
    total = tl.zeros([BLOCK_M], tl.float32)
    sources = (key_base, rope_base, stride_key, end_key)
    # A tile is loaded while the one before it is attended to: into other registers, so that there are two in a turn of the loop.
    current = load_tile(sources, in_tile)
    for pair in tl.range(0, end_key, 2 * TILE):
        for tile in tl.static_range(2):
            keys = pair + tile * TILE + in_tile
            following = load_tile(sources, keys + TILE)
            key, key_rope, value = current
            scores = tl.dot(query, key) + tl.dot(query_rope, key_rope)
            visible = (keys[None, :] <= last_keys[:, None]) & (keys < end_key)[None, :]
            scores = tl.where(visible, scores, float("-inf"))
            new_largest = tl.maximum(largest, tl.max(scores, 1))
            shift = tl.where(new_largest == float("-inf"), 0.0, new_largest)  # (-inf) - (-inf) is NaN
            keep = tl.math.exp2((largest - shift) * scale)
            weights = tl.math.exp2(scores * scale - (shift * scale - raised)[:, None])
            total = total * keep + tl.sum(weights, 1)
            accumulated = accumulated * keep[:, None] + tl.dot(rounded(weights, query.dtype), value)
            largest = new_largest
            current = following
    largest *= scale
    accumulated *= key_scale
    if query.dtype == tl.float16:
        accumulated *= 2.0 ** -RAISED
        total *= 2.0 ** -RAISED

    places = rows[:, None] * stride_output_token + head * stride_output_head + elements[None, :]
    lse_places = rows * num_heads + head
    if first_key > 0:
        before = tl.load(lse_ptr + lse_places) * LOG2_E
        new_largest = tl.maximum(before, largest)
        keep = tl.math.exp2(before - new_largest)
        weight = tl.math.exp2(largest - new_largest)
        accumulated = accumulated * weight[:, None] + tl.load(output_ptr + places).to(tl.float32) * keep[:, None]
        total = total * weight + keep
        largest = new_largest
    output = rounded(accumulated * (1.0 / total)[:, None], output_ptr.dtype.element_ty)
    tl.store(output_ptr + places, output, mask=rows_valid[:, None])
    tl.store(lse_ptr + lse_places, (largest + tl.math.log2(total)) * LN_2, mask=rows_valid)
