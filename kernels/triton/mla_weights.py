"""The up-projection of latent attention [heads, 128 + 128, 512] in fp8, with a scale for W_UK and one for W_UV, in two launches: the
largest of each part, then all by all of these."""

import triton
import triton.language as tl

from kernels.triton.float8 import fp8_rounded
from kernels.triton.mla_latent import NOPE, RANK, VALUE


@triton.jit
def fp8_scale(largest, FP8: tl.constexpr):
    """The scale by which the largest magnitude of some numbers becomes the format's largest number; 1 where they are all 0."""
    return tl.where(largest > 0, largest / (240.0 if FP8 == "e4m3fnuz" else 448.0), 1.0)


@triton.jit
def mla_weight_maxima(maxima_ptr, weight_ptr, BLOCK: tl.constexpr):
    """Grid: (elements / BLOCK). Writes float32 maxima of magnitude [elements / BLOCK]."""
    part = tl.program_id(0).to(tl.int64)
    weight = tl.load(weight_ptr + part * BLOCK + tl.arange(0, BLOCK))
    tl.store(maxima_ptr + part, tl.max(tl.abs(weight.to(tl.float32)), 0))


@triton.jit
def is_of_value(part, BLOCK: tl.constexpr):
    """Whether a part is one of W_UV, which follows W_UK in every head."""
    return part % ((NOPE + VALUE) * RANK // BLOCK) >= NOPE * RANK // BLOCK


@triton.jit
def mla_quantise_weights(quantised_weight_ptr, weight_scale_ptr, weight_ptr, maxima_ptr, parts, BLOCK: tl.constexpr, CHUNK: tl.constexpr,
                         FP8: tl.constexpr):
    """Grid: (parts), of mla_weight_maxima. Writes weights that times weight_scale, float32 [2], are the given ones: of W_UK and W_UV."""
    part = tl.program_id(0).to(tl.int64)
    is_value = is_of_value(part, BLOCK)
    largest = tl.zeros([CHUNK], tl.float32)
    for chunk in range(0, parts, CHUNK):
        place = chunk + tl.arange(0, CHUNK)
        is_same = is_of_value(place, BLOCK) == is_value
        largest = tl.maximum(largest, tl.load(maxima_ptr + place, mask=(place < parts) & is_same, other=0.0))
    scale = fp8_scale(tl.max(largest, 0), FP8)
    places = part * BLOCK + tl.arange(0, BLOCK)
    tl.store(quantised_weight_ptr + places, fp8_rounded(tl.load(weight_ptr + places).to(tl.float32) / scale, FP8))
    tl.store(weight_scale_ptr + is_value.to(tl.int32), scale)  # every part of it writes the same
