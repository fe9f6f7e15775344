"""8-bit floats with four bits of exponent: FNUZ on gfx942, OCP on gfx950 and later. And their scales."""

import triton
import triton.language as tl


@triton.jit
def fp8_rounded(values, FP8: tl.constexpr):
    """Rounds float32 to the format that FP8 names, to nearest even. What is too large saturates; NaN stays."""
    if FP8 == "e4m3fnuz":
        return tl.clamp(values, -240.0, 240.0, propagate_nan=tl.PropagateNan.ALL).to(tl.float8e4b8)
    else:
        return tl.clamp(values, -448.0, 448.0, propagate_nan=tl.PropagateNan.ALL).to(tl.float8e4nv)


@triton.jit
def chosen_scale(number, tensor_ptr):
    """A scale that the caller has given as a number, or in memory."""
    if tensor_ptr.to(tl.int64) != 0:
        number = tl.load(tensor_ptr)
    return number
