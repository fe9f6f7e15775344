"""What stands around decode kernels of latent attention that take pages of one token: the lists of pages, and merging."""

import triton
import triton.language as tl

from kernels.triton.float8 import chosen_scale, fp8_rounded
from kernels.triton.mla_latent import RANK, ROPE
from kernels.triton.softmax import LN_2, LOG2_E, add_segments, rounded

# The bits of the LSE of a split that is not written: a NaN.
UNWRITTEN = tl.constexpr(-1)


@triton.jit
def mla_expand_pages(pages_ptr, page_starts_ptr, request_sequences_ptr, block_table_ptr, stride_table, block_size, read_ahead,
                     BLOCK: tl.constexpr):
    """Lists the pages of each request, which are the tokens of its keys: pages[page_starts[r] + i], int32. The last page stands
    read_ahead times more behind those of the last request. Grid: (requests, tiles of the longest)."""
    request = tl.program_id(0)
    start = tl.load(page_starts_ptr + request)
    keys = tl.load(page_starts_ptr + request + 1) - start
    listed = keys + tl.where(request == tl.num_programs(0) - 1, read_ahead, 0)
    first = tl.program_id(1) * BLOCK
    if first >= listed:
        return
    table = block_table_ptr + tl.load(request_sequences_ptr + request).to(tl.int64) * stride_table
    place = first + tl.arange(0, BLOCK)
    key = tl.minimum(place, keys - 1)
    page = tl.load(table + key // block_size) * block_size + key % block_size
    tl.store(pages_ptr + start + place, page, mask=place < listed)


@triton.jit
def finite(place, elements):
    """Sets what is not finite in memory to 0."""
    values = tl.load(place + elements)
    tl.store(place + elements, tl.zeros_like(values), mask=(tl.abs(values.to(tl.float32)) < float("inf")) == 0)


@triton.jit
def make_first_token_finite(latent_cache_ptr):
    """Makes the first token of the cache finite: AITER's kernels load it in place of tokens behind a sequence's end and multiply it by
    0. What is not finite there belongs to no sequence."""
    finite(latent_cache_ptr, tl.arange(0, RANK))
    finite(latent_cache_ptr + RANK, tl.arange(0, ROPE))


@triton.jit
def mla_begin_splits(partial_lse_ptr, latent_cache_ptr, count, BLOCK: tl.constexpr):
    """Marks the splits of `count` LSEs as unwritten, and makes the first token finite. Grid: (tiles of LSEs)."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(partial_lse_ptr.to(tl.pointer_type(tl.int32), bitcast=True) + place, tl.full([BLOCK], UNWRITTEN, tl.int32), mask=place < count)
    if tl.program_id(0) == 0:
        make_first_token_finite(latent_cache_ptr)


@triton.jit
def mla_quantise_query(quantised_query_ptr, query_latent_ptr, query_scale_ptr, cache_scale_ptr, query_scale_tensor_ptr, query_scale_number,
                       key_scale_tensor_ptr, key_scale, BLOCK: tl.constexpr, FP8: tl.constexpr):
    """Divides queries by their scale and rounds them to fp8; puts that scale and the cache's into memory, float32 [1] each.
    Grid: (elements / BLOCK)."""
    scale = chosen_scale(query_scale_number, query_scale_tensor_ptr)
    place = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    query = tl.load(query_latent_ptr + place).to(tl.float32)
    tl.store(quantised_query_ptr + place, fp8_rounded(query / scale, FP8))
    if tl.program_id(0) == 0:
        tl.store(query_scale_ptr, scale)
        tl.store(cache_scale_ptr, chosen_scale(key_scale, key_scale_tensor_ptr))


@triton.jit
def mla_begin_work(work_lists_ptr, cache_scale_ptr, work_starts_ptr, works_ptr, latent_cache_ptr, key_scale_tensor_ptr, key_scale):
    """Puts the addresses of the two lists of work side by side, int64 [2], and the scale of a cache in fp8 into memory, float32 [1];
    makes the first token finite. Grid: (1)."""
    tl.store(work_lists_ptr, work_starts_ptr.to(tl.int64))
    tl.store(work_lists_ptr + 1, works_ptr.to(tl.int64))
    if cache_scale_ptr is not None:
        tl.store(cache_scale_ptr, chosen_scale(key_scale, key_scale_tensor_ptr))
    make_first_token_finite(latent_cache_ptr)


@triton.jit
def add_parts(accumulated, largest, total, partial_ptr, partial_lse_ptr, rows, exists):
    """Merges the rows of normalised results, [rows, 512] with an LSE each, that exist and are written."""
    lse = tl.load(partial_lse_ptr + rows, mask=exists, other=float("-inf"))
    written = exists & (lse.to(tl.int32, bitcast=True) != UNWRITTEN)
    part = tl.load(partial_ptr + rows[:, None] * RANK + tl.arange(0, RANK)[None, :], mask=written[:, None], other=0.0)
    maxima = tl.where(written, lse * LOG2_E, float("-inf"))
    return add_segments(accumulated, largest, total, part, maxima, tl.where(written, 1.0, 0.0))


@triton.jit
def store_merged(latent_output_ptr, lse_ptr, accumulated, largest, total, decode, token, head, num_heads, write_lse):
    """Writes a row of [decode tokens, heads, 512] and, where write_lse is not 0, its LSE to [tokens, heads]."""
    merged = rounded(accumulated * (1.0 / total)[:, None], latent_output_ptr.dtype.element_ty)
    place = (decode.to(tl.int64) * num_heads + head) * RANK + tl.arange(0, RANK)
    tl.store(latent_output_ptr + place[None, :], merged)
    if write_lse != 0:
        tl.store(lse_ptr + token.to(tl.int64) * num_heads + head + tl.zeros([1], tl.int64), (largest + tl.math.log2(total)) * LN_2)


@triton.jit
def mla_merge_splits(latent_output_ptr, lse_ptr, partial_ptr, partial_lse_ptr, decode_tokens_ptr, write_lse, splits, request_heads,
                     requests_per_token, num_heads, CHUNK: tl.constexpr):
    """Merges normalised results [decode tokens, requests_per_token, splits, request_heads, 512] by their LSEs; of a split without keys,
    which is not written, that is UNWRITTEN. Grid: (decode tokens, heads)."""
    decode = tl.program_id(0)
    head = tl.program_id(1)
    token = tl.load(decode_tokens_ptr + decode)
    if token < 0:
        return
    request = decode.to(tl.int64) * requests_per_token + head // request_heads
    first = request * splits * request_heads + head % request_heads
    largest = tl.full([1], float("-inf"), tl.float32)
    total = tl.zeros([1], tl.float32)
    accumulated = tl.zeros([1, RANK], tl.float32)
    for chunk in range(0, splits, CHUNK):
        split = chunk + tl.arange(0, CHUNK)
        rows = first + split * request_heads
        accumulated, largest, total = add_parts(accumulated, largest, total, partial_ptr, partial_lse_ptr, rows, split < splits)
    store_merged(latent_output_ptr, lse_ptr, accumulated, largest, total, decode, token, head, num_heads, write_lse)


@triton.jit
def mla_merge_work(latent_output_ptr, lse_ptr, partial_ptr, partial_lse_ptr, part_starts_ptr, part_list_ptr, decode_tokens_ptr, write_lse,
                   request_heads, requests_per_token, num_heads, CHUNK: tl.constexpr):
    """Merges normalised results [parts, request_heads, 512] by their LSEs: those of a decode token's request are the ones that `part_list`
    lists from part_starts on. Grid: (decode tokens, heads)."""
    decode = tl.program_id(0)
    head = tl.program_id(1)
    token = tl.load(decode_tokens_ptr + decode)
    if token < 0:
        return
    request = decode * requests_per_token + head // request_heads
    first = tl.load(part_starts_ptr + request)
    count = tl.load(part_starts_ptr + request + 1) - first
    largest = tl.full([1], float("-inf"), tl.float32)
    total = tl.zeros([1], tl.float32)
    accumulated = tl.zeros([1, RANK], tl.float32)
    for chunk in range(0, count, CHUNK):
        place = chunk + tl.arange(0, CHUNK)
        parts = tl.load(part_list_ptr + first + place, mask=place < count, other=0)
        rows = parts.to(tl.int64) * request_heads + head % request_heads
        accumulated, largest, total = add_parts(accumulated, largest, total, partial_ptr, partial_lse_ptr, rows, place < count)
    store_merged(latent_output_ptr, lse_ptr, accumulated, largest, total, decode, token, head, num_heads, write_lse)
