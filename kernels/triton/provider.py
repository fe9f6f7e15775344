"""The Triton kernels: which instances there are, and how one is compiled without a GPU."""

import ast
import functools
import importlib
import re
from dataclasses import dataclass

from kernels.builder import triton
from kernels.builder.instance import FEATURES, BuildError, Instance, Made
from kernels.builder.paths import ROOT
from kernels.builder.targets import TARGETS
from kernels.triton import mla_instances

NAME = "triton"

FP32_PARAMETERS = {"scale", "soft_cap", "key_scale", "value_scale", "output_scale", "query_scale_number"}
POINTER_DTYPES = {"block_table": "int32", "seq_lens": "int32", "query_start_loc": "int32", "slot_mapping": "int64",
                  "lse": "float32", "partial": "float32", "partial_max": "float32", "partial_sum": "float32",
                  "alibi_slopes": "float32", "key_scale_tensor": "float32", "value_scale_tensor": "float32",
                  "output_scale_tensor": "float32", "query_scale_tensor": "float32", "decode_sequences": "int32", "decode_starts": "int32",
                  "decode_tokens": "int32", "decode_keys": "int32", "prefill_sequences": "int32",
                  "pages": "int32", "page_starts": "int32", "request_sequences": "int32", "partial_lse": "float32",
                  "work_lists": "int64", "work_starts": "int32", "works": "int32", "part_starts": "int32",
                  "part_list": "int32", "cache_scale": "float32", "query_scale": "float32", "weight_scale": "float32", "maxima": "float32",
                  "starts": "int32", "row_starts": "int32",
                  "group_table": "int32", "starts": "int32", "row_starts": "int32"}
# Pointers that need not be multiples of 16.
ANY_ALIGNMENT = {"lse_ptr", "sinks_ptr", "key_scale_tensor_ptr", "value_scale_tensor_ptr", "output_scale_tensor_ptr", "query_scale_tensor_ptr",
                 "group_table_ptr", "starts_ptr", "row_starts_ptr"}
# What head sizes can be divided by.
HEAD_STEP = 8
CACHE_STRIDES = {"stride_block", "stride_slot", "stride_head",
                 "stride_value_block", "stride_value_slot", "stride_cached_value_head"}
# Buffer loads where the offsets from a scalar base provably fit: no address arithmetic, and masks without branches.
ENVIRONMENT = {**triton.ENVIRONMENT, "AMDGCN_ANALYZE_SMALL_TENSOR_RANGE": "1"}


def instance(operation, source, dtypes, constants, options, serves, grid, name, absent=(), tile=None, multiples=None):
    """`dtypes`: of the queries and of the cache. `absent`: pointers and numbers that this instance does not take.
    `multiples`: numbers of which it is known by what they can be divided, beside those known by their names."""
    signature, attributes, constants = {}, {}, dict(constants)
    for parameter, is_constant in parameters(f"kernels/triton/{source}.py", operation):
        if parameter in absent:
            constants[parameter] = None
        kind = "constexpr" if is_constant or parameter in absent else parameter_type(parameter, *dtypes)
        signature[parameter] = kind
        if kind.startswith("*") and parameter not in ANY_ALIGNMENT:
            attributes[parameter] = [["tt.divisibility", 16]]
        elif parameter == "head_size":
            attributes[parameter] = [["tt.divisibility", HEAD_STEP]]
        elif kind != "constexpr" and parameter.startswith("stride_") and parameter != "stride_table":
            attributes[parameter] = [["tt.divisibility", stride_step(dtypes[parameter in CACHE_STRIDES])]]
    attributes.update({parameter: [["tt.divisibility", step]] for parameter, step in (multiples or {}).items()})
    description = {"source": source, "kernel": operation, "signature": signature, "constants": constants,
                   "attributes": attributes, "options": options, "environment": ENVIRONMENT}
    return Instance(".".join([NAME, operation, dtypes[0], *name]), operation, description, serves, grid, tile or {})


