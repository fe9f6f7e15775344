"""AITER's decode of latent attention in assembly, as code objects of its wheel: a query token of 16 heads or of 128."""

from kernels.builder import wheel
from kernels.builder.instance import Instance

# Every argument has a slot of 16 bytes. Names in the objects are those of another kernel.
ARGUMENTS = ("O:pointer Q:pointer K:pointer V:pointer BT:pointer CL:pointer KQ:pointer sclg:float32 mblk:int32 batch:int32 "
             "Qs:int32 Bs:int32 Cs:int32")
NAMES = {"O": "partial", "Q": "partial_lse", "K": "query_latent", "V": "latent_cache", "BT": "page_starts", "CL": "pages",
         "KQ": "last_page_lens", "sclg": "softmax_scale", "mblk": "request_heads", "batch": "splits",
         "Qs": "stride_request_bytes", "Bs": "stride_page_bytes", "Cs": "log2_page_tokens", "QT": "request_starts"}
# By heads of a request: the object, its arguments beyond those, and the heads of attentions that it serves, in requests
# of so many or padded to them.
OBJECTS = {16: ("mla_dec_stage1_bf16_a16w16_subQ16_mqa16", "", [*range(1, 17), 32, 48, 64]),
           128: ("mla_dec_stage1_bf16_a16w16_subQ128_mqa128", " QT:pointer", [128])}
# What 32-bit offsets reach.
REACH_BYTES = 2**32 - 1


def instances(target, chosen):
    if target not in ("gfx942", "gfx950") or chosen not in ("smoke", "all"):
        return []
    return [instance(target, heads, *of) for heads, of in OBJECTS.items()]


def instance(target, heads, name, more, served):
    serves = {"dtypes": ["bfloat16"], "kvCacheDtypes": ["auto"], "headSizes": {"oneOf": [576]}, "queriesPerKv": {"oneOf": served},
              "layouts": ["latent"], "attentionTypes": ["decoder"], "maxPartBytes": REACH_BYTES, "features": {}}
    description = {"object": wheel.path(f"aiter_meta/hsa/{target}/mla/{name}.co"), "symbol": f"_ZN5aiter{len(name)}{name}E",
                   "workgroupSize": 256, "arguments": ARGUMENTS + more}
    return Instance(f"aiter.mla_decode.bfloat16.h{heads}", "mla_decode", description, serves, "(1, requests, splits)",
                    {"heads": heads}, "asm", NAMES)
