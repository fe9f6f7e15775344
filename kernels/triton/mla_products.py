"""Products of latent attention with its up-projection [heads, 128 + 128, 512]: of each head W_UK, then W_UV.

Decode takes W_UK into its queries and W_UV into its results, so that it attends to latents. Prefill takes both to the
latents of its context, which become keys and values.
"""

import triton
import triton.language as tl

from kernels.triton.float8 import fp8_rounded
from kernels.triton.mla_latent import NOPE, RANK, ROPE, VALUE
from kernels.triton.mla_weights import fp8_scale
from kernels.triton.softmax import rounded


@triton.jit
def quantised_rows(values, FP8: tl.constexpr):
    """Rows in fp8, and the scale of each."""
    values = values.to(tl.float32)
    scales = fp8_scale(tl.max(tl.abs(values), 1), FP8)
    return fp8_rounded(values / scales[:, None], FP8), scales


@triton.jit
def tile_tokens(decode_tokens_ptr, decode_count, BLOCK_M: tl.constexpr):
    """The tokens of a tile of decode tokens, -1: none."""
    rows = tl.program_id(2) * BLOCK_M + tl.arange(0, BLOCK_M)
    tokens = tl.load(decode_tokens_ptr + tl.minimum(rows, decode_count - 1))
    return tl.where(rows < decode_count, tokens, -1)


@triton.jit
def query_operands(tokens, query_nope_ptr, weight_ptr, head, stride_query_nope_token, stride_query_nope_head, BLOCK_N: tl.constexpr):
    """The queries without position of a tile's tokens, and the weights of its columns, whose loads are under way while tokens
    are waited for."""
    columns = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    weight = tl.load(weight_ptr + head * ((NOPE + VALUE) * RANK) + tl.arange(0, NOPE)[:, None] * RANK + columns[None, :])
    places = tokens.to(tl.int64)[:, None] * stride_query_nope_token + head * stride_query_nope_head
    return tl.load(query_nope_ptr + places + tl.arange(0, NOPE)[None, :]), weight