def stride_step(dtype):
    """Elements by which strides can be divided: rows are loaded in pieces of 16 bytes, or of a head's step."""
    return 4 if dtype == "float32" else HEAD_STEP


@functools.lru_cache(maxsize=None)
def parameters(path, kernel):
    """The parameters of a kernel and whether each is a constant, without importing it: that takes the compiler."""
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name == kernel:
            return [(each.arg, each.annotation is not None) for each in node.args.args]
    raise BuildError(f"{path} has no kernel {kernel}")


def parameter_type(name, dtype, cache_dtype):
    """The Triton type of a runtime parameter, by its name."""
    if name.endswith(triton.POINTER_SUFFIX):
        pointer = name[: -len(triton.POINTER_SUFFIX)]
        if pointer in ("key_cache", "value_cache", "latent_cache", "quantised_weight", "quantised_query"):
            return "*" + triton.TYPES[cache_dtype]
        return "*" + triton.TYPES[POINTER_DTYPES.get(pointer, dtype)]
    return "fp32" if name in FP32_PARAMETERS else "i32"


@dataclass(frozen=True)
class Kind:
    """What the kernels of one attention have in common: dtypes, head sizes by the power of two that they are padded to."""

    target: str
    dtype: str
    padded: int
    cache: str = "auto"  # as in serves: in the dtype of the queries, or fp8
    general: bool = False
    split: bool = False  # over the layout split, else over slots that hold whole heads

    @property
    def fp8(self):
        """The target's format of fp8, or None."""
        return TARGETS[self.target]["fp8"]

    @property
    def dtypes(self):
        return self.dtype, {"auto": self.dtype, "fp8": self.fp8}.get(self.cache, self.cache)

    @property
    def name(self):
        cache = () if self.cache == "auto" else (self.cache,)
        split = ("split",) if self.split else ()
        return (f"d{self.padded}", *cache, *split, *(("general",) if self.general else ()))

    @property
    def unscaled(self):
        """The scales that kernels do without which read a cache as it is."""
        return () if self.cache == "fp8" else scales("key", "value")

    @property
    def featureless(self):
        return () if self.general else ("alibi_slopes_ptr", "sinks_ptr", "soft_cap", "window", "ahead")

    @property
    def multiples(self):
        """What sizes of a split cache can be divided by: 16 bytes of a key lie together, and 16 slots of an element of values."""
        return {"block_size": 16, "head_size": self.head_step} if self.split else {}

    @property
    def head_step(self):
        return 16 if self.split and self.cache == "fp8" else HEAD_STEP

    @property
    def layouts(self):
        return ("split",) if self.split else ("paired", "halves")

    def strideless(self, is_split_over_keys):
        """The strides of the cache that a kernel does without: those that a split cache has not, and those of values where
        they are as those of keys, which is in any cache whose slots hold whole heads."""
        values = ("stride_value_slot", "stride_cached_value_head")
        if self.split:
            return ("stride_slot", "stride_head", *values)
        return () if self.takes_encoders and not is_split_over_keys else ("stride_value_block", *values)

    @property
    def takes_encoders(self):
        return self.general and not self.split and self.cache == "auto"

    def attention_types(self, is_split_over_keys):
        """Keys ahead of a query are the general variant's matter. A split decode's one query stands at the end, ahead of none."""
        if self.split or not (self.general or is_split_over_keys):
            return ["decoder"]
        encoders = ["encoder_only", "encoder"] if self.takes_encoders and not is_split_over_keys else []
        return ["decoder", "encoder_decoder", *encoders]

    @property
    def features(self):
        return dict.fromkeys(FEATURES, "runtime") if self.general else {}


def scales(*of):
    return tuple(name for each in of for name in (f"{each}_scale", f"{each}_scale_tensor_ptr"))


def without_fp8(target):
    """What kernels for a target that has no fp8 do not take."""
    return () if TARGETS[target]["fp8"] else ("write_fp8", *scales("output"))


def head_sizes(padded, step=HEAD_STEP):
    return {"min": {64: 32, 128: 64 + step, 256: 128 + step}[padded], "max": padded, "multipleOf": step}


