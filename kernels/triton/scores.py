"""What the general variant of unified attention makes of products: soft cap, ALiBi, a window, keys ahead of a query."""

import triton
import triton.language as tl

from kernels.triton.paged_keys import PART
from kernels.triton.softmax import LOG2_E


@triton.jit
def first_in_window(position, window):
    """The first key of the part that holds the first key which a query at `position` sees."""
    return tl.where(position < window, 0, position - window + 1) // PART * PART


@triton.jit
def general_scoring(scale, soft_cap, window, ahead, alibi_slopes_ptr, heads, rows_valid):
    """What the general variant makes scores of, beside products. Order: scale, soft cap, ALiBi."""
    has_alibi = alibi_slopes_ptr.to(tl.int64) != 0
    slopes = tl.load(alibi_slopes_ptr + heads, mask=rows_valid & has_alibi, other=0.0) * LOG2_E
    return scale, soft_cap, window, ahead, has_alibi, slopes


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
