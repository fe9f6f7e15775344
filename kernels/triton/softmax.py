"""The softmax of attention, in base 2: each row has a largest score, the sum of its weights, and the sum of values that these
weigh, not divided yet."""

import triton
import triton.language as tl

LOG2_E = tl.constexpr(1.4426950408889634)
LN_2 = tl.constexpr(0.6931471805599453)
# The power of two that float16 weights are raised by while they are products' operands: float16 has nothing below 2^-14 but
# subnormals, which lose bits, and which gfx90a's products take for 0.
RAISED = tl.constexpr(8.0)


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
