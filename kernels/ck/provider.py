"""CK-tile's attention kernels, instantiated from the headers in AITER's wheel."""

from kernels.builder import clang, wheel
from kernels.builder.instance import Instance, Made

NAME = "ck"
OWN_SETS = ("ci", "full")

# CK-tile's structures of arguments have base classes, and the sources check where their members are.
FLAGS = (*wheel.FLAGS, "-DCK_TILE_FMHA_FWD_FAST_EXP2=1", "-Wno-invalid-offsetof", *clang.PRINT_LAYOUTS)

TYPES = {"float": "float32", "_Bool": "int32", "int32_t": "int32", "ck_tile::index_t": "int32",
         "ck_tile::GenericAttentionMaskEnum": "int32"}

NAMES = {"q_ptr": "query", "k_ptr": "key", "v_ptr": "value", "o_ptr": "output", "stride_q": "stride_query_token",
         "stride_k": "stride_key_token", "stride_v": "stride_value_token", "stride_o": "stride_output_token",
         "nhead_stride_q": "stride_query_head", "nhead_stride_k": "stride_key_head",
         "nhead_stride_v": "stride_value_head", "nhead_stride_o": "stride_output_head", "num_head_q": "num_heads",
         "nhead_ratio_qk": "group", "scale_s": "scale", "seqstart_q_ptr": "query_start_loc",
         "seqstart_k_ptr": "key_start_loc", "seqlen_q_ptr": "query_lens", "seqlen_k_ptr": "key_lens", "hdim_q": "head_size",
         "hdim_v": "value_head_size", "window_size_left": "window_left", "window_size_right": "window_right",
         "logits_soft_cap_rcp": "inverse_soft_cap", "alibi_slope_ptr": "alibi_slopes", "lse_ptr": "lse"}
# Keys and values in blocks.
PAGED_NAMES = {**NAMES, "k_ptr": "key_cache", "v_ptr": "value_cache", "block_table_ptr": "block_table",
               "batch_stride_block_table": "stride_table", "page_block_size": "block_size", "stride_k": "stride_slot",
               "nhead_stride_k": "stride_head", "batch_stride_k": "stride_block", "stride_v": "stride_value_slot",
               "nhead_stride_v": "stride_cached_value_head", "batch_stride_v": "stride_value_block",
               "seqlen_k_ptr": "seq_lens"}

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


# The causal mask whose corner is the last query's last key, as CK-tile counts it, and element types by its names.
ELEMENTS = {"bfloat16": "bf16_t", "float16": "half_t"}
# Keys of a tile by head size.
VARLEN_KEYS = {64: 64, 128: 128, 192: 128, 256: 128}


def varlen(dtype, sizes, feature=None):
    """Attention over dense keys and values; sizes of keys and of values differ where latents are expanded."""
    key_size, value_size = sizes
    size = f"d{key_size}" if key_size == value_size else f"d{key_size}.{value_size}"
    symbol = "_".join(["ck_varlen", dtype, size.replace(".", "_"), *([feature] if feature else [])])
    defines = {"ELEMENT": ELEMENTS[dtype], "KEY_SIZE": key_size, "VALUE_SIZE": value_size, "KEYS": VARLEN_KEYS[key_size],
               "HAS_SOFT_CAP": int(feature == "logitsSoftCap"), "HAS_ALIBI": int(feature == "alibi"), "SYMBOL": symbol}
    heads = {"oneOf": [key_size]} if key_size == value_size else {"pairs": [[key_size, value_size]]}
    features = {"slidingWindow": "runtime", **({feature: "compiled"} if feature else {})}
    serves = {"dtypes": [dtype], "headSizes": heads, "attentionTypes": ["decoder"], "features": features}
    source = "varlen" if key_size == value_size else "expanded"
    return published("fmha_forward", source, defines, serves, NAMES, {"rows": 128, "keys": VARLEN_KEYS[key_size]},
                     "(numHeads, numSequences, ceil(maxQueryLen / rows))", [size, *([feature] if feature else [])])


