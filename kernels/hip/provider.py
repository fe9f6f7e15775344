"""Our kernels in HIP C++: which instances there are, and how one is compiled without ROCm."""

from kernels.builder import clang
from kernels.builder.instance import FEATURES, Instance, Made
from kernels.builder.targets import TARGETS
from kernels.hip import flex

NAME = "hip"

FLAGS = ("-Wall", "-Wextra", "-Werror", "-fgpu-flush-denormals-to-zero", *clang.PRINT_LAYOUTS)

# Types of KernelArguments' members; pointers need no entry.
TYPES = {"float": "float32", "int": "int32", "int64_t": "int64"}

DTYPES = ("bfloat16", "float16")
DECODE_HEAD_SIZES = (64, 96, 128, 192, 256)
AITER_HEAD_SIZES = (64, 128, 256)
SMOKE_HEAD_SIZES = (96, 128)


def instance(operation, source, defines, workgroup_size, serves, grid, tile=None, suffix="", symbol=None):
    description = {"source": f"kernels/hip/{source}.hip", "symbol": symbol or operation, "workgroupSize": workgroup_size,
                   "flags": [*FLAGS, *(f"-D{name}={value}" for name, value in defines.items())], "types": TYPES}
    return Instance(f"{NAME}.{operation}{suffix}", operation, description, serves, grid, tile or {})


# Caches with a scale for each token and head, which AITER's assembly reads.
PER_TOKEN = "_per_token"
TOKEN_CACHES = ("fp8_per_token", "int8_per_token")


def per_token(stored):
    return {"PER_TOKEN": 1} if stored in TOKEN_CACHES else {}


def caches(target, layouts):
    """The ways in which a target's caches of these layouts hold elements."""
    if not TARGETS[target]["fp8"]:
        return ("auto",)
    return ("auto", "fp8", *(TOKEN_CACHES if "shuffled" in layouts else ()))


# Layouts whose blocks hold groups of elements, and those whose slots hold whole heads.
GROUPED = ("split", "shuffled")
STRIDED = ("paired", "halves")


def cache_kernel(operation, source, layouts, grid, dtypes, stored):
    """A kernel that brings heads of any size, a multiple of 16 bytes, into a cache or out of it.

    Elements of 16 bits are moved whatever they mean, so that one kernel is for both of their types.
    """
    is_narrow = stored != "auto"
    defines = {"DTYPE": dtypes[0], **({f"STORED_{stored.removesuffix(PER_TOKEN).upper()}": 1} if is_narrow else {}), **per_token(stored)}
    serves = {"dtypes": list(dtypes), "headSizes": {"multipleOf": 16 if is_narrow and layouts == GROUPED else 8},
              "features": dict.fromkeys(FEATURES, "irrelevant"), "kvCacheDtypes": [stored],
              "layouts": ["shuffled"] if stored in TOKEN_CACHES else list(layouts)}
    suffix = source.removeprefix(operation).replace("_", ".") + (f".{dtypes[0]}.{stored}" if is_narrow else "")
    return instance(operation, source, defines, 128, serves, grid, {"tokens": 16, "heads": 1}, suffix)


def cache_kernels(target, dtypes):
    """The kernels between dense keys and values and a cache: first as they are, then through fp8."""
    tokens, rows = (f"(ceil({name} / tokens), numKvHeads)" for name in ("numTokens", "numRows"))

    def kinds(layouts):
        narrow = [stored for stored in caches(target, layouts) if stored != "auto"]
        return [(DTYPES, "auto"), *(((dtype,), stored) for stored in narrow for dtype in dtypes)]

    kernels = (("reshape_and_cache", "reshape_and_cache", GROUPED, tokens),
               ("reshape_and_cache_flash", "reshape_and_cache_flash", STRIDED, tokens),
               ("gather_cache", "gather_cache", GROUPED, rows),
               ("gather_cache", "gather_cache_flash", STRIDED, rows))
    return [cache_kernel(*kernel, *kind) for kernel in kernels for kind in kinds(kernel[2])]


# The layouts of paged_cache.h, and the caches that lie so.
LAYOUTS = {"split": ["split"], "shuffled": ["shuffled"], "token_major": list(STRIDED)}

# Decided at run time: one that is off costs a branch of the whole wave.
RUNTIME = dict.fromkeys(FEATURES, "runtime")


def decode(operation, kind, defines, workgroup_size, serves, grid, tile):
    dtype, size = defines["DTYPE"], defines["HEAD_SIZE"]
    serves = {"dtypes": [dtype], "headSizes": {"oneOf": [size]}, **serves}
    source = operation.removesuffix("_fp8")
    return instance(operation, source, defines, workgroup_size, serves, grid, tile, f".{kind}.d{size}", source)


def waves_per_simd(head_size, layout, cache, rows):
    """The waves for which a SIMD's registers must have room: two, so that one computes while another waits, where that can be.
    Bytes that are transposed take as many registers again."""
    registers = head_size * rows // 16 * (2 if layout == "token_major" and cache == "fp8" else 1)
    return 2 if registers <= 128 else 1


