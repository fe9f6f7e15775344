import { LatentAttention, type LatentMetadata, type LatentPlan } from "../ops/mla-attention.js";
import type { MlaCall } from "../ops/mla-call.js";
import { MlaDecode } from "../ops/mla-decode.js";
import { MlaPrefill } from "../ops/mla-prefill.js";
import type { AttentionBackend, BackendContext } from "./backend.js";

/** TRITON_MLA: latent attention in Triton, whose decode is split over the keys and takes heads and query tokens as rows alike. */
export class TritonMla
  extends LatentAttention
  implements AttentionBackend<MlaCall, LatentPlan, LatentMetadata>
{
  constructor(context: BackendContext) {
    const { device, config, kernels } = context;
    const [reduce] = kernels.load("triton:mla_reduce");
    const attend = kernels.load("triton:mla_decode");
    const decode = new MlaDecode(attend, reduce, config, device.info);
    super("TRITON_MLA", context, decode, new MlaPrefill(kernels, config));
  }
}
