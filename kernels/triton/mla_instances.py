"""The instances of latent attention in Triton. Sizes are DeepSeek's; any number of heads, blocks of 16 tokens and more."""

from kernels.builder.targets import TARGETS

# Rows of 16 decode tokens and of 64: weights are read once for each tile of them.
FEW, MANY = 16, 64
# Those whose decode AITER has assembly for.
AITER_TARGETS = ("gfx942", "gfx950")
# The one whose usual set has CK-tile's attention with heads of 192 and 128 elements.
DENSE_TARGET = "gfx942"
# The one with a decode of queries in fp8.
QUANTISED_TARGET = "gfx942"
SCALE = ("key_scale", "key_scale_tensor_ptr")


def kinds(target, dtypes):
    caches = ("auto", "fp8") if TARGETS[target]["fp8"] else ("auto",)
    return [(dtype, cache) for dtype in dtypes for cache in caches]


def of_dtype(make, target, dtype):
    """The kernels that do not touch the cache."""
    fp8 = TARGETS[target]["fp8"]
    serves = {"dtypes": [dtype], "headSizes": {"oneOf": [576]}, "features": {}}

    def kernel(operation, source, constants, options, grid, name=(), tile=None):
        return make(operation, source, (dtype, fp8), constants, {"matrix_instr_nonkdim": 16, **options}, serves, grid, name, (), tile)

    one_wave, four_waves = {"num_warps": 1, "num_stages": 1}, {"num_warps": 4, "num_stages": 1}
    # With few tokens the weights are what there is to do: many programs share them.
    products = [(FEW, 32, 8, one_wave), (MANY, 64, 64, four_waves)]
    for rows, wide, columns, options in products:
        for suffix, quantised in (("", {}), *([("_fp8", {"FP8": fp8})] if fp8 else [])):
            yield kernel(f"mla_query_product{suffix}", "mla_products", {"BLOCK_M": rows, "BLOCK_N": wide, **quantised}, options,
                         "(512 / columns, numHeads, ceil(decodeTokens / rows))", (f"m{rows}",), {"rows": rows, "columns": wide})
            yield kernel(f"mla_value_product{suffix}", "mla_products",
                         {"BLOCK_M": rows, "BLOCK_N": max(16, columns), "COLUMNS": columns, "BLOCK_K": 128, **quantised}, options,
                         "(128 / columns, numHeads, ceil(decodeTokens / rows))", (f"m{rows}",), {"rows": rows, "columns": columns})
    if fp8:
        part = {"BLOCK": 4096}
        yield kernel("mla_weight_maxima", "mla_weights", part, one_wave, "(elements / part)", (), {"part": 4096})
        yield kernel("mla_quantise_weights", "mla_weights", {**part, "CHUNK": 256, "FP8": fp8}, one_wave, "(elements / part)", (), {"part": 4096})
    yield kernel("mla_reduce", "mla_decode", {"CHUNK": 32, "COLUMNS": 128}, one_wave, "(512 / columns, decodeTokens, numHeads)",
                 (), {"columns": 128})
    yield kernel("mla_prefill", "mla_prefill", {"BLOCK_M": 64, "TILE": 32}, {**four_waves, "waves_per_eu": 2},
                 "(numHeads, ceil(maxQueryLen / rows), sequences)", (), {"rows": 64, "keys": 32})


