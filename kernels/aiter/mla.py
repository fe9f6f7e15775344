"""AITER's decode of latent attention in assembly, as code objects of its wheel: of query tokens of 16 heads or of 128.

Of those that take queries in fp8 (mla_a8w8) the ones of 16 heads are left out. They race: after a barrier a wave reads weights from LDS and,
without another one, writes its next ones there, so that results are right only where waves advance together
(test/device/emulator/racing-objects.test.ts). All of them round weights to fp8: rows are off by 3e-2 where the others' are by 2e-3.
"""

from kernels.builder import wheel
from kernels.builder.instance import Instance

# Every argument has a slot of 16 bytes. Names in the objects are those of another kernel.
ARGUMENTS = ("O:pointer Q:pointer K:pointer V:pointer BT:pointer CL:pointer KQ:pointer sclg:float32 mblk:int32 batch:int32 "
             "Qs:int32 Bs:int32 Cs:int32 QT:pointer ST:pointer RP:pointer DQ:pointer DK:pointer").split()
NAMES = {"O": "partial", "Q": "partial_lse", "K": "query_latent", "V": "latent_cache", "BT": "page_starts", "CL": "pages",
         "KQ": "last_page_lens", "sclg": "softmax_scale", "mblk": "request_heads", "batch": "splits",
         "Qs": "stride_request_bytes", "Bs": "stride_page_bytes", "Cs": "log2_page_tokens", "QT": "request_starts"}
SCALED_NAMES = {**NAMES, "DQ": "query_scale", "DK": "cache_scale"}
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
            *([quantised(target, "mla_a8w8_qh128_m32x4_n16x2_msk1")] if target == "gfx942" else []),
            work(target, "mla_a16w16_qh16_m16x4_n16x1_coex0_mask1_ps", 16, "auto", SEVERAL),
            work(target, "mla_a16w8_qh16_m16x4_n16x1_coex0_mask1_ps", 18, "fp8", [*ONE, 128])]


# Some objects do not wait for loads of pages' numbers: those of schedule "early" are right where memory is quick alone.
def splits(target, name, arguments, heads, tokens, served):
    """Every request is divided alike among workgroups."""
    suffix = f".q{tokens}" if tokens > 1 else ""
    return instance(target, name, "mla_decode", arguments, NAMES, "auto", served, "(1, requests, splits)",
                    f"h{heads}{suffix}", {"heads": heads, "tokens": tokens}, "early" if tokens > 1 else None)


def quantised(target, name):
    """Queries are in fp8 too. It does not read ST and RP."""
    names = {**SCALED_NAMES, "ST": "unused_lists", "RP": "unused_output"}
    return instance(target, name, "mla_decode_fp8", 18, names, "fp8", [128], "(1, requests, splits)", "fp8.h128", {"heads": 128, "tokens": 1},
                    "early")


def work(target, name, arguments, cache, served):
    """Every workgroup has a list of parts of requests. Where one has a single part, its result goes to `latent_output`."""
    names = {**SCALED_NAMES, "ST": "work_lists", "RP": "latent_output"}
    suffix = "" if cache == "auto" else f"{cache}."
    return instance(target, name, "mla_decode_work", arguments, names, cache, served, "(computeUnits)", f"{suffix}h16.q4",
                    {"heads": 16, "tokens": 4}, "early")


def instance(target, name, operation, arguments, names, cache, served, grid, suffix, tile, schedule=None):
    serves = {"dtypes": ["bfloat16"], "kvCacheDtypes": [cache], "headSizes": {"oneOf": [576]}, "queriesPerKv": {"oneOf": served},
              "layouts": ["latent"], "attentionTypes": ["decoder"], "maxPartBytes": REACH_BYTES, "features": {}}
    description = {"object": wheel.path(f"aiter_meta/hsa/{target}/mla/{name}.co"), "symbol": f"_ZN5aiter{len(name)}{name}E",
                   "workgroupSize": 256, "arguments": " ".join(ARGUMENTS[:arguments])}
    return Instance(f"aiter.{operation}.bfloat16.{suffix}", operation, description, serves, grid, tile, "asm", names, schedule=schedule)