# Rows and keys of a tile over a cache: 16 keys serve all blocks, 64 those of a multiple of that, for less work a key.
EXTEND_TILES = {16: (64, "16, ck_tile::sequence<16, 16, 16>"), 64: (128, "32, ck_tile::sequence<32, 32, 16>")}


def extend(dtype, keys):
    """Attention over a cache in blocks, for sequences with more than a few query tokens."""
    rows, products = EXTEND_TILES[keys]
    symbol = f"ck_extend_{dtype}_d128_n{keys}"
    defines = {"ELEMENT": ELEMENTS[dtype], "TILE": f"{rows}, {keys}, {products}", "SYMBOL": symbol}
    serves = {"dtypes": [dtype], "kvCacheDtypes": ["auto"], "headSizes": {"oneOf": [128]}, "blockSizes": {"multipleOf": keys},
              "layouts": ["paired", "halves"], "attentionTypes": ["decoder"], "features": {"slidingWindow": "runtime"}}
    return published("fmha_forward_paged", "extend", defines, serves, PAGED_NAMES, {"rows": rows, "keys": keys},
                     "(numHeads, numSequences, ceil(maxQueryLen / rows))", ["d128", f"n{keys}"])


def published(operation, source, defines, serves, names, tile, grid, words):
    description = {"source": f"kernels/ck/{source}.hip",
                   "flags": [*FLAGS, *(f"-D{name}={value}" for name, value in defines.items())], "symbol": defines["SYMBOL"],
                   "workgroupSize": 256, "types": TYPES, "headers": [wheel.path("aiter_meta/3rdparty/composable_kernel/include")]}
    return Instance(".".join([NAME, operation, source, serves["dtypes"][0], *words]), operation, description, serves, grid,
                    tile, names=names)


def of_ci():
    """Of each kind one, as many as compile in a few minutes."""
    return [varlen("bfloat16", (256, 256)), varlen("bfloat16", (192, 128)), *of_smoke(), varlen("bfloat16", (64, 64)),
            varlen("float16", (128, 128)), varlen("bfloat16", (128, 128), "logitsSoftCap"),
            varlen("bfloat16", (128, 128), "alibi")]


def of_smoke():
    return [varlen("bfloat16", (128, 128)), extend("bfloat16", 16)]


def of_dtype(dtype):
    """The most asked for."""
    return [*(varlen(dtype, sizes) for sizes in ((256, 256), (192, 128), (128, 128), (64, 64))),
            *(varlen(dtype, (size, size), "logitsSoftCap") for size in (256, 128)),
            *(varlen(dtype, (size, size), "alibi") for size in (128, 64)),
            *(extend(dtype, keys) for keys in EXTEND_TILES)]


def rest_of_dtype(dtype):
    return [varlen(dtype, (256, 256), "alibi"), varlen(dtype, (64, 64), "logitsSoftCap")]


def of_backends(target, chosen):
    """The instances that backends run, of a set. gfx90a has none in float16: its matrix instructions take small numbers for 0,
    and CK-tile does not scale them."""
    if chosen == "smoke" or (chosen != "full" and target != "gfx942"):
        return of_smoke()
    if chosen == "ci":
        return of_ci()
    dtypes = [dtype for dtype in ELEMENTS if (target, dtype) != ("gfx90a", "float16")]
    usual = [each for dtype in dtypes for each in of_dtype(dtype)]
    return usual if chosen == "all" else [*usual, *(each for dtype in dtypes for each in rest_of_dtype(dtype))]


def instances(target, chosen):
    if chosen != "tests":
        return of_backends(target, chosen) if chosen in ("smoke", "ci", "all", "full") else []
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


def licences():
    """The licences that stand beside the kernels, by the name of the file."""
    return {"LICENSE.composable_kernel": wheel.licence("aiter_meta/3rdparty/composable_kernel/LICENSE")}
