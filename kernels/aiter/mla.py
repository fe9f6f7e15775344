"""AITER's decode of latent attention in assembly, as code objects of its wheel: of query tokens of 16 heads or of 128.

Those that take queries in fp8 (mla_a8w8) are left out. The ones of 16 heads race: after a barrier a wave reads weights from LDS and, without
another one, writes its next ones there, so that results are right only where waves advance together
(test/device/emulator/racing-objects.test.ts). And all round weights to fp8: rows are off by 2.9e-2 where the others' are by 2e-3.
"""

from kernels.builder import wheel
from kernels.builder.instance import Instance

# Every argument has a slot of 16 bytes. Names in the objects are those of another kernel.
ARGUMENTS = ("O:pointer Q:pointer K:pointer V:pointer BT:pointer CL:pointer KQ:pointer sclg:float32 mblk:int32 batch:int32 "
             "Qs:int32 Bs:int32 Cs:int32 QT:pointer ST:pointer RP:pointer DQ:pointer DK:pointer").split()
NAMES = {"O": "partial", "Q": "partial_lse", "K": "query_latent", "V": "latent_cache", "BT": "page_starts", "CL": "pages",
         "KQ": "last_page_lens", "sclg": "softmax_scale", "mblk": "request_heads", "batch": "splits",
         "Qs": "stride_request_bytes", "Bs": "stride_page_bytes", "Cs": "log2_page_tokens", "QT": "request_starts"}
# Heads of attentions that are served in requests of 16, or padded to them: where a request has one token, and where it has more.
ONE, SEVERAL = [*range(1, 17), 32, 48, 64], [*range(1, 17)]
# What 32-bit offsets reach.
REACH_BYTES = 2**32 - 1


def instances(target, chosen):
    if target not in ("gfx942", "gfx950") or chosen not in ("smoke", "all"):
        return []
    # An object takes as many of the arguments as its size says.
    return [splits(target, "mla_dec_stage1_bf16_a16w16_subQ16_mqa16", 13, 16, 1, ONE),
            splits(target, "mla_a16w16_qh16_m32x4_n16x1_coex0_mask1", 14, 16, 8, SEVERAL),
            # Its mask hides nothing: of several tokens all would see the keys of the last.
            splits(target, "mla_dec_stage1_bf16_a16w16_subQ128_mqa128", 14, 128, 1, [128]),
            work(target, "mla_a16w16_qh16_m16x4_n16x1_coex0_mask1_ps", 16, "auto", SEVERAL),
            work(target, "mla_a16w8_qh16_m16x4_n16x1_coex0_mask1_ps", 18, "fp8", [*ONE, 128])]


def splits(target, name, arguments, heads, tokens, served):
    """Every request is divided alike among workgroups."""
    suffix = f".q{tokens}" if tokens > 1 else ""
    return instance(target, name, "mla_decode", arguments, NAMES, "auto", served, "(1, requests, splits)",
                    f"h{heads}{suffix}", {"heads": heads, "tokens": tokens})


def work(target, name, arguments, cache, served):
    """Every workgroup has a list of parts of requests. Where one has a single part, its result goes to `latent_output`."""
    names = {**NAMES, "ST": "work_lists", "RP": "latent_output", "DQ": "query_scale", "DK": "cache_scale"}
    suffix = "" if cache == "auto" else f"{cache}."
    return instance(target, name, "mla_decode_work", arguments, names, cache, served, "(computeUnits)", f"{suffix}h16.q4",
                    {"heads": 16, "tokens": 4})


def instance(target, name, operation, arguments, names, cache, served, grid, suffix, tile):
    # Loads of pages' numbers are not waited for, so these are right where memory is quick alone.
    schedule = "early" if tile["tokens"] > 1 else None
    serves = {"dtypes": ["bfloat16"], "kvCacheDtypes": [cache], "headSizes": {"oneOf": [576]}, "queriesPerKv": {"oneOf": served},
              "layouts": ["latent"], "attentionTypes": ["decoder"], "maxPartBytes": REACH_BYTES, "features": {}}
    description = {"object": wheel.path(f"aiter_meta/hsa/{target}/mla/{name}.co"), "symbol": f"_ZN5aiter{len(name)}{name}E",
                   "workgroupSize": 256, "arguments": " ".join(ARGUMENTS[:arguments])}
    return Instance(f"aiter.{operation}.bfloat16.{suffix}", operation, description, serves, grid, tile, "asm", names, schedule=schedule)