def paged_attention(dtype, head_size, layout, cache, rows, products="elements"):
    # The backend over caches with scales of tokens has no sinks.
    features = {name: level for name, level in RUNTIME.items() if name != "sinks" or cache not in TOKEN_CACHES}
    serves = {"features": features, "kvCacheDtypes": [cache], "blockSizes": {"multipleOf": 16},
              "layouts": LAYOUTS[layout], "attentionTypes": ["decoder"]}
    defines = {"DTYPE": dtype, "HEAD_SIZE": head_size, "LAYOUT": layout, "CACHE": cache.removesuffix(PER_TOKEN), "PRODUCTS": products, "ROWS": rows, **per_token(cache),
               "WAVES_PER_SIMD": waves_per_simd(head_size, layout, cache, rows)}
    operation = "paged_attention" if products == "elements" else "paged_attention_fp8"
    return decode(operation, f"{dtype}.{cache}.{layout}.r{rows}", defines, 256, serves,
                  "(numSequences * maxSegments * numKvHeads * ceil(queryTokens * group / rows))",
                  {"rows": rows, "keys": 32 if cache == "auto" else 64})


def paged_attention_reduce(dtype, head_size):
    features = {**RUNTIME, "alibi": "irrelevant", "logitsSoftCap": "irrelevant"}
    return decode("paged_attention_reduce", dtype, {"DTYPE": dtype, "HEAD_SIZE": head_size}, 64, {"features": features},
                  "(numSequences * queryTokens, numHeads, headSize / slice)", {"slice": 32})


def copy_blocks():
    serves = {"features": dict.fromkeys(FEATURES, "irrelevant")}
    return instance("copy_blocks", "copy_blocks", {}, 256, serves, "(ceil(blockPieces / pieces), numPairs, numLayers * numParts)",
                    {"pieces": 1024})


ELEMENTS = {"bfloat16": "__bf16", "float16": "_Float16", "float32": "float"}


def convert_fp8(dtype):
    serves = {"dtypes": [dtype], "features": dict.fromkeys(FEATURES, "irrelevant"), "kvCacheDtypes": ["fp8"]}
    return instance("convert_fp8", "convert_fp8", {"ELEMENT": ELEMENTS[dtype]}, 256, serves, "(ceil(count / 2048))",
                    suffix=f".{dtype}")


def merge_attention_states(dtype):
    serves = {"dtypes": [dtype], "features": dict.fromkeys(FEATURES, "irrelevant")}
    return instance("merge_attention_states", "merge_attention_states", {"DTYPE": dtype}, 128, serves, "(numTokens)",
                    suffix=f".{dtype}")


def decode_instances(target, chosen, dtypes):
    """The instances of paged decode.

    ROCM_ATTN's layout, split, in every head size that models have; the others, for backends of AITER, in those that AITER
    has. Tiles of 32 rows read the keys and values of a sequence once for 4 new tokens of 8 heads, where 16 rows take two
    workgroups; for heads of more than 128 elements their operands do not fit into the registers. Products in fp8 are a
    variable of ROCM_ATTN, so for split alone.
    """
    kept = SMOKE_HEAD_SIZES if chosen == "smoke" else DECODE_HEAD_SIZES
    found = []
    for dtype in dtypes:
        found += [paged_attention_reduce(dtype, size) for size in kept]
        for layout, sizes in {"split": DECODE_HEAD_SIZES, "shuffled": AITER_HEAD_SIZES, "token_major": AITER_HEAD_SIZES}.items():
            for size in [size for size in sizes if size in kept]:
                for cache in caches(target, LAYOUTS[layout]):
                    tiles = (16, 32) if size <= 128 else (16,)
                    found += [paged_attention(dtype, size, layout, cache, rows) for rows in tiles]
                    if cache == "fp8" and layout == "split":
                        found += [paged_attention(dtype, size, layout, cache, rows, "fp8") for rows in tiles]
    return found


def instances(target, chosen):
    """The instances of a set: "smoke" proves that a target works, "all" is everything; the demo launches none of these."""
    if chosen not in ("smoke", "all"):
        return []
    dtypes = ("bfloat16",) if chosen == "smoke" else DTYPES
    return [*decode_instances(target, chosen, dtypes),
            *cache_kernels(target, dtypes),
            *flex.instances(chosen),
            copy_blocks(),
            *(convert_fp8(dtype) for dtype in ELEMENTS if TARGETS[target]["fp8"]),
            *map(merge_attention_states, dtypes)]


def compile(instance, target, folder):
    of = instance.description
    code, dependencies, printed = clang.compile_source(of["source"], of["flags"], (), target, folder)
    facts = {"symbol": of["symbol"], "workgroupSize": of["workgroupSize"], "ldsBytes": 0,
             "arguments": clang.members(printed, "KernelArguments", of["types"])}
    return Made(code, facts, dependencies)


def compiler(instance):
    return clang.compiler()
