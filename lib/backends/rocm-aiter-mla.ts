import { AiterMlaDecode } from "../ops/aiter-mla-decode.js";
import { LatentAttention, type LatentMetadata, type LatentPlan } from "../ops/mla-attention.js";
import type { MlaCall } from "../ops/mla-call.js";
import type { AttentionBackend, BackendContext } from "./backend.js";

/** ROCM_AITER_MLA: latent attention whose decode is AITER's assembly, with prefill and products in Triton. */
export class RocmAiterMla
  extends LatentAttention
  implements AttentionBackend<MlaCall, LatentPlan, LatentMetadata>
{
  constructor(context: BackendContext) {
    const { device, config, kernels } = context;
    const [attend] = kernels.load("aiter:mla_decode");
    const [begin] = kernels.load("triton:mla_begin_splits");
    const [merge] = kernels.load("triton:mla_merge_splits");
    const [expand] = kernels.load("triton:mla_expand_pages");
    const decoder = new AiterMlaDecode(attend, begin, merge, expand, config, device.info.computeUnits);
    super("ROCM_AITER_MLA", context, decoder);
  }
}
