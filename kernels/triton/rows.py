"""Rows of attention: (query token, query head) pairs. Row r of a sequence is token r // group, head r % group of the KV head's
group."""

import triton
import triton.language as tl

from kernels.triton.float8 import chosen_scale, fp8_rounded
from kernels.triton.softmax import LN_2, rounded


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