def paged(dtype, cache, sizes, features, layouts=("paired", "halves")):
    """What a kernel serves that looks into the cache: by default, blocks of any layout whose slots hold whole heads."""
    return {"dtypes": [dtype], "headSizes": sizes, "features": features, "kvCacheDtypes": [cache],
            "blockSizes": {"multipleOf": 16}, "layouts": list(layouts)}


@dataclass(frozen=True)
class Tile:
    """How a kernel of attention is cut: rows and keys of a tile, waves of a workgroup, whether the next tile's loads are
    under way while one is computed, and the waves for which a SIMD's registers must have room: no more will run."""

    rows: int
    keys: int
    warps: int
    prefetch: bool
    waves: int


def tiles(kind):
    """The smallest tile and larger ones. A wave computes the scores of rows of its own: 16, or 32 where that fits into the
    registers. A wave that keeps much in them, or in LDS, has its SIMD for itself."""
    if kind.dtype == "float32":
        return Tile(16, 16, 1, False, 1), Tile(64, 16, 4, False, 1)
    is_fp8 = kind.cache == "fp8"  # what is converted needs registers too
    if kind.padded == 256:
        return Tile(16, 16, 1, True, 1), Tile(64, 16, 4, not is_fp8, 2)
    if kind.split:  # the addresses of a split cache take registers, too
        return Tile(16, 16, 1, True, 2 if kind.padded == 64 else 1), Tile(64, 32, 4, False, 2)
    small = Tile(16, 32, 1, True, 2 if kind.padded == 64 else 1)
    # With the large tile's loads in advance the plain variant alone stays within its registers, on gfx942 alone, and of
    # those over fp8 the ones in bfloat16.
    prefetches = kind.target == "gfx942" and not kind.general and not (is_fp8 and kind.dtype == "float16")
    large = Tile(64, 32, 4 if is_fp8 and kind.general else 2, prefetches, 2)
    # Over fp8, prompts too short to fill a GPU with large tiles are done sooner in twice as many: more waves share the conversion.
    return (small, Tile(32, 32, 2, prefetches, 2), large) if is_fp8 and not kind.general else (small, large)


def attention(operation, kind, tile):
    is_split = operation == "unified_attention_3d"
    constants = {"BLOCK_M": tile.rows, "TILE": tile.keys, "HEAD_PADDED": kind.padded, "GENERAL": kind.general,
                 "SCALED_CACHE": kind.cache == "fp8", "SPLIT": kind.split}
    if not is_split:
        constants["FP8"] = kind.fp8
    features = {**kind.features, "sinks": "irrelevant"} if is_split else kind.features  # a sink joins when segments merge
    return instance(
        operation, "unified_attention", kind.dtypes, constants,
        {"num_warps": tile.warps, "num_stages": 2 if tile.prefetch else 1, "waves_per_eu": tile.waves,
         "matrix_instr_nonkdim": 16},
        {**paged(kind.dtype, kind.cache, head_sizes(kind.padded, kind.head_step), features, kind.layouts),
         "attentionTypes": kind.attention_types(is_split)},
        "(numKvHeads, numSequences * ceil(group / rows), maxSegments)" if is_split
        else "(numKvHeads, floor(numTokens * group / rows) + numSequences)",
        (*kind.name, f"m{tile.rows}"),
        (*kind.unscaled, *kind.featureless, *kind.strideless(is_split), *without_fp8(kind.target)),
        {"rows": tile.rows, "keys": tile.keys},
        {**kind.multiples, "segment_tokens": tile.keys} if is_split and kind.split else kind.multiples)


