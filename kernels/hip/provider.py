"""Our kernels in HIP C++: which instances there are, and how one is compiled without ROCm."""

from kernels.builder import clang
from kernels.builder.instance import FEATURES, Instance, Made
from kernels.builder.targets import TARGETS

NAME = "hip"

FLAGS = ("-Wall", "-Wextra", "-Werror", "-fgpu-flush-denormals-to-zero", *clang.PRINT_LAYOUTS)

# Types of KernelArguments' members; pointers need no entry.
TYPES = {"float": "float32", "int": "int32"}

DTYPES = ("bfloat16", "float16")
DECODE_HEAD_SIZES = (64, 96, 128, 192, 256)


def instance(operation, source, defines, workgroup_size, serves, grid, tile=None, suffix=""):
    description = {"source": f"kernels/hip/{source}.hip", "symbol": operation, "workgroupSize": workgroup_size,
                   "flags": [*FLAGS, *(f"-D{name}={value}" for name, value in defines.items())], "types": TYPES}
    return Instance(f"{NAME}.{operation}{suffix}", operation, description, serves, grid, tile or {})


# Layouts whose blocks hold groups of elements, and those whose slots hold whole heads.
GROUPED = ("split", "shuffled")
STRIDED = ("paired", "halves")


def cache_kernel(operation, source, layouts, grid, dtypes, stored):
    """A kernel that brings heads of any size, a multiple of 16 bytes, into a cache or out of it.

    Elements of 16 bits are moved whatever they mean, so that one kernel is for both of their types.
    """
    is_fp8 = stored == "fp8"
    defines = {"DTYPE": dtypes[0], **({"STORED_FP8": 1} if is_fp8 else {})}
    serves = {"dtypes": list(dtypes), "headSizes": {"multipleOf": 16 if is_fp8 and layouts == GROUPED else 8},
              "features": dict.fromkeys(FEATURES, "irrelevant"), "kvCacheDtypes": [stored], "layouts": list(layouts)}
    suffix = source.removeprefix(operation).replace("_", ".") + (f".{dtypes[0]}.fp8" if is_fp8 else "")
    return instance(operation, source, defines, 128, serves, grid, {"tokens": 16, "heads": 1}, suffix)


def cache_kernels(target, dtypes):
    """The kernels between dense keys and values and a cache: first as they are, then through fp8."""
    stored = [(DTYPES, "auto"), *(((dtype,), "fp8") for dtype in dtypes if TARGETS[target]["fp8"])]
    tokens, rows = (f"(ceil({name} / tokens), numKvHeads)" for name in ("numTokens", "numRows"))
    kernels = (("reshape_and_cache", "reshape_and_cache", GROUPED, tokens),
               ("reshape_and_cache_flash", "reshape_and_cache_flash", STRIDED, tokens),
               ("gather_cache", "gather_cache", GROUPED, rows),
               ("gather_cache", "gather_cache_flash", STRIDED, rows))
    return [cache_kernel(*kernel, *kind) for kernel in kernels for kind in stored]


# Decided at run time: one that is off costs a branch of the whole wave.
RUNTIME = dict.fromkeys(FEATURES, "runtime")


def decode(operation, dtype, head_size, workgroup_size, serves, grid, tile):
    serves = {"dtypes": [dtype], "headSizes": {"oneOf": [head_size]}, **serves}
    return instance(operation, operation, {"DTYPE": dtype, "HEAD_SIZE": head_size}, workgroup_size, serves, grid, tile,
                    f".{dtype}.d{head_size}")


def paged_attention(dtype, head_size):
    # A sink joins when segments merge.
    serves = {"features": {**RUNTIME, "sinks": "irrelevant"}, "kvCacheDtypes": ["auto"], "blockSizes": {"multipleOf": 16},
              "layouts": ["split"], "attentionTypes": ["decoder"]}
    return decode("paged_attention", dtype, head_size, 256, serves,
                  "(numKvHeads, numSequences * ceil(queryTokens * group / rows), maxSegments)",
                  {"rows": 16, "keys": 128})


def paged_attention_reduce(dtype, head_size):
    features = {**RUNTIME, "alibi": "irrelevant", "logitsSoftCap": "irrelevant"}
    return decode("paged_attention_reduce", dtype, head_size, 64, {"features": features}, "(numSequences * queryTokens, numHeads)", {})


def merge_attention_states(dtype):
    serves = {"dtypes": [dtype], "features": dict.fromkeys(FEATURES, "irrelevant")}
    return instance("merge_attention_states", "merge_attention_states", {"DTYPE": dtype}, 128, serves, "(numTokens)",
                    suffix=f".{dtype}")


def instances(target, chosen):
    """The instances of a set: "smoke" proves that a target works, "all" is everything; the demo launches none of these."""
    if chosen not in ("smoke", "all"):
        return []
    dtypes, sizes = (("bfloat16",), (96, 128)) if chosen == "smoke" else (DTYPES, DECODE_HEAD_SIZES)
    kinds = [(dtype, size) for size in sizes for dtype in dtypes]
    return [*(make(*kind) for kind in kinds for make in (paged_attention, paged_attention_reduce)),
            *cache_kernels(target, dtypes),
            *map(merge_attention_states, dtypes)]


def compile(instance, target, folder):
    of = instance.description
    code, dependencies, printed = clang.compile_source(of["source"], of["flags"], (), target, folder)
    facts = {"symbol": of["symbol"], "workgroupSize": of["workgroupSize"], "ldsBytes": 0,
             "arguments": clang.members(printed, "KernelArguments", of["types"])}
    return Made(code, facts, dependencies)


def compiler(instance):
    return clang.compiler()
