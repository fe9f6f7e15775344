"""Our kernels in HIP C++: which instances there are, and how one is compiled without ROCm."""

from kernels.builder import clang
from kernels.builder.instance import FEATURES, Instance, Made
from kernels.builder.targets import TARGETS

NAME = "hip"

FLAGS = ("-Wall", "-Wextra", "-Werror", "-fgpu-flush-denormals-to-zero", *clang.PRINT_LAYOUTS)

# Types of KernelArguments' members; pointers need no entry.
TYPES = {"float": "float32", "int": "int32"}

DTYPES = ("bfloat16", "float16")
HEAD_SIZES = (32, 64, 96, 128, 160, 192, 224, 256)
DECODE_HEAD_SIZES = (64, 96, 128, 192, 256)
AITER_HEAD_SIZES = (64, 128, 256)
SMOKE_HEAD_SIZES = (96, 128)
# Dtypes of the cache, as `serves` has them, by whether the target has fp8.
CACHES = {False: ("auto",), True: ("auto",)}


def instance(operation, source, defines, workgroup_size, serves, grid, tile=None, suffix=""):
    description = {"source": f"kernels/hip/{source}.hip", "symbol": operation, "workgroupSize": workgroup_size,
                   "flags": [*FLAGS, *(f"-D{name}={value}" for name, value in defines.items())], "types": TYPES}
    return Instance(f"{NAME}.{operation}{suffix}", operation, description, serves, grid, tile or {})


def cache_write(operation, layouts):
    """A kernel that moves elements of 16 bits, whatever they mean, of heads of any size in whole 16 bytes."""
    serves = {"dtypes": list(DTYPES), "headSizes": {"oneOf": list(HEAD_SIZES)},
              "features": dict.fromkeys(FEATURES, "irrelevant"), "kvCacheDtypes": ["auto"],
              "blockSizes": {"multipleOf": 16}, "layouts": layouts}
    return instance(operation, operation, {}, 128, serves, "(numTokens)")


# Decided at run time: one that is off costs a branch of the whole wave.
RUNTIME = dict.fromkeys(FEATURES, "runtime")


# The layouts of paged_cache.h, and the caches that lie so.
LAYOUTS = {"split": ["split"], "shuffled": ["shuffled"], "token_major": ["paired", "halves"]}


def decode(operation, kind, defines, workgroup_size, serves, grid, tile):
    dtype, size = defines["DTYPE"], defines["HEAD_SIZE"]
    serves = {"dtypes": [dtype], "headSizes": {"oneOf": [size]}, **serves}
    return instance(operation, operation, defines, workgroup_size, serves, grid, tile, f".{kind}.d{size}")


def paged_attention(dtype, head_size, layout="split", cache="auto", rows=16):
    # A sink joins when segments merge.
    serves = {"features": RUNTIME, "kvCacheDtypes": [cache], "blockSizes": {"multipleOf": 16},
              "layouts": LAYOUTS[layout], "attentionTypes": ["decoder"]}
    defines = {"DTYPE": dtype, "HEAD_SIZE": head_size, "LAYOUT": layout, "CACHE": cache, "PRODUCTS": "elements", "ROWS": rows}
    return decode("paged_attention", f"{dtype}.{cache}.{layout}.r{rows}", defines, 256, serves,
                  "(numKvHeads, numSequences * ceil(queryTokens * group / rows), maxSegments)",
                  {"rows": rows, "keys": 64 if cache == "fp8" else 32})


def paged_attention_reduce(dtype, head_size):
    features = {**RUNTIME, "alibi": "irrelevant", "logitsSoftCap": "irrelevant"}
    return decode("paged_attention_reduce", dtype, {"DTYPE": dtype, "HEAD_SIZE": head_size}, 64, {"features": features},
                  "(numSequences * queryTokens, numHeads, headSize / slice)", {"slice": 32})


def merge_attention_states(dtype):
    serves = {"dtypes": [dtype], "features": dict.fromkeys(FEATURES, "irrelevant")}
    return instance("merge_attention_states", "merge_attention_states", {"DTYPE": dtype}, 128, serves, "(numTokens)",
                    suffix=f".{dtype}")


def decode_instances(target, chosen):
    """The instances of paged decode.

    ROCM_ATTN's layout, split, in every head size that models have; the others, for backends of AITER, in those that AITER
    has. Tiles of 32 rows read the keys and values of a sequence once for 4 new tokens of 8 heads, where 16 rows take two
    workgroups; for heads of more than 128 elements their operands do not fit into the registers.
    """
    dtypes = ("bfloat16",) if chosen == "smoke" else DTYPES
    kept = SMOKE_HEAD_SIZES if chosen == "smoke" else DECODE_HEAD_SIZES
    found = []
    for dtype in dtypes:
        found += [paged_attention_reduce(dtype, size) for size in kept]
        for layout, sizes in {"split": DECODE_HEAD_SIZES, "shuffled": AITER_HEAD_SIZES, "token_major": AITER_HEAD_SIZES}.items():
            for size in [size for size in sizes if size in kept]:
                for cache in CACHES[TARGETS[target]["fp8"] is not None]:
                    for rows in (16, 32) if size <= 128 else (16,):
                        found.append(paged_attention(dtype, size, layout, cache, rows))
    return found


def instances(target, chosen):
    """The instances of a set: "smoke" proves that a target works, "all" is everything; the demo launches none of these."""
    if chosen not in ("smoke", "all"):
        return []
    return [*decode_instances(target, chosen),
            cache_write("reshape_and_cache", ["split"]),
            cache_write("reshape_and_cache_flash", ["paired", "halves"]),
            *map(merge_attention_states, ("bfloat16",) if chosen == "smoke" else DTYPES)]


def compile(instance, target, folder):
    of = instance.description
    code, dependencies, printed = clang.compile_source(of["source"], of["flags"], (), target, folder)
    facts = {"symbol": of["symbol"], "workgroupSize": of["workgroupSize"], "ldsBytes": 0,
             "arguments": clang.members(printed, "KernelArguments", of["types"])}
    return Made(code, facts, dependencies)


def compiler(instance):
    return clang.compiler()