def reduction(kind):
    constants = {"HEAD_PADDED": kind.padded, "CHUNK": min(64, 8192 // kind.padded), "FP8": kind.fp8}
    irrelevant = dict.fromkeys(("alibi", "logitsSoftCap"), "irrelevant")
    serves = {"dtypes": [kind.dtype], "headSizes": head_sizes(kind.padded),
              "features": {**irrelevant, "slidingWindow": "runtime", "sinks": "runtime"}}
    return instance("reduce_segments", "unified_attention", (kind.dtype, kind.dtype), constants, {"num_warps": 4, "num_stages": 1},
                    serves, "(numSequences, numHeads)", (f"d{kind.padded}",), without_fp8(kind.target))


def cache_write(kind):
    is_scaled = kind.cache == "fp8"
    sizes = {"min": 32, "max": 256, "multipleOf": HEAD_STEP}
    return instance("reshape_and_cache_flash", "reshape_and_cache", kind.dtypes,
                    {"PIECES": 128, "FP8": kind.fp8 if is_scaled else None}, {"num_warps": 2, "num_stages": 1},
                    paged(kind.dtype, kind.cache, sizes, dict.fromkeys(FEATURES, "irrelevant")), "(numTokens)",
                    () if kind.cache == "auto" else (kind.cache,), kind.unscaled)


def split_attentions(kind):
    """Those over the layout split, in the general variant alone: decode has faster kernels of its own, in HIP C++. Split
    decodes are for what these do not serve, and what is neither is no matter of small tiles."""
    small, large = tiles(kind)
    return [attention("unified_attention_2d", kind, large), attention("unified_attention_3d", kind, small)]


def attentions(kind):
    """The kernels of one kind of attention: whole sequences in each size of tiles, and decodes split over their keys."""
    small, *_ = every = tiles(kind)
    return [*(attention("unified_attention_2d", kind, tile) for tile in every), attention("unified_attention_3d", kind, small)]


def of_kinds(kinds):
    """The kernels of some kinds of attention, each once: merging does not depend on the cache, nor writing on the size."""
    made = [each for kind in kinds for each in (*attentions(kind), reduction(kind), cache_write(kind))]
    return list({each.id: each for each in made}.values())


def instances(target, chosen):
    """The instances of a set: "demo" has what the demo launches, "smoke" proves that a target works, "all" everything."""
    caches = ["auto", "fp8"] if TARGETS[target]["fp8"] else ["auto"]
    if chosen == "demo":
        return of_kinds([Kind(target, "bfloat16", 128)])
    if chosen == "demo-mla":
        return mla_instances.instances(instance, target, ["bfloat16"])
    if chosen == "smoke":
        return [*of_kinds([Kind(target, "bfloat16", 128), Kind(target, "bfloat16", 128, caches[-1], True)]),
                *(each for cache in caches for each in split_attentions(Kind(target, "bfloat16", 128, cache, True, True))),
                *mla_instances.instances(instance, target, ["bfloat16"])]
    kinds = [Kind(target, dtype, padded, cache, general) for dtype in ("bfloat16", "float16", "float32")
             for padded in (256, 128, 64) for cache in caches for general in (True, False)]
    split = [Kind(target, dtype, padded, cache, True, True) for dtype in ("bfloat16", "float16")
             for padded in (256, 128, 64) for cache in caches]
    return [*of_kinds([kind for kind in kinds if kind.general or kind.dtype != "float32"]),
            *(each for kind in split for each in split_attentions(kind)),
            *mla_instances.instances(instance, target, ["bfloat16", "float16"])]


def compiler(instance):
    return triton.compiler()


def compile(instance, target, folder):
    of = instance.description
    triton.enter(of["environment"], folder)
    kernel = getattr(importlib.import_module(f"kernels.triton.{of['source']}"), of["kernel"])
    code, facts = triton.compile_kernel(kernel, of["signature"], of["constants"], of["attributes"], of["options"], target)
    return Made(code, facts, tuple(sources(of["source"])))


def sources(name, found=()):
    """The file of a module here and those of the modules here that it imports."""
    path = ROOT / "kernels" / "triton" / f"{name}.py"
    found = {*found, path}
    for imported in re.findall(r"^from kernels\.triton\.(\w+) import", path.read_text(), re.MULTILINE):
        if path.with_name(f"{imported}.py") not in found:
            found = sources(imported, found)
    return found
