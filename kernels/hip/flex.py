"""The instances of FLEX_ATTENTION's kernels. A program needs none of its own: it is interpreted."""

from kernels.builder import clang
from kernels.builder.instance import FEATURES, Instance

# Without -fgpu-flush-denormals-to-zero: programs compute with float32 as the host does.
# Pairs of lanes as vectors would be copied between an interpreted program's instructions.
FLAGS = ("-Wall", "-Wextra", "-Werror", "-fno-slp-vectorize", *clang.PRINT_LAYOUTS)
TYPES = {"float": "float32", "int": "int32"}
DTYPES = ("bfloat16", "float16", "float32")
# Sizes that heads are padded to, and the smallest head that each is for.
SIZES = {64: 8, 128: 72, 256: 136}
SOURCE = "kernels/hip/flex_attention.hip"
TILE = {"rows": 64, "keys": 32}


def defined(values):
    return [f"-D{name}={value}" for name, value in values.items()]


def instance(operation, defines, serves, grid, variant=None, suffix="", recipe=None):
    description = {"source": f"kernels/hip/{operation}.hip", "symbol": operation, "workgroupSize": 256,
                   "flags": [*FLAGS, *defined(defines)], "types": TYPES}
    return Instance(f"hip.{operation}{suffix}", operation, description, serves, grid, TILE, variant, recipe=recipe)


def attention(policy, dtype, padded):
    # Sinks join every row's sum; all else is the options' where they are compiled in, and the program's otherwise.
    features = dict.fromkeys(FEATURES, "runtime" if policy == "native" else "irrelevant")
    serves = {"dtypes": [dtype], "kvCacheDtypes": ["auto"], "layouts": ["paired", "halves"], "attentionTypes": ["decoder", "encoder_only"],
              "headSizes": {"min": SIZES[padded], "max": padded, "multipleOf": 8}, "features": {**features, "sinks": "runtime"}}
    shape = {"DTYPE": dtype, "HEAD_SIZE": padded}
    # What interprets a program can have it compiled in as well.
    recipe = {"source": SOURCE, "flags": [*clang.FLAGS, *defined({"POLICY": "generated", **shape})]}
    return instance("flex_attention", {"POLICY": policy, **shape}, serves,
                    "(numKvHeads, floor(numTokens * group / rows) + numSequences, maxSegments)", policy, f".{policy}.{dtype}.d{padded}",
                    recipe if policy == "interpreted" else None)


def instances(chosen):
    kinds = [("bfloat16", 128)] if chosen == "smoke" else [(dtype, size) for dtype in DTYPES for size in SIZES]
    mask = instance("flex_block_mask", {}, {"features": dict.fromkeys(FEATURES, "irrelevant")}, "(numTiles, planes, parts)")
    return [*(attention(policy, *kind) for kind in kinds for policy in ("native", "interpreted")), mask]
