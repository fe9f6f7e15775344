"""The Triton kernels: which instances there are, and how one is compiled without a GPU."""

import ast
import functools
import importlib
import os
import re

from kernels.builder.instance import FEATURES, BuildError, Instance, Made
from kernels.builder.manifest import NULL
from kernels.builder.paths import ROOT
from kernels.builder.targets import TARGETS

NAME = "triton"

POINTER_SUFFIX = "_ptr"
TRITON_TYPES = {"float16": "fp16", "bfloat16": "bf16", "float32": "fp32", "int32": "i32", "int64": "i64"}
KERNARG_TYPES = {"i32": "int32", "i64": "int64", "fp32": "float32"}
FP32_PARAMETERS = {"scale", "soft_cap"}
POINTER_DTYPES = {"block_table": "int32", "seq_lens": "int32", "query_start_loc": "int32", "slot_mapping": "int64",
                  "lse": "float32", "partial": "float32", "partial_max": "float32", "partial_sum": "float32",
                  "alibi_slopes": "float32", "key_scale": "float32", "value_scale": "float32"}
# Pointers that need not be multiples of 16.
ANY_ALIGNMENT = {"lse_ptr"}
# Elements by which these strides can be divided: 16 bytes of a 16-bit dtype, so that rows load in whole 16-byte pieces.
DIVISIBLE_STRIDES = 8
ENVIRONMENT = {
    # Reproducible bytes: no paths or line numbers in them, no dependence on what was compiled before.
    "TRITON_DISABLE_LINE_INFO": "1", "TRITON_DEFAULT_FP_FUSION": "1",
    # Buffer loads where the offsets from a scalar base provably fit: no address arithmetic, and masks without branches.
    "AMDGCN_ANALYZE_SMALL_TENSOR_RANGE": "1"}


def instance(operation, source, dtype, constants, options, serves, grid, absent=(), tile=None):
    """`absent`: pointers and numbers that this instance does not take."""
    signature, attributes, constants = {}, {}, dict(constants)
    for name, is_constant in parameters(f"kernels/triton/{source}.py", operation):
        if name in absent:
            constants[name] = None
        signature[name] = "constexpr" if is_constant or name in absent else parameter_type(name, dtype)
        if signature[name].startswith("*") and name not in ANY_ALIGNMENT:
            attributes[name] = [["tt.divisibility", 16]]
        elif name.startswith("stride_") and name != "stride_table" and signature[name] == "i32":
            attributes[name] = [["tt.divisibility", DIVISIBLE_STRIDES]]
    description = {"source": source, "kernel": operation, "signature": signature, "constants": constants,
                   "attributes": attributes, "options": options, "environment": ENVIRONMENT}
    tile = tile or {}
    parts = [NAME, operation, dtype, f"d{constants['HEAD_SIZE']}"] + ([f"m{tile['rows']}"] if "rows" in tile else [])
    compiled = [feature for feature in FEATURES if serves["features"].get(feature) == "compiled"]
    return Instance(".".join(parts + compiled), operation, description, serves, grid, tile)


@functools.lru_cache(maxsize=None)
def parameters(path, kernel):
    """The parameters of a kernel and whether each is a constant, without importing it: that takes the compiler."""
    for node in ast.parse((ROOT / path).read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name == kernel:
            return [(each.arg, each.annotation is not None) for each in node.args.args]
    raise BuildError(f"{path} has no kernel {kernel}")


def parameter_type(name, dtype):
    """The Triton type of a runtime parameter, by its name."""
    if name.endswith(POINTER_SUFFIX):
        return "*" + TRITON_TYPES[POINTER_DTYPES.get(name[: -len(POINTER_SUFFIX)], dtype)]
    return "fp32" if name in FP32_PARAMETERS else "i32"


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
    return instance(
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
    return instance("reduce_segments", "unified_attention", dtype, constants, {"num_warps": 1, "num_stages": 1},
                    served(dtype, head_size, {**irrelevant, **sinks}), "(numSequences, numHeads)",
                    ("value_scale_ptr",) + (() if sinks else ("sinks_ptr",)))


def cache_write(dtype, head_size):
    constants = {"HEAD_SIZE": head_size, "ELEMENTS": 1024, "SCALED_CACHE": False, "FP8_MAX": 240.0}
    return instance("reshape_and_cache_flash", "reshape_and_cache", dtype, constants, {"num_warps": 2, "num_stages": 1},
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


def compiler(instance):
    """Name and version of the compiler, without importing it: a build with nothing to do must not pay for that."""
    version = re.search(r"^triton==(\S+)", (ROOT / "kernels" / "requirements.txt").read_text(), re.MULTILINE).group(1)
    return {"name": "triton", "version": version}


def compile(instance, target, folder):
    of = instance.description
    os.environ.update(of["environment"], TRITON_CACHE_DIR=folder)
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    if triton.__version__ != compiler(instance)["version"]:
        raise BuildError(f"kernels are built with triton {compiler(instance)['version']}, found {triton.__version__}")
    kernel = getattr(importlib.import_module(f"kernels.triton.{of['source']}"), of["kernel"])
    attributes = {(kernel.arg_names.index(name),): value for name, value in of["attributes"].items()}
    source = ASTSource(fn=kernel, signature=of["signature"], constexprs=of["constants"], attrs=attributes)
    platform, wave_size = TARGETS[target]["platform"], TARGETS[target]["waveSize"]
    compiled = triton.compile(source, target=GPUTarget(platform, target, wave_size), options=of["options"])

    arguments = [{"name": name.removesuffix(POINTER_SUFFIX), "type": KERNARG_TYPES.get(kind, "pointer")}
                 for name, kind in of["signature"].items() if kind != "constexpr"]
    # Triton appends two pointers to scratch memory, which none of these kernels needs.
    arguments += [{"name": "global_scratch", "type": NULL}, {"name": "profile_scratch", "type": NULL}]
    facts = {"symbol": compiled.metadata.name, "workgroupSize": wave_size * compiled.metadata.num_warps,
             "ldsBytes": compiled.metadata.shared, "arguments": arguments}
    return Made(compiled.asm["hsaco"], facts, tuple(sources(of["source"])))


def sources(name, found=()):
    """The file of a module here and those of the modules here that it imports."""
    path = ROOT / "kernels" / "triton" / f"{name}.py"
    found = {*found, path}
    for imported in re.findall(r"^from kernels\.triton\.(\w+) import", path.read_text(), re.MULTILINE):
        if path.with_name(f"{imported}.py") not in found:
            found = sources(imported, found)
    return found
