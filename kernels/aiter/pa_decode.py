"""AITER's paged decode in Triton, from its wheel: instances, and how they are compiled.

AITER compiles its kernels for each model: the heads of a group are a constant there. Here they are an argument, and so are
scales; the arithmetic is the same. Two kinds of its kernels are left out: those for KV heads with one query head, which its
Triton does not compile (they index a number), and those for caches with a scale for each token, since they want the slots
of a head side by side, which ours of that kind have not.
"""

import functools
import importlib.util

from kernels.aiter import wheel_triton
from kernels.builder import triton, wheel
from kernels.builder.instance import Instance, Made
from kernels.builder.paths import absolute
from kernels.builder.targets import TARGETS

SOURCE = "aiter/ops/triton/_triton_kernels/pa_decode.py"
BLOCK_TOKENS = 16
# Query heads of a KV head that a product takes.
ROWS = 16
PARTITION_TOKENS = 1024
# The most partitions that a reduction takes: it holds the results of all in registers.
PARTITIONS = (2, 8, 32)
GROUPS = {"min": 2, "max": ROWS}

POINTERS = {"blk_tables": "int32", "blk_tables_ptrs": "int32", "seq_lens": "int32", "alibi_slopes": "float32",
            "exp_sums": "float32", "max_logits": "float32"}
QUERIES = {"logits_ptrs"}
FLOAT32 = {"scale", "k_scale", "v_scale"}
# With 64 bits a block's place is computed in so many.
INT64 = {"stride_k_b"}
# Strides of which nothing is known.
ODD = ("stride_bt_", "stride_exp_sums_", "stride_max_logits_")

# Our names of the arguments. Our scale has log2(e) in it, this one has not.
NAMES = {"out": "output", "q": "query", "k_cache": "key_cache", "v_cache": "value_cache", "blk_tables": "block_table",
         "blk_tables_ptrs": "block_table", "scale": "softmax_scale", "k_scale": "key_scale", "v_scale": "value_scale",
         "exp_sums": "partial_sum", "max_logits": "partial_max", "logits": "partial", "logits_ptrs": "partial",
         "QUERY_GRP_SZ": "group", "stride_k_b": "stride_block", "stride_k_kb": "stride_slot", "stride_k_nh": "stride_head",
         "stride_bt_s": "stride_table", "stride_q_s": "stride_query_token", "stride_q_nh": "stride_query_head",
         "stride_o_s": "stride_output_token",
         **dict.fromkeys(("stride_o_h", "stride_o_nh"), "stride_output_head"),
         **dict.fromkeys(("stride_max_logits_s", "stride_exp_sums_s"), "stride_sum_sequence"),
         **dict.fromkeys(("stride_max_logits_nh", "stride_exp_sums_h"), "stride_sum_head"),
         **dict.fromkeys(("stride_max_logits_p", "stride_exp_sums_p"), "stride_sum_partition"),
         "stride_logits_s": "stride_partial_sequence",
         **dict.fromkeys(("stride_logits_h", "stride_logits_nh"), "stride_partial_head"),
         "stride_logits_p": "stride_partial_partition", "stride_logits_g": "stride_partial_row"}

# What every instance has; elements of a head, and entries of the block table, follow each other.
COMMON = {"KV_BLK_SZ": BLOCK_TOKENS, "KV_BLK_SZ_POW2": BLOCK_TOKENS, "SEQ_PARTITION_SZ": PARTITION_TOKENS,
          "QUERY_GRP_SZ_POW2": ROWS, "MAX_NUM_SEQ_PARTITIONS": 0,  # the latter is not looked at
          **dict.fromkeys(("stride_o_hs", "stride_q_hs", "stride_k_hs", "stride_bt_nb"), 1)}


def instances(target):
    """Those that tests run: AITER's backends in vLLM decode by other kernels."""
    made = attentions(target, "bfloat16", 128)
    if target != "gfx942":
        return [*made, reduction("bfloat16", 128, PARTITIONS[1])]
    for dtype, size in (("float16", 128), ("bfloat16", 64)):
        made += attentions(target, dtype, size)
    made += attentions(target, "bfloat16", 128, cache="fp8")
    made += attentions(target, "bfloat16", 128, has_alibi=True)
    reductions = [("bfloat16", 128), ("float16", 128), ("bfloat16", 64)]
    return [*made, *(reduction(*of, partitions) for of in reductions for partitions in PARTITIONS)]


