"""AITER's forward attention in assembly over sequences of different lengths, as code objects of its wheel."""

import re

from kernels.builder import wheel
from kernels.builder.instance import Instance

# Every argument has a slot of 16 bytes. Strides are in bytes; lengths are differences of starts.
ARGUMENTS = ("R:pointer Q:pointer K:pointer V:pointer LSE:pointer scalar:float32 seq_len:int32 Seqs:int32 Ts:int32 Hs:int32 "
             "Bs:int32 gqa:int32 k_Seqs:int32 k_Hs:int32 k_Bs:int32 msk_opt:int32 lse:int32 kv_seq_len:int32 "
             "qk_head_dim:int32 v_head_dim:int32 q_head_num:int32 v_Seqs:int32 v_Hs:int32 v_Bs:int32 r_Seqs:int32 "
             "r_Hs:int32 r_Bs:int32 ptr_qseq:pointer ptr_kseq:pointer lse_Hs:int32 ptr_qseq_padding:pointer "
             "ptr_kseq_padding:pointer")
NAMES = {"R": "output", "Q": "query", "K": "key", "V": "value", "LSE": "lse", "scalar": "softmax_scale",
         "seq_len": "max_query_len", "Seqs": "stride_query_token_bytes", "Ts": "stride_query_tile_bytes",
         "Hs": "stride_query_head_bytes", "Bs": "stride_query_batch_bytes", "gqa": "group",
         "k_Seqs": "stride_key_token_bytes", "k_Hs": "stride_key_head_bytes", "k_Bs": "stride_key_batch_bytes",
         "msk_opt": "tuning", "lse": "write_lse", "kv_seq_len": "max_key_len", "qk_head_dim": "head_size",
         "v_head_dim": "value_head_size", "q_head_num": "num_heads", "v_Seqs": "stride_value_token_bytes",
         "v_Hs": "stride_value_head_bytes", "v_Bs": "stride_value_batch_bytes", "r_Seqs": "stride_output_token_bytes",
         "r_Hs": "stride_output_head_bytes", "r_Bs": "stride_output_batch_bytes", "ptr_qseq": "cumulative_query_lens",
         "ptr_kseq": "cumulative_key_lens", "lse_Hs": "stride_lse_head_bytes", "ptr_qseq_padding": "query_start_loc",
         "ptr_kseq_padding": "key_start_loc"}
# A line of the wheel's tables: head size, causal or not, whether it writes the LSE (which is an argument), rounding, group mode.
ROW = re.compile(r"^template<> struct FmhaFwdV3(Name|Buf|Ts)<fmha_fwd_kernel_selector<FmhaFwdBf16, *(\d+), *([01]), *false, *"
                 r"false, *0, *GPUArch::\w+, *([012]), *true>> *\{(.*)\};", re.MULTILINE)
# Of a value, and of a query and a key but for objects of gfx950 that have 192 of these. No backend launches the latter: they
# multiply what lies behind a sequence, in its last tile of keys, by 0, and load one tile more, so that there must be memory.
HEAD_SIZE = 128
LOADED_BEHIND = 256
# The fewest keys of a sequence with which a kernel loads none behind them, where its tiles divide them: it begins with so many.
LEAST_KEYS = {"gfx942": 160, "gfx950": 320}
# To the nearest, ties to even; ties away from zero; towards zero. Objects for gfx950 have the hardware's, the first.
ROUNDINGS = ("", "_rtna", "_rtz")
# The objects of gfx942 stand in folders by chip: MI308X's, by the PCI ids that it goes by, and all others'.
CHIPS = {"gfx942": {"MI300": (), "MI308": (0x74a2, 0x74a8, 0x74b6, 0x74bc)}, "gfx950": {"": ()}}
# Offsets from the beginning of an operand have 32 bits.
REACH_BYTES = 2**32 - 1
# The operation that a backend launches; tests run the others.
LAUNCHED = "fmha_v3_causal"
# A causal workgroup's second tile fills LDS while waves may still read the first one's; for heads of 192 every next tile does.
RACING = {("gfx950", 128, "_causal"), ("gfx950", 192, ""), ("gfx950", 192, "_causal")}


def instances(target, chosen):
    if target not in CHIPS or chosen not in ("smoke", "all", "tests"):
        return []
    every = [instance(target, folder, chips, key, of) for folder, chips in CHIPS[target].items()
             for key, of in table(target).items()]
    return [each for each in every if each.published == (chosen != "tests")]


def table(target):
    """By mask and rounding: the symbol's name, the file and the tile of each object for several lengths."""
    found = {}
    for what, size, mask, rounding, body in ROW.findall(wheel.read(f"aiter_meta/hsa/{target}/fmha_v3_fwd/codegen.py")):
        of = found.setdefault((int(size), "_causal" if mask == "1" else "", rounding), {})
        if what == "Ts":
            of["rows"], of["keys"] = map(int, re.findall(r"= (\d+);", body))
        else:
            of[what] = re.search(r'"([^"]+)"', body).group(1)
    return found


def instance(target, folder, chips, key, of):
    size, causal, rounding = key
    rounded = ROUNDINGS[int(rounding)] if target == "gfx942" else ""
    serves = {"dtypes": ["bfloat16"], "headSizes": {"oneOf": [size]} if size == HEAD_SIZE else {"pairs": [[size, HEAD_SIZE]]}, "attentionTypes": ["decoder"], "maxPartBytes": REACH_BYTES,
              "features": {}}
    description = {"object": wheel.path(f"aiter_meta/hsa/{target}/fmha_v3_fwd/{folder and folder + '/'}{of['Buf']}"),
                   "symbol": f"_ZN5aiter{len(of['Name'])}{of['Name']}E", "workgroupSize": 512 if size == HEAD_SIZE else 256,
                   "arguments": ARGUMENTS}
    operation = f"fmha_v3{causal}{rounded}"
    heads = size if size == HEAD_SIZE else f"{size}x{HEAD_SIZE}"
    name = f"aiter.{operation}.bfloat16.d{heads}" + (f".{folder.lower()}" if chips else "")
    grid = "(numHeads, numSequences, ceil(maxQueryLen / rows)" + (" / 2)" if causal else ")")
    least = {"leastKeys": LEAST_KEYS[target]} if size == HEAD_SIZE else {"keysBehind": LOADED_BEHIND}
    tile = {"rows": of["rows"], "keys": of["keys"], **least}
    return Instance(name, operation, description, serves, grid, tile, "asm", NAMES,
                    published=operation == LAUNCHED and size == HEAD_SIZE, verified="emulator", chips=chips, schedule="turn" if (target, size, causal) in RACING else None)
