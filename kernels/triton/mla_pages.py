"""What stands around decode kernels of latent attention that take pages of one token: the lists of pages, and merging."""

import triton
import triton.language as tl

from kernels.triton.mla_latent import RANK, ROPE
from kernels.triton.unified_attention import rounded

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
def mla_begin_splits(partial_lse_ptr, latent_cache_ptr, count, BLOCK: tl.constexpr):
    """Marks the splits of `count` LSEs as unwritten, and makes the first token of the cache finite: AITER's kernels load it in place
    of tokens behind a sequence's end and multiply it by 0. What is not finite there belongs to no sequence. Grid: (tiles of LSEs)."""
    place = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(partial_lse_ptr.to(tl.pointer_type(tl.int32), bitcast=True) + place, tl.full([BLOCK], UNWRITTEN, tl.int32), mask=place < count)
    if tl.program_id(0) == 0:
        finite(latent_cache_ptr, tl.arange(0, RANK))
        finite(latent_cache_ptr + RANK, tl.arange(0, ROPE))


@triton.jit
def mla_merge_splits(latent_output_ptr, lse_ptr, partial_ptr, partial_lse_ptr, decode_tokens_ptr, write_lse, splits, request_heads,
                     requests_per_token, num_heads, CHUNK: tl.constexpr):
    """Merges normalised results [requests, splits, request_heads, 512] by their LSEs [requests, splits, request_heads]; of a split
    without keys, which is not written, that is UNWRITTEN. Grid: (decode tokens, heads). Writes [decode tokens, heads, 512] and, where
    write_lse is not 0, the LSE [tokens, heads]."""
    decode = tl.program_id(0)
    head = tl.program_id(1)
    token = tl.load(decode_tokens_ptr + decode)
    if token < 0:
        return
    request = decode.to(tl.int64) * requests_per_token + head // request_heads
    first = request * splits * request_heads + head % request_heads
    elements = tl.arange(0, RANK)
    largest = tl.full([1], float("-inf"), tl.float32)
    total = tl.zeros([1], tl.float32)
    accumulated = tl.zeros([1, RANK], tl.float32)
    for chunk in range(0, splits, CHUNK):
        split = chunk + tl.arange(0, CHUNK)
        rows = first + split * request_heads
        lse = tl.load(partial_lse_ptr + rows, mask=split < splits, other=float("-inf"))
        written = (split < splits) & (lse.to(tl.int32, bitcast=True) != UNWRITTEN)
        lse = tl.where(written, lse, float("-inf"))
        part = tl.load(partial_ptr + rows[:, None] * RANK + elements[None, :], mask=written[:, None], other=0.0)
        new_largest = tl.maximum(largest, tl.max(lse, 0))
        shift = tl.where(new_largest == float("-inf"), 0.0, new_largest)
        keep = tl.exp(largest - shift)
        weights = tl.exp(lse - shift)
        total = total * keep + tl.sum(weights, 0)
        accumulated = accumulated * keep[:, None] + tl.sum(part * weights[:, None], 0)[None, :]
        largest = new_largest
    merged = rounded(accumulated * (1.0 / total)[:, None], latent_output_ptr.dtype.element_ty)
    tl.store(latent_output_ptr + (decode.to(tl.int64) * num_heads + head) * RANK + elements[None, :], merged)
    if write_lse != 0:
        place = token.to(tl.int64) * num_heads + head + tl.zeros([1], tl.int64)
        tl.store(lse_ptr + place, largest + tl.log(total))
