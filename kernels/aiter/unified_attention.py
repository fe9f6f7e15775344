"""AITER's unified attention in Triton, from its wheel: instances, and how they are compiled without torch.

AITER compiles its kernels for each model: scale, heads, window and number of segments are constants there. Here they are
arguments, and one instance serves all models of a head size; the arithmetic is the same.
"""

import contextlib
import functools
import importlib.util
import sys
import types
from dataclasses import dataclass

from kernels.aiter import wheel_triton
from kernels.builder import triton, wheel
from kernels.builder.instance import Instance, Made
from kernels.builder.paths import absolute
from kernels.builder.targets import TARGETS

SOURCE = "aiter/ops/triton/_triton_kernels/unified_attention.py"
FP8_LARGEST = {"e4m3fnuz": 240.0, "e4m3fn": 448.0, None: 240.0}

# Blocks of the cache as the kernels see them: block tables of larger ones are expanded.
BLOCK_TOKENS = 16
# Keys of a tile. Where a tile is one block the kernels do not mask what lies behind a sequence, so it never is.
WHOLE_KEYS = 64
SPLIT_KEYS = 32
# AITER's tiles: of few rows with two waves, of many with four, in prefills of 256 tokens and more.
SMALL, LARGE = (16, 2), (128, 4)
SEGMENTS = (8, 16, 32, 64, 128)
HEAD_SIZES = (64, 96, 128, 256)
# The reduction is written for powers of two.
SPLIT_HEAD_SIZES = (64, 128, 256)

INT64 = {f"{name}_{axis}" for name in ("query_stride", "output_stride", "qq_bias_stride") for axis in (0, 1)} | {
    f"stride_{of}_cache_{axis}" for of in "kv" for axis in (0, 1, 2)} | {"block_table_stride"}
FLOAT32 = {"scale", "softcap"}
POINTERS = {"block_tables": "int32", "seq_lens": "int32", "query_start_len": "int32", "alibi_slopes": "float32",
            "k_scale": "float32", "v_scale": "float32", "segm_output": "float32", "segm_max": "float32",
            "segm_expsum": "float32"}
# Pointers that need not be multiples of 16, and numbers that are no multiples of 8.
UNALIGNED = {"sink_ptr", "k_scale", "v_scale", "block_table_stride"}
STRIDE_STEP = 8

# Our names of the arguments. Ours of scale and soft cap have log2(e) in them, these have not.
NAMES = {"segm_output": "partial", "segm_max": "partial_max", "segm_expsum": "partial_sum", "sink": "sinks",
         "block_tables": "block_table", "scale": "softmax_scale", "softcap": "logits_soft_cap",
         "k_scale": "key_scale_tensor", "v_scale": "value_scale_tensor", "num_query_heads": "num_heads",
         "num_queries_per_kv": "group", "block_table_stride": "stride_table", "query_stride_0": "stride_query_token",
         "query_stride_1": "stride_query_head", "output_stride_0": "stride_output_token",
         "output_stride_1": "stride_output_head", "query_start_len": "query_start_loc",
         "stride_k_cache_0": "stride_block", "stride_k_cache_1": "stride_slot", "stride_k_cache_2": "stride_head",
         "stride_v_cache_0": "stride_value_block", "stride_v_cache_1": "stride_value_slot",
         "stride_v_cache_2": "stride_cached_value_head",
         "BLOCK_Q": "tile_queries", "num_seqs": "num_sequences", "NUM_SEGMENTS_PER_SEQ": "max_segments",
         "TILE_SIZE": "tile_keys", "SLIDING_WINDOW": "window", "USE_SOFTCAP": "has_soft_cap"}

# What every instance is without: biases of query pairs, fp8 results, the variant that goes around the caches.
COMMON = {"qq_bias_ptr": None, "qq_bias_stride_0": 0, "USE_QQ_BIAS": False, "USE_FP8": False, "out_scale": 1.0,
          "out_scale_inv": 1.0, "ALL_DECODE": False, "stride_k_cache_3": 1, "stride_v_cache_3": 1,
          "BLOCK_SIZE": BLOCK_TOKENS}
