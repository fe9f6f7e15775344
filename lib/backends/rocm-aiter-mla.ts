import { AiterMlaDecode } from "../ops/aiter-mla-decode.js";
import { AiterMlaWorkDecode } from "../ops/aiter-mla-work-decode.js";
import { LatentAttention, type LatentMetadata, type LatentPlan } from "../ops/mla-attention.js";
import type { MlaCall } from "../ops/mla-call.js";
import type { MlaDecoder } from "../ops/mla-decoder.js";
import type { AttentionBackend, BackendContext } from "./backend.js";

/** ROCM_AITER_MLA: latent attention whose decode is AITER's assembly, with prefill and products in Triton. */
export class RocmAiterMla
  extends LatentAttention
  implements AttentionBackend<MlaCall, LatentPlan, LatentMetadata>
{
  constructor(context: BackendContext) {
    super("ROCM_AITER_MLA", context, decoderOf(context));
  }
}

/** Caches in the queries' dtype are divided alike among workgroups; those in fp8 have kernels that work on lists. */
function decoderOf({ device, config, kernels }: BackendContext): MlaDecoder {
  const { computeUnits } = device.info;
  const [expand] = kernels.load("triton:mla_expand_pages");
  if (kernels.has("aiter:mla_decode_work")) {
    const [attend] = kernels.load("aiter:mla_decode_work");
    const [begin] = kernels.load("triton:mla_begin_work");
    const [merge] = kernels.load("triton:mla_merge_work");
    return new AiterMlaWorkDecode(attend, begin, merge, expand, config, computeUnits);
  }
  const attend = kernels.load("aiter:mla_decode");
  const [begin] = kernels.load("triton:mla_begin_splits");
  const [merge] = kernels.load("triton:mla_merge_splits");
  return new AiterMlaDecode(attend, begin, merge, expand, config, computeUnits);
}