def over_cache(make, target, dtype, cache):
    """The kernels that read the cache or write to it."""
    fp8 = TARGETS[target]["fp8"]
    is_scaled = cache == "fp8"
    dtypes = (dtype, fp8 if is_scaled else dtype)
    name = (cache,) if is_scaled else ()
    absent = () if is_scaled else SCALE
    serves = {"dtypes": [dtype], "headSizes": {"oneOf": [576]}, "features": {}, "kvCacheDtypes": [cache],
              "layouts": ["latent"]}
    for operation, grid in (("concat_and_cache_mla", "(numTokens)"), ("gather_mla_cache", "(rows)")):
        yield make(operation, "mla_cache", dtypes, {"FP8": fp8 if is_scaled else None}, {"num_warps": 1, "num_stages": 1},
                   serves, grid, name, absent)
    # A wave of 16 rows holds their latent queries and results in its registers. Four of them share a tile of more keys.
    for rows, keys in ((16, 16), (64, 32)):
        yield make("mla_decode", "mla_decode", dtypes, {"BLOCK_M": rows, "TILE": keys, "SCALED_CACHE": is_scaled},
                   {"num_warps": rows // 16, "num_stages": 1, "waves_per_eu": 1, "matrix_instr_nonkdim": 16},
                   {**serves, "blockSizes": {"min": 16}, "attentionTypes": ["decoder"]}, "(maxSegments, sequences, ceil(queryTokens * numHeads / rows))",
                   (*name, f"m{rows}"), absent, {"rows": rows, "keys": keys})
    yield make("mla_context_product", "mla_products", dtypes,
               {"BLOCK_M": 64, "BLOCK_N": 64, "BLOCK_K": 64},
               {"num_warps": 4, "num_stages": 1, "matrix_instr_nonkdim": 16}, serves,
               "(256 / columns, numHeads, sequences * ceil(chunkTokens / rows))", name, (), {"rows": 64, "columns": 64})


def before_dense_attention(make, target):
    """The kernels before CK-tile's attention over up-projected latents."""
    serves = {"dtypes": ["bfloat16"], "headSizes": {"oneOf": [576]}, "features": {}}
    yield make("mla_join_query", "mla_up_projection", ("bfloat16", "bfloat16"), {"HEADS": 8}, {"num_warps": 1, "num_stages": 1}, serves,
               "(numTokens, ceil(numHeads / heads))", (), (), {"heads": 8})
    for dtype, cache in kinds(target, ["bfloat16"]):
        is_scaled = cache == "fp8"
        yield make("mla_up_projection", "mla_up_projection", (dtype, TARGETS[target]["fp8"] if is_scaled else dtype),
                   {"BLOCK_M": 64, "BLOCK_N": 64, "BLOCK_K": 64, "SCALED_CACHE": is_scaled},
                   {"num_warps": 4, "num_stages": 1, "matrix_instr_nonkdim": 16},
                   {**serves, "kvCacheDtypes": [cache], "layouts": ["latent"]}, "(256 / columns, numHeads, ceil(rows / tile rows))",
                   (cache,) if is_scaled else (), () if is_scaled else SCALE, {"rows": 64, "columns": 64})


def around_pages(make, target):
    """The kernels beside AITER's decode, which takes bfloat16 and pages of one token, and work on a list where the cache is in fp8."""
    serves = {"dtypes": ["bfloat16"], "headSizes": {"oneOf": [576]}, "features": {}, "layouts": ["latent"]}
    for operation, constants, grid, tile in (
            ("mla_expand_pages", {"BLOCK": 256}, "(requests, ceil(maxKeys / keys))", {"keys": 256}),
            ("mla_merge_splits", {"CHUNK": 16}, "(decodeTokens, numHeads)", {}),
            ("mla_merge_work", {"CHUNK": 16}, "(decodeTokens, numHeads)", {})):
        yield make(operation, "mla_pages", ("bfloat16", "bfloat16"), constants, {"num_warps": 1, "num_stages": 1}, serves, grid, (), (), tile)
    for dtype, cache in kinds(target, ["bfloat16"]):
        is_scaled = cache == "fp8"
        yield make("mla_begin_work", "mla_pages", (dtype, TARGETS[target]["fp8"] if is_scaled else dtype), {}, {"num_warps": 1, "num_stages": 1},
                   {**serves, "kvCacheDtypes": [cache]}, "(1)", (cache,) if is_scaled else (),
                   () if is_scaled else ("cache_scale_ptr", *SCALE))
        # Splits of an fp8 cache are of queries in fp8 alone.
        if not is_scaled or target == QUANTISED_TARGET:
            yield make("mla_begin_splits", "mla_pages", (dtype, TARGETS[target]["fp8"] if is_scaled else dtype), {"BLOCK": 256},
                       {"num_warps": 1, "num_stages": 1}, {**serves, "kvCacheDtypes": [cache]},
                       "(ceil(requests * splits * heads / rows))", (cache,) if is_scaled else (), (), {"rows": 256})
    if target == QUANTISED_TARGET:
        fp8 = TARGETS[target]["fp8"]
        yield make("mla_quantise_query", "mla_pages", ("bfloat16", fp8), {"BLOCK": 1024, "FP8": fp8}, {"num_warps": 1, "num_stages": 1},
                   serves, "(decodeTokens * numHeads * 576 / elements)", (), (), {"elements": 1024})


def instances(make, target, dtypes):
    """All kernels of latent attention in these dtypes; `make` makes an instance."""
    made = [each for dtype in dtypes for each in of_dtype(make, target, dtype)]
    if target in AITER_TARGETS:
        made += around_pages(make, target)
    if target == DENSE_TARGET:
        made += before_dense_attention(make, target)
    return made + [each for dtype, cache in kinds(target, dtypes) for each in over_cache(make, target, dtype, cache)]