NO_SLOPES = {"alibi_slopes_ptr": None, "USE_ALIBI_SLOPES": False}
NO_SINKS = {"sink_ptr": None, "USE_SINKS": False}
NO_CAP = {"softcap": 0.0, "USE_SOFTCAP": False}
# Slopes and sinks exclude each other: AITER's slopes count from the first query token, by which they shift the scores of
# every further one, but not its sink. Sinks of -inf stand for none.
FLAVOURS = {"plain": {**NO_SLOPES, **NO_SINKS, **NO_CAP, "SLIDING_WINDOW": 0},
            "general": {**NO_SLOPES, "USE_SINKS": True}, "alibi": {"USE_ALIBI_SLOPES": True, **NO_SINKS}}
FEATURES = {"plain": {}, "general": dict.fromkeys(("slidingWindow", "logitsSoftCap", "sinks"), "runtime"),
            "alibi": {"slidingWindow": "runtime", "alibi": "compiled", "logitsSoftCap": "runtime"}}
UNSCALED = {"k_scale": None, "v_scale": None}


def instances(target, chosen):
    """The instances of a set, as those of kernels/triton/provider.py."""
    # gfx90a multiplies small float16 numbers as 0, and AITER does not scale them.
    dtypes = ["bfloat16"] if target == "gfx90a" or chosen == "smoke" else ["bfloat16", "float16"]
    caches = ["auto", "fp8"] if TARGETS[target]["fp8"] else ["auto"]
    if chosen == "demo":
        return []
    sizes = (128,) if chosen == "smoke" else HEAD_SIZES
    every = []
    for dtype in dtypes:
        for size in sizes:
            kinds = [Kind(target, dtype, size, cache, flavour) for cache in caches for flavour in FLAVOURS
                     if (cache, flavour) != ("fp8", "plain")]
            every += [instance for kind in kinds for instance in attentions(kind)]
            if size in SPLIT_HEAD_SIZES:
                every += [reduction(dtype, size, segments) for segments in SEGMENTS]
    return every


@dataclass(frozen=True)
class Kind:
    """What the kernels of one attention have in common."""

    target: str
    dtype: str
    size: int
    cache: str  # as in serves: "auto" or "fp8"
    flavour: str


def attentions(kind):
    """The kernels of one kind of attention: whole sequences in two sizes of tiles, and split over the keys."""
    # The number of query heads masks rows that do not exist, and prefers a cache policy for small models.
    wholes = [attention("unified_attention_2d", kind, {"num_query_heads": 1 << 20}, rows, WHOLE_KEYS, waves,
                        "(numKvHeads, floor(numTokens / floor(rows / group)) + numSequences)", FEATURES[kind.flavour])
              for rows, waves in (LARGE, SMALL)]
    if kind.size not in SPLIT_HEAD_SIZES:
        return wholes
    # AITER never splits with a window.
    features = {name: level for name, level in FEATURES[kind.flavour].items() if name != "slidingWindow"}
    rows, waves = SMALL
    return [*wholes, attention("unified_attention_3d", kind, {"SLIDING_WINDOW": 0}, rows, SPLIT_KEYS, waves,
                               "(floor(numTokens / floor(rows / group)) + numSequences, numKvHeads, segments)", features)]


def attention(operation, kind, constants, rows, keys, waves, grid, features):
    padded = 1 << (kind.size - 1).bit_length()
    constants = {**COMMON, **FLAVOURS[kind.flavour], **(UNSCALED if kind.cache == "auto" else {}), **constants,
                 "BLOCK_M": rows, "TILE_SIZE": keys, "HEAD_SIZE": kind.size, "HEAD_SIZE_PADDED": padded}
    serves = {"dtypes": [kind.dtype], "kvCacheDtypes": [kind.cache], "headSizes": {"oneOf": [kind.size]},
              "blockSizes": {"multipleOf": BLOCK_TOKENS}, "queriesPerKv": {"max": rows}, "layouts": ["paired", "halves"],
              "attentionTypes": ["decoder"], "features": features}
    words = [kind.dtype, f"d{kind.size}", *(word for word in (kind.cache, kind.flavour) if word not in ("auto", "plain")),
             f"m{rows}"]
    dtypes = {"query": kind.dtype, "cache": TARGETS[kind.target]["fp8"] if kind.cache == "fp8" else kind.dtype}
    return made(operation, f"kernel_{operation}", words, constants, dtypes, waves, serves, grid, {"rows": rows, "keys": keys})


