"""Products of latent attention with its up-projection [heads, 128 + 128, 512]: of each head W_UK, then W_UV.

Decode takes W_UK into its queries and W_UV into its results, so that it attends to latents. Prefill takes both to the
latents of its context, which become keys and values.
"""

import triton
import triton.language as tl

from kernels.triton.mla_latent import NOPE, RANK, ROPE, VALUE
from kernels.triton.unified_attention import rounded


@triton.jit
def mla_query_product(query_latent_ptr, query_nope_ptr, query_rope_ptr, weight_ptr, decode_tokens_ptr, decode_count,
                      latent_heads, latent_width, stride_query_nope_token, stride_query_nope_head, stride_query_rope_token,
                      stride_query_rope_head, BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr):
    """query_latent[i, h, :512] = query_nope[decode_tokens[i], h, :] W_UK[h], of query_latent [decode tokens, latent_heads,
    latent_width]; where that has 576 elements the rotary part follows. Grid: (512 / BLOCK_N, heads, tiles of tokens)."""
    head = tl.program_id(1).to(tl.int64)
    rows = tl.program_id(2) * BLOCK_M + tl.arange(0, BLOCK_M)
    columns = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
    tokens = tl.load(decode_tokens_ptr + rows, mask=rows < decode_count, other=-1)
    inner = tl.arange(0, NOPE)
    query = tl.load(query_nope_ptr + tl.maximum(tokens, 0).to(tl.int64)[:, None] * stride_query_nope_token
                    + head * stride_query_nope_head + inner[None, :])
    weight = tl.load(weight_ptr + head * ((NOPE + VALUE) * RANK) + inner[:, None] * RANK + columns[None, :])
    product = rounded(tl.dot(query, weight), query_latent_ptr.dtype.element_ty)
    into = query_latent_ptr + (rows.to(tl.int64)[:, None] * latent_heads + head) * latent_width
    tl.store(into + columns[None, :], product, mask=(tokens >= 0)[:, None])
    if (latent_width > RANK) & (tl.program_id(0) == 0):
        rotary = tl.arange(0, ROPE)[None, :]
        query_rope = tl.load(query_rope_ptr + tl.maximum(tokens, 0).to(tl.int64)[:, None] * stride_query_rope_token
                             + head * stride_query_rope_head + rotary)
        tl.store(into + RANK + rotary, query_rope, mask=(tokens >= 0)[:, None])


@triton.jit
def mla_value_product(output_ptr, latent_output_ptr, weight_ptr, decode_tokens_ptr, decode_count, num_heads,
                      stride_output_token, stride_output_head,
                      BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, COLUMNS: tl.constexpr, BLOCK_K: tl.constexpr):
    """output[decode_tokens[i], h, :] = W_UV[h] latent_output[i, h, :]. Grid: (128 / COLUMNS, heads, tiles of tokens). Programs have
    COLUMNS columns each, and fill the others of their product with the last: more of them share the work."""
    head = tl.program_id(1).to(tl.int64)
    rows = tl.program_id(2) * BLOCK_M + tl.arange(0, BLOCK_M)
    in_tile = tl.arange(0, BLOCK_N)
    columns = tl.program_id(0) * COLUMNS + tl.minimum(in_tile, COLUMNS - 1)
    tokens = tl.load(decode_tokens_ptr + rows, mask=rows < decode_count, other=-1)
    inner = tl.arange(0, BLOCK_K)
    known = tl.minimum(rows, decode_count - 1).to(tl.int64)
    latent_places = (known[:, None] * num_heads + head) * RANK + inner[None, :]
    weight_places = ((head * (NOPE + VALUE) + NOPE + columns[None, :]) * RANK) + inner[:, None]
    product = tl.zeros([BLOCK_M, BLOCK_N], tl.float32)
    for k in tl.range(0, RANK, BLOCK_K):
        latent = tl.load(latent_output_ptr + latent_places + k)
        product += tl.dot(latent, tl.load(weight_ptr + weight_places + k))
    places = tokens.to(tl.int64)[:, None] * stride_output_token + head * stride_output_head + columns[None, :]
    tl.store(output_ptr + places, rounded(product, output_ptr.dtype.element_ty),
             mask=(tokens >= 0)[:, None] & (in_tile < COLUMNS)[None, :])


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
    inner = tl.arange(0, BLOCK_K)
    weight_places = (head * (NOPE + VALUE) + columns[None, :]) * RANK + inner[:, None]
    dtype: tl.constexpr = context_ptr.dtype.element_ty
    product = tl.zeros([BLOCK_M, BLOCK_N], tl.float32)
    for k in tl.range(0, RANK, BLOCK_K):
        latent = tl.load(latent_rows + k + inner[None, :]).to(dtype)
        product += tl.dot(latent, tl.load(weight_ptr + weight_places + k))
    # Rows of the chunk's last tile that belong to the next sequence are not this one's to write.
    mask = (first_row + in_tile < chunk_tokens)[:, None]
    rows = (slot.to(tl.int64) * chunk_tokens + first_row + in_tile)[:, None]
    tl.store(context_ptr + (rows * num_heads + head) * (NOPE + VALUE) + columns[None, :], rounded(product, dtype), mask=mask)
    if (head == 0) & (tl.program_id(0) == 0):
        rotary = tl.arange(0, ROPE)[None, :]
        tl.store(context_rope_ptr + rows * ROPE + rotary, tl.load(latent_rows + RANK + rotary).to(dtype), mask=mask)
