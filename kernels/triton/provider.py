"""The Triton kernels: which instances there are, and how one is compiled without a GPU."""

import importlib.util
import re
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
NAME = "triton"
SOURCES = {"unified_attention": HERE / "unified_attention.py", "reshape_and_cache": HERE / "reshape_and_cache.py"}
REQUIREMENTS = HERE.parent / "requirements.txt"

POINTER_SUFFIX = "_ptr"
TRITON_TYPES = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32", "int32": "i32", "int64": "i64"}
KERNARG_TYPES = {"i32": ("int32", 4), "i64": ("int64", 8), "fp32": ("float32", 4)}
FP32_PARAMETERS = {"scale", "soft_cap"}
POINTER_DTYPES = {"block_table": "int32", "seq_lens": "int32", "query_start_loc": "int32", "slot_mapping": "int64",
                  "lse": "float32", "partial": "float32", "partial_max": "float32", "partial_sum": "float32",
                  "alibi_slopes": "float32", "key_scale": "float32", "value_scale": "float32"}
# Pointers that need not be multiples of 16.
ANY_ALIGNMENT = {"lse_ptr"}
FEATURES = ("slidingWindow", "alibi", "logitsSoftCap", "sinks")
# Elements by which these strides can be divided: 16 bytes of a 16-bit dtype, so that rows load in whole 16-byte pieces.
DIVISIBLE_STRIDES = 8


@dataclass(frozen=True)
class Instance:
    """One code object to make: a kernel with its constants, and what it serves."""

    operation: str
    source: str
    dtype: str
    constants: dict
    options: dict
    serves: dict
    grid: str
    absent: tuple = ()  # pointers and numbers that this instance does not take
    tile: dict = field(default_factory=dict)  # what the launch must know of the constants

    @property
    def id(self):
        parts = [NAME, self.operation, self.dtype, f"d{self.constants['HEAD_SIZE']}"]
        if "rows" in self.tile:
            parts.append(f"m{self.tile['rows']}")
        features = self.serves["features"]
        return ".".join(parts + [feature for feature in FEATURES if features.get(feature) == "compiled"])

    def describe(self):
        """All that decides the bytes of the code object beside sources and compiler."""
        return {"operation": self.operation, "source": self.source, "dtype": self.dtype, "constants": self.constants,
                "options": self.options, "absent": self.absent, "stride": DIVISIBLE_STRIDES}


def served(dtype, head_size, features):
    """What every kernel here depends on. `features`: those compiled in or without influence."""
    return {"dtypes": [dtype], "headSizes": {"oneOf": [head_size]}, "features": features}


def paged(dtype, head_size, features):
    """What a kernel serves that looks into the cache: blocks of any layout whose slots hold whole heads."""
    return {**served(dtype, head_size, features), "kvCacheDtypes": ["auto"], "blockSizes": {"multipleOf": 16},
            "layouts": ["paired", "halves"]}


def feature_constants(features):
    return {"WINDOW": "slidingWindow" in features, "ALIBI": "alibi" in features, "SOFT_CAP": "logitsSoftCap" in features}


def absent_parameters(features):
    absent = ["key_scale_ptr", "value_scale_ptr"]
    absent += [] if "sinks" in features else ["sinks_ptr"]
    absent += [] if "alibi" in features else ["alibi_slopes_ptr"]
    absent += [] if "logitsSoftCap" in features else ["soft_cap"]
    absent += [] if "slidingWindow" in features else ["window"]
    return tuple(absent)


def attention(operation, dtype, head_size, features, rows, keys, warps, stages=2):
    is_split = operation == "unified_attention_3d"
    constants = {"BLOCK_M": rows, "TILE": keys, "HEAD_SIZE": head_size,
                 "HEAD_PADDED": 1 << (head_size - 1).bit_length(), "SCALED_CACHE": False, **feature_constants(features)}
    if not is_split:
        constants["SINKS"] = "sinks" in features
    compiled = dict.fromkeys(features, "compiled")
    if is_split:  # the sink joins when segments merge
        compiled["sinks"] = "irrelevant"
    return Instance(
        operation, "unified_attention", dtype, constants,
        # waves_per_eu is what the registers must leave room for, and no more than that will run.
        {"num_warps": warps, "num_stages": stages, "waves_per_eu": 2, "matrix_instr_nonkdim": 16},
        {**paged(dtype, head_size, compiled), "attentionTypes": ["decoder"]},
        "(numKvHeads, numSequences * ceil(group / rows), maxSegments)" if is_split
        else "(numKvHeads, floor(numTokens * group / rows) + numSequences)",
        absent_parameters(features), {"rows": rows, "keys": keys})