def reduction(dtype, size, segments):
    constants = {**COMMON, "block_table_stride": 0, "BLOCK_Q": 1, "HEAD_SIZE": size, "HEAD_SIZE_PADDED": size,
                 "NUM_SEGMENTS_PER_SEQ": segments}
    serves = {"dtypes": [dtype], "headSizes": {"oneOf": [size]},
              "features": dict.fromkeys(("alibi", "logitsSoftCap", "sinks"), "irrelevant")}
    return made("reduce_segments", "reduce_segments", [dtype, f"d{size}", f"s{segments}"], constants,
                {"query": dtype, "cache": dtype}, 1 if segments == SEGMENTS[0] else 2, serves, "(numTokens, numHeads)",
                {"segments": segments})


def made(operation, kernel, words, constants, dtypes, waves, serves, grid, tile):
    description = {"source": SOURCE, "kernel": kernel, "constants": constants, "dtypes": dtypes,
                   "options": {"num_warps": waves, "num_stages": 1, "waves_per_eu": 2}, "environment": triton.ENVIRONMENT}
    return Instance(".".join(["aiter", operation, *words]), operation, description, serves, grid, tile, "triton", NAMES)


def compile(instance, target, folder):
    of = instance.description
    path = absolute(wheel.path(of["source"]))
    triton.enter(of["environment"], folder)
    largest = FP8_LARGEST[TARGETS[target]["fp8"]]
    kernel = getattr(load(str(path), largest), of["kernel"])
    constants = {**of["constants"], "FP8_MIN": -largest, "FP8_MAX": largest}
    code, facts = wheel_triton.compile_kernel(of, kernel, constants, lambda name: parameter_type(name, of["dtypes"]), divisor, target)
    return Made(code, facts, (path,))


def divisor(name, kind):
    if name in UNALIGNED:
        return None
    return 16 if kind.startswith("*") else STRIDE_STEP if name in INT64 else None


def parameter_type(name, dtypes):
    """The Triton type of a runtime parameter, by its name."""
    bare = name.removesuffix(triton.POINTER_SUFFIX)
    if bare != name or name in POINTERS:
        in_cache = bare in ("key_cache", "value_cache")
        return "*" + triton.TYPES[POINTERS.get(bare, dtypes["cache" if in_cache else "query"])]
    return "i64" if name in INT64 else "fp32" if name in FLOAT32 else "i32"


@functools.lru_cache(maxsize=None)
def load(path, fp8_largest):
    """AITER's module. It asks torch for the bounds of fp8 alone, and AITER for the name of that format."""
    torch = types.ModuleType("torch")
    torch.finfo = lambda _: types.SimpleNamespace(min=-fp8_largest, max=fp8_largest)
    names = ["aiter", "aiter.ops", "aiter.ops.triton", "aiter.ops.triton.utils", "aiter.ops.triton.utils.types"]
    packages = {name: types.ModuleType(name) for name in names}
    packages[names[-1]].e4m3_dtype = None
    name = f"aiter_unified_attention_{int(fp8_largest)}"
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    with modules({"torch": torch, **packages, name: module}):
        spec.loader.exec_module(module)
    sys.modules[name] = module
    return module


@contextlib.contextmanager
def modules(stand_ins):
    """Lets modules stand in for those of the same names."""
    before = {name: sys.modules.get(name) for name in stand_ins}
    sys.modules.update(stand_ins)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
