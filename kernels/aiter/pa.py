"""AITER's paged decode in assembly, as code objects of its wheel: caches of layout "shuffled", 16 bits or 8 with a scale for
each token and head."""

import csv

from kernels.builder import wheel
from kernels.builder.instance import Instance

DTYPES = {"bf16": "bfloat16", "fp16": "float16"}
CACHE_DTYPES = {"bf16": "auto", "fp16": "auto", "fp8": "fp8_per_token", "int8": "int8_per_token"}

# Every argument has a slot of 16 bytes. Strides are in bytes.
ARGUMENTS = ("O:pointer Q:pointer K:pointer V:pointer BT:pointer CL:pointer KQ:pointer VQ:pointer sclg:float32 mblk:int32 "
             "batch:int32 Qs:int32 Bs:int32 KVs:int32 GQA:int32")
# Objects that are two to a compute unit have no place for it.
QUERY_STARTS = " QTP:pointer"
NAMES = {"O": "output", "Q": "query", "K": "key_cache", "V": "value_cache", "BT": "block_table", "CL": "seq_lens",
         "KQ": "key_scales", "VQ": "value_scales", "sclg": "scale", "mblk": "stride_table", "batch": "num_kv_heads",
         "Qs": "stride_query_token_bytes", "Bs": "stride_block_bytes", "KVs": "stride_head_bytes", "GQA": "group",
         "QTP": "query_start_loc"}
BLOCK_SIZE = 16
# Query tokens of a sequence that objects for several take.
MOST_TOKENS = 4
# Query heads of a key's head, by the most that an object takes: fewer are filled up with zeros.
GROUPS = {8: {"max": 8}, 16: {"min": 9, "max": 16}}
# A buffer has 2 GiB, and offsets behind it read zeros.
REACH_BYTES = 2**31
# Behind 512 keys a second part of the block table is used without waiting for all of it.
SCHEDULE = "early"
# By the column Hp: over caches of 8 bits weights are rounded to 8 bits too, but behind the first keys, or not at all.
PRECISIONS = {"0": "", "1": "_hp", "2": "_uhp"}
# The operations that a backend launches; tests run the others. Where weights are rounded to fp8, single rows are off by up to
# 4.2 %; to int8, towards zero, by 7 %; and for several tokens of up to 8 heads such objects load queries that are not there.
LAUNCHED = {"auto": {"paged_decode": "paged_decode", "paged_decode_mtp": "paged_decode_mtp"},
            "fp8_per_token": {"paged_decode_uhp": "paged_decode"}, "int8_per_token": {}}


def instances(target, chosen):
    table = wheel.read(f"aiter_meta/hsa/{target}/pa/pa_asm.csv") if target != "gfx90a" and chosen != "demo" else None
    rows = csv.DictReader(table.splitlines()) if table else []
    every = [instance(target, row) for row in rows if int(row["blkSz"]) == BLOCK_SIZE]
    return [each for each in every if each.published == (chosen != "tests")]


def instance(target, row):
    takes_several = row["Mtp"] != "0"
    # Those for several query tokens without a mask let each see all keys.
    suffix = "_mtp" if takes_several and row["Msk"] == "1" else "_mtp_unmasked" if takes_several else ""
    name = f"paged_decode{suffix}{PRECISIONS[row['Hp']]}"
    dtype, cache, group = DTYPES[row["qType"]], CACHE_DTYPES[row["kvType"]], int(row["Gqa"])
    serves = {"dtypes": [dtype], "kvCacheDtypes": [cache], "headSizes": {"oneOf": [128]},
              "blockSizes": {"oneOf": [BLOCK_SIZE]}, "queriesPerKv": GROUPS[group],
              "queryTokens": {"max": MOST_TOKENS} if takes_several else {"oneOf": [1]}, "layouts": ["shuffled"],
              "attentionTypes": ["decoder"], "maxPartBytes": REACH_BYTES, "features": {}}
    description = {"object": wheel.path(f"aiter_meta/hsa/{target}/pa/{row['knl_file']}"), "symbol": row["knl_name"],
                   "workgroupSize": 256, "arguments": ARGUMENTS + ("" if "_2tg_" in row["knl_file"] else QUERY_STARTS)}
    launched = LAUNCHED[cache].get(name)
    return Instance(f"aiter.{name}.{dtype}.{cache}.g{group}", launched or name, description, serves,
                    "(numKvHeads, numSequences)", {"heads": group, "tokens": MOST_TOKENS if takes_several else 1}, "asm", NAMES,
                    published=launched is not None, verified="emulator" if launched or cache == "auto" else "none", schedule=SCHEDULE)