def attentions(target, dtype, size, cache="auto", has_alibi=False):
    """Paged decode of whole sequences, and of their partitions."""
    slopes = {} if has_alibi else {"alibi_slopes": None}
    constants = {**COMMON, **sizes(size), **slopes, "compute_type": dtype}
    serves = {"dtypes": [dtype], "kvCacheDtypes": [cache], "headSizes": {"oneOf": [size]}, "blockSizes": {"oneOf": [BLOCK_TOKENS]},
              "queriesPerKv": GROUPS, "queryTokens": {"oneOf": [1]}, "layouts": ["paired", "halves"],
              "attentionTypes": ["decoder"], "features": {"alibi": "compiled"} if has_alibi else {}}
    words = [dtype, f"d{size}", *([cache] if cache != "auto" else []), *(["alibi"] if has_alibi else [])]
    dtypes = {"query": dtype, "cache": TARGETS[target]["fp8"] if cache == "fp8" else dtype}
    return [made("paged_decode_v1", "v1_w_dot", words, constants, dtypes, serves, "(numSequences, numKvHeads)", {}),
            made("paged_decode_v2", "v2_w_dot", words, constants, dtypes, serves, "(numSequences, numKvHeads, partitions)",
                 {"keys": PARTITION_TOKENS})]


def reduction(dtype, size, partitions):
    """Merges up to so many partitions."""
    serves = {"dtypes": [dtype], "headSizes": {"oneOf": [size]}, "queriesPerKv": GROUPS, "features": {"alibi": "irrelevant"}}
    return made("paged_decode_v2_reduce", "v2_w_dot_reduce", [dtype, f"d{size}", f"p{partitions}"],
                {**COMMON, **sizes(size), "MAX_NUM_SEQ_PARTITIONS_POW2": partitions}, {"query": dtype, "cache": dtype}, serves,
                "(numSequences, numKvHeads)", {"partitions": partitions})


def sizes(size):
    return {"HEAD_SZ": size, "HEAD_SZ_POW2": size}


def made(operation, kernel, words, constants, dtypes, serves, grid, tile):
    description = {"source": SOURCE, "kernel": f"_paged_attn_decode_{kernel}_kernel", "constants": constants, "dtypes": dtypes,
                   "options": {"num_warps": 4, "num_stages": 2}, "environment": triton.ENVIRONMENT}
    return Instance(".".join(["aiter", operation, *words]), operation, description, serves, grid, tile, "triton", NAMES,
                    published=False, verified="emulator")


def compile(instance, target, folder):
    of = instance.description
    path = absolute(wheel.path(of["source"]))
    triton.enter(of["environment"], folder)
    import triton.language as tl

    constants = dict(of["constants"])
    if "compute_type" in constants:
        constants["compute_type"] = getattr(tl, constants["compute_type"])
    kernel = getattr(load(str(path)), of["kernel"])
    code, facts = wheel_triton.compile_kernel(of, kernel, constants, lambda name: parameter_type(name, of["dtypes"]), divisor, target)
    return Made(code, facts, (path,))


def parameter_type(name, dtypes):
    """The Triton type of a runtime parameter, by its name."""
    bare = name.removesuffix(triton.POINTER_SUFFIX)
    if bare != name or name in POINTERS or name in QUERIES:
        return "*" + triton.TYPES[POINTERS.get(bare, dtypes["cache" if bare in ("k_cache", "v_cache") else "query"])]
    return "i64" if name in INT64 else "fp32" if name in FLOAT32 else "i32"


def divisor(name, kind):
    is_known = kind.startswith("*") or (name.startswith("stride_") and not name.startswith(ODD))
    return 16 if is_known else None


@functools.lru_cache(maxsize=None)
def load(path):
    """AITER's module, which needs nothing but Triton."""
    spec = importlib.util.spec_from_file_location("aiter_pa_decode", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
