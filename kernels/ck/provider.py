"""CK-tile's attention kernels, instantiated from the headers in AITER's wheel."""

from kernels.builder import clang, wheel
from kernels.builder.instance import Instance, Made

NAME = "ck"

# CK-tile's structures of arguments have base classes, and the sources check where their members are.
FLAGS = (*wheel.FLAGS, "-DCK_TILE_FMHA_FWD_FAST_EXP2=1", "-Wno-invalid-offsetof", *clang.PRINT_LAYOUTS)

TYPES = {"float": "float32", "_Bool": "int32", "int32_t": "int32", "ck_tile::index_t": "int32",
         "ck_tile::GenericAttentionMaskEnum": "int32"}

NAMES = {"q_ptr": "query", "k_ptr": "key", "v_ptr": "value", "o_ptr": "output", "stride_q": "stride_query_token",
         "stride_k": "stride_key_token", "stride_v": "stride_value_token", "stride_o": "stride_output_token",
         "nhead_stride_q": "stride_query_head", "nhead_stride_k": "stride_key_head",
         "nhead_stride_v": "stride_value_head", "nhead_stride_o": "stride_output_head", "num_head_q": "num_heads",
         "nhead_ratio_qk": "group", "scale_s": "scale", "seqstart_q_ptr": "query_start_loc",
         "seqstart_k_ptr": "key_start_loc", "seqlen_k_ptr": "seq_lens"}
# Keys and values in blocks.
PAGED_NAMES = {**NAMES, "k_ptr": "key_cache", "v_ptr": "value_cache", "block_table_ptr": "block_table",
               "batch_stride_block_table": "stride_table", "page_block_size": "block_size", "stride_k": "stride_slot",
               "nhead_stride_k": "stride_head", "batch_stride_k": "stride_block"}

SERVES = {"dtypes": ["bfloat16"], "headSizes": {"oneOf": [128]}, "attentionTypes": ["decoder"], "features": {}}
SERVES_PAGED = {**SERVES, "kvCacheDtypes": ["auto"], "layouts": ["paired", "halves"]}


def instance(operation, source, serves, names, tile, grid, defines=(), suffix=""):
    symbol = f"ck_{source}_bfloat16_d128" + suffix.replace(".", "_")
    description = {"source": f"kernels/ck/{source}.hip", "flags": [*FLAGS, *defines], "symbol": symbol,
                   "workgroupSize": 256, "types": TYPES, "headers": [wheel.path("aiter_meta/3rdparty/composable_kernel/include")]}
    return Instance(f"ck.{operation}.bfloat16.d128{suffix}", operation, description, serves, grid, tile, names=names,
                    published=False, verified="emulator")


def paged(keys, rows):
    """A kernel that takes `keys` keys at a time, each time of one block."""
    return instance("fmha_forward_paged", "paged", {**SERVES_PAGED, "blockSizes": {"multipleOf": keys}}, PAGED_NAMES,
                    {"rows": rows, "keys": keys}, "(numHeads, numSequences, ceil(maxQueryLen / rows))",
                    [f"-DKEYS={keys}"], f".n{keys}")


def instances(target, chosen):
    if chosen != "tests":
        return []
    return [  # those that compile longest come first
        paged(128, 128),
        instance("fmha_forward_split", "split", {**SERVES_PAGED, "blockSizes": {"multipleOf": 128}}, PAGED_NAMES,
                 {"rows": 64, "keys": 128}, "(ceil(maxQueryLen / rows) * splits, numHeads, numSequences)"),
        instance("fmha_forward", "forward", SERVES, NAMES, {"rows": 128, "keys": 128},
                 "(numHeads, ceil(maxQueryLen / rows), numSequences)"),
        instance("fmha_batch_prefill", "batch_prefill", SERVES_PAGED, PAGED_NAMES, {"rows": 128, "keys": 128},
                 "(numHeads, numSequences, ceil(maxQueryLen / rows))"),
        paged(16, 64),
        instance("fmha_combine", "combine", SERVES, NAMES, {"rows": 8, "columns": 32},
                 "(ceil(maxQueryLen / rows) * headSize / columns, numHeads, numSequences)"),
    ]


def compile(instance, target, folder):
    of = instance.description
    code, dependencies, printed = clang.compile_source(of["source"], of["flags"], of["headers"], target, folder)
    facts = {"symbol": of["symbol"], "workgroupSize": of["workgroupSize"], "ldsBytes": 0,
             "arguments": clang.members(printed, "KernelArguments", of["types"])}
    return Made(code, facts, dependencies)


def compiler(instance):
    return clang.compiler()