@triton.jit
def store_query(query_latent_ptr, product, tokens, decode_count, head, query_rope_ptr, latent_heads, latent_width, stride_query_rope_token,
                stride_query_rope_head, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    """Writes a tile of [decode tokens, latent_heads, latent_width], and by the first programs the rotary part behind 512 elements.
    Which rows exist does not depend on `tokens`, whose loads the store would wait for."""
    rows = tl.program_id(2) * BLOCK_M + tl.arange(0, BLOCK_M)
    exists = (rows < decode_count)[:, None]
    columns = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    into = query_latent_ptr + (rows.to(tl.int64)[:, None] * latent_heads + head) * latent_width
    tl.store(into + columns[None, :], rounded(product, query_latent_ptr.dtype.element_ty), mask=exists)
    if (latent_width > RANK) & (tl.program_id(0) == 0):
        rotary = tl.arange(0, ROPE)[None, :]
        query_rope = tl.load(query_rope_ptr + tokens.to(tl.int64)[:, None] * stride_query_rope_token + head * stride_query_rope_head + rotary)
        tl.store(into + RANK + rotary, query_rope, mask=exists)


@triton.jit
def mla_query_product(query_latent_ptr, query_nope_ptr, query_rope_ptr, weight_ptr, decode_tokens_ptr, decode_count,
                      latent_heads, latent_width, stride_query_nope_token, stride_query_nope_head, stride_query_rope_token,
                      stride_query_rope_head, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    """query_latent[i, h, :512] = query_nope[decode_tokens[i], h, :] W_UK[h], of query_latent [decode tokens, latent_heads,
    latent_width]; where that has 576 elements the rotary part follows. Grid: (512 / BLOCK_N, heads, tiles of tokens)."""
    head = tl.program_id(1).to(tl.int64)
    tokens = tl.maximum(tile_tokens(decode_tokens_ptr, decode_count, BLOCK_M), 0)
    query, weight = query_operands(tokens, query_nope_ptr, weight_ptr, head, stride_query_nope_token, stride_query_nope_head, BLOCK_N)
    store_query(query_latent_ptr, tl.dot(query, weight), tokens, decode_count, head, query_rope_ptr, latent_heads, latent_width,
                stride_query_rope_token, stride_query_rope_head, BLOCK_M, BLOCK_N)


@triton.jit
def mla_query_product_fp8(query_latent_ptr, query_nope_ptr, query_rope_ptr, quantised_weight_ptr, weight_scale_ptr, decode_tokens_ptr,
                          decode_count, latent_heads, latent_width, stride_query_nope_token, stride_query_nope_head,
                          stride_query_rope_token, stride_query_rope_head, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, FP8: tl.constexpr):
    """mla_query_product with weights in fp8 and queries rounded to it, each row of 128 elements with a scale of its own."""
    head = tl.program_id(1).to(tl.int64)
    tokens = tl.maximum(tile_tokens(decode_tokens_ptr, decode_count, BLOCK_M), 0)
    query, weight = query_operands(tokens, query_nope_ptr, quantised_weight_ptr, head, stride_query_nope_token, stride_query_nope_head, BLOCK_N)
    query, scales = quantised_rows(query, FP8)
    product = tl.dot(query, weight) * (scales * tl.load(weight_scale_ptr))[:, None]
    store_query(query_latent_ptr, product, tokens, decode_count, head, query_rope_ptr, latent_heads, latent_width,
                stride_query_rope_token, stride_query_rope_head, BLOCK_M, BLOCK_N)


@triton.jit
def value_places(decode_count, num_heads, head, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, COLUMNS: tl.constexpr, BLOCK_K: tl.constexpr):
    """Where the first BLOCK_K elements of a tile's latents lie and of the weights of its columns, of which the last fills up the tile."""
    rows = tl.minimum(tl.program_id(2) * BLOCK_M + tl.arange(0, BLOCK_M), decode_count - 1).to(tl.int64)
    columns = tl.program_id(0) * COLUMNS + tl.minimum(tl.arange(0, BLOCK_N), COLUMNS - 1)
    inner = tl.arange(0, BLOCK_K)
    latents = (rows[:, None] * num_heads + head) * RANK + inner[None, :]
    return latents, ((head * (NOPE + VALUE) + NOPE + columns[None, :]) * RANK) + inner[:, None]


@triton.jit
def loaded(latents_ptr, weights_ptr, BLOCK_K: tl.constexpr):
    """All parts of a tile's latents and weights, so that their loads are under way together."""
    latents = ()
    weights = ()
    for part in tl.static_range(RANK // BLOCK_K):
        latents = latents + (tl.load(latents_ptr + part * BLOCK_K),)
        weights = weights + (tl.load(weights_ptr + part * BLOCK_K),)
    return latents, weights


@triton.jit
def store_values(output_ptr, product, tokens, head, stride_output_token, stride_output_head, BLOCK_N: tl.constexpr, COLUMNS: tl.constexpr):
    """Writes a tile's COLUMNS columns of the results of its tokens, -1: none."""
    in_tile = tl.arange(0, BLOCK_N)
    columns = tl.program_id(0) * COLUMNS + tl.minimum(in_tile, COLUMNS - 1)
    places = tokens.to(tl.int64)[:, None] * stride_output_token + head * stride_output_head + columns[None, :]
    tl.store(output_ptr + places, rounded(product, output_ptr.dtype.element_ty),
             mask=(tokens >= 0)[:, None] & (in_tile < COLUMNS)[None, :])


@triton.jit
def mla_value_product(output_ptr, latent_output_ptr, weight_ptr, decode_tokens_ptr, decode_count, num_heads,
                      stride_output_token, stride_output_head,
                      BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, COLUMNS: tl.constexpr, BLOCK_K: tl.constexpr):
    """output[decode_tokens[i], h, :] = W_UV[h] latent_output[i, h, :]. Grid: (128 / COLUMNS, heads, tiles of tokens). Programs have
    COLUMNS columns each, and fill the others of their product with the last: more of them share the work."""
    head = tl.program_id(1).to(tl.int64)
    tokens = tile_tokens(decode_tokens_ptr, decode_count, BLOCK_M)
    latent_places, weight_places = value_places(decode_count, num_heads, head, BLOCK_M, BLOCK_N, COLUMNS, BLOCK_K)
    product = tl.zeros([BLOCK_M, BLOCK_N], tl.float32)
    latents, weights = loaded(latent_output_ptr + latent_places, weight_ptr + weight_places, BLOCK_K)
    for part in tl.static_range(RANK // BLOCK_K):
        product += tl.dot(latents[part], weights[part])
    store_values(output_ptr, product, tokens, head, stride_output_token, stride_output_head, BLOCK_N, COLUMNS)


@triton.jit
def mla_value_product_fp8(output_ptr, latent_output_ptr, quantised_weight_ptr, weight_scale_ptr, decode_tokens_ptr, decode_count, num_heads,
                          stride_output_token, stride_output_head, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, COLUMNS: tl.constexpr,
                          BLOCK_K: tl.constexpr, FP8: tl.constexpr):
    """mla_value_product with weights in fp8 and latents rounded to it, each BLOCK_K elements of a row with a scale of their own."""
    head = tl.program_id(1).to(tl.int64)
    tokens = tile_tokens(decode_tokens_ptr, decode_count, BLOCK_M)
    latent_places, weight_places = value_places(decode_count, num_heads, head, BLOCK_M, BLOCK_N, COLUMNS, BLOCK_K)
    product = tl.zeros([BLOCK_M, BLOCK_N], tl.float32)
    latents, weights = loaded(latent_output_ptr + latent_places, quantised_weight_ptr + weight_places, BLOCK_K)
    for part in tl.static_range(RANK // BLOCK_K):
        latent, scales = quantised_rows(latents[part], FP8)
        product += tl.dot(latent, weights[part]) * scales[:, None]
    product *= tl.load(weight_scale_ptr + 1)
    store_values(output_ptr, product, tokens, head, stride_output_token, stride_output_head, BLOCK_N, COLUMNS)


@triton.jit
def projected(latent_rows, weight_ptr, head, first_column, dtype: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr):
    """The columns from first_column on of a head's keys and values [rows, 256], float32, of latents at `latent_rows` [rows, 1]."""
    columns = first_column + tl.arange(0, BLOCK_N)
    inner = tl.arange(0, BLOCK_K)
    weight_places = (head * (NOPE + VALUE) + columns[None, :]) * RANK + inner[:, None]
    product = tl.zeros([BLOCK_M, BLOCK_N], tl.float32)
    for k in tl.range(0, RANK, BLOCK_K):
        latent = tl.load(latent_rows + k + inner[None, :]).to(dtype)
        product += tl.dot(latent, tl.load(weight_ptr + weight_places + k))
    return product


@triton.jit
def mla_context_product(context_ptr, context_rope_ptr, latent_cache_ptr, weight_ptr,
                        block_table_ptr, seq_lens_ptr, prefill_sequences_ptr, first_prefill, first_key, chunk_tokens,
                        num_heads, block_size, stride_table, stride_block, stride_slot,
                        BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr):
    """Keys and values of chunk_tokens keys from first_key on, of each of the prefill sequences from first_prefill on.

    Grid: (256 / BLOCK_N, heads, sequences * tiles of the chunk). Writes context [sequences * chunk_tokens, heads, 256]: keys, then
    values; and context_rope [sequences * chunk_tokens, 64], the rotary part of the keys. What lies behind a sequence's end
    repeats its last key. Of a cache in fp8 they are not scaled.
    """
    head = tl.program_id(1).to(tl.int64)
    tiles = tl.cdiv(chunk_tokens, BLOCK_M)
    slot = tl.program_id(2) // tiles
    first_row = tl.program_id(2) % tiles * BLOCK_M
    sequence = tl.load(prefill_sequences_ptr + first_prefill + slot)
    seq_len = tl.load(seq_lens_ptr + sequence)
    if first_key + first_row >= seq_len:
        return
    in_tile = tl.arange(0, BLOCK_M)
    keys = tl.minimum(first_key + first_row + in_tile, seq_len - 1)
    table = block_table_ptr + sequence.to(tl.int64) * stride_table
    blocks = tl.load(table + keys // block_size).to(tl.int64)
    latent_rows = latent_cache_ptr + (blocks * stride_block + keys % block_size * stride_slot)[:, None]
    columns = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    dtype: tl.constexpr = context_ptr.dtype.element_ty
    product = projected(latent_rows, weight_ptr, head, tl.program_id(0) * BLOCK_N, dtype, BLOCK_M, BLOCK_N, BLOCK_K)
    # Rows of the chunk's last tile that belong to the next sequence are not this one's to write.
    mask = (first_row + in_tile < chunk_tokens)[:, None]
    rows = (slot.to(tl.int64) * chunk_tokens + first_row + in_tile)[:, None]
    tl.store(context_ptr + (rows * num_heads + head) * (NOPE + VALUE) + columns[None, :], rounded(product, dtype), mask=mask)
    if (head == 0) & (tl.program_id(0) == 0):
        rotary = tl.arange(0, ROPE)[None, :]
        tl.store(context_rope_ptr + rows * ROPE + rotary, tl.load(latent_rows + RANK + rotary).to(dtype), mask=mask)