def reduction(dtype, head_size, features):
    constants = {"HEAD_SIZE": head_size, "HEAD_PADDED": 1 << (head_size - 1).bit_length(), "CHUNK": 16,
                 "SINKS": "sinks" in features, "SCALED_CACHE": False}
    sinks = {"sinks": "compiled"} if "sinks" in features else {}
    irrelevant = dict.fromkeys(("slidingWindow", "alibi", "logitsSoftCap"), "irrelevant")
    return Instance("reduce_segments", "unified_attention", dtype, constants, {"num_warps": 1, "num_stages": 1},
                    served(dtype, head_size, {**irrelevant, **sinks}), "(numSequences, numHeads)",
                    ("value_scale_ptr",) + (() if sinks else ("sinks_ptr",)))


def cache_write(dtype, head_size):
    constants = {"HEAD_SIZE": head_size, "ELEMENTS": 1024, "SCALED_CACHE": False, "FP8_MAX": 240.0}
    return Instance("reshape_and_cache_flash", "reshape_and_cache", dtype, constants, {"num_warps": 2, "num_stages": 1},
                    paged(dtype, head_size, dict.fromkeys(FEATURES, "irrelevant")), "(numTokens)",
                    ("key_scale_ptr", "value_scale_ptr"))


def instances(target, chosen):
    """The instances of a set: "demo" has what the demo launches, "smoke" proves that a target works, "all" everything."""
    sizes = [("bfloat16", 128)] if chosen in ("demo", "smoke") else [
        (dtype, size) for dtype in ("bfloat16", "float16") for size in (64, 128)]
    made = []
    for dtype, head_size in sizes:
        # One wave for 16 rows, two for 64: each computes scores of its own rows, and has the next tile's loads under way.
        # With 64 rows these fit into the registers on gfx942 alone.
        made.append(attention("unified_attention_2d", dtype, head_size, (), 16, 32, 1))
        made.append(attention("unified_attention_2d", dtype, head_size, (), 64, 32, 2, 2 if target == "gfx942" else 1))
        made.append(attention("unified_attention_3d", dtype, head_size, (), 16, 32, 1))
        made.append(reduction(dtype, head_size, ()))
        made.append(cache_write(dtype, head_size))
    return made


def compiler():
    """Name and version of the compiler, without importing it: a build with nothing to do must not pay for that."""
    version = re.search(r"^triton==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE).group(1)
    return {"name": "triton", "version": version}


def load_source(name):
    spec = importlib.util.spec_from_file_location(name, SOURCES[name])
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parameter_type(name, instance):
    """The Triton type of a runtime parameter, by its name."""
    if name.endswith(POINTER_SUFFIX):
        return "*" + TRITON_TYPES[POINTER_DTYPES.get(name[: -len(POINTER_SUFFIX)], instance.dtype)]
    return "fp32" if name in FP32_PARAMETERS else "i32"


def compile_instance(instance, target):
    """Returns the code object's bytes and what the manifest says of it."""
    import triton
    from triton import knobs
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    if triton.__version__ != compiler()["version"]:
        raise RuntimeError(f"kernels are built with triton {compiler()['version']}, found {triton.__version__}")
    kernel = getattr(load_source(instance.source), instance.operation)
    constants = {**instance.constants, **{name: None for name in instance.absent if name in kernel.arg_names}}
    signature, attributes = {}, {}
    for index, name in enumerate(kernel.arg_names):
        signature[name] = "constexpr" if name in constants else parameter_type(name, instance)
        if signature[name].startswith("*") and name not in ANY_ALIGNMENT:
            attributes[(index,)] = [["tt.divisibility", 16]]
        elif name.startswith("stride_") and name != "stride_table" and signature[name] == "i32":
            attributes[(index,)] = [["tt.divisibility", DIVISIBLE_STRIDES]]
    # Buffer loads where the offsets from a scalar base provably fit: no address arithmetic, and masks without branches.
    knobs.amd.buffer_ops_analyze_small_tensor_range = True
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants, attrs=attributes)
    compiled = triton.compile(source, target=GPUTarget("hip", target, 64), options=instance.options)

    kernargs, offset = [], 0
    for name in kernel.arg_names:
        if signature[name] == "constexpr":
            continue
        kind, size = ("pointer", 8) if signature[name].startswith("*") else KERNARG_TYPES[signature[name]]
        offset = (offset + size - 1) // size * size
        kernargs.append({"name": name.removesuffix(POINTER_SUFFIX), "type": kind, "offset": offset, "size": size})
        offset += size
    assembly = compiled.asm["amdgcn"]
    number = lambda pattern: int(re.search(rf"{pattern}\s+(\d+)", assembly).group(1))
    facts = {"symbol": compiled.metadata.name, "kernargs": kernargs, "kernargBytes": number(r"\.kernarg_segment_size:"),
             "workgroupSize": 64 * compiled.metadata.num_warps, "ldsBytes": compiled.metadata.shared,
             # What a wave gets, which waves_per_eu can make more than what it uses.
             "vgprs": number(r"\.amdhsa_next_free_vgpr"), "scratchBytes": number(r"\.private_segment_fixed_size:")}
    return compiled.asm["hsaco"], facts
