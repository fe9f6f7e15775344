import { AiterMlaByTokens } from "../ops/aiter-mla-by-tokens.js";
import { refusalOf } from "../ops/aiter-mla-cache.js";
import { AiterMlaDecode } from "../ops/aiter-mla-decode.js";
import { AiterMlaQuantisedDecode } from "../ops/aiter-mla-quantised-decode.js";
import { AiterMlaWorkDecode } from "../ops/aiter-mla-work-decode.js";
import { LatentAttention, type LatentMetadata, type LatentPlan } from "../ops/mla-attention.js";
import type { MlaCall } from "../ops/mla-call.js";
import { MlaDecode } from "../ops/mla-decode.js";
import type { MlaDecoder } from "../ops/mla-decoder.js";
import { MlaFmhaPrefill } from "../ops/mla-fmha-prefill.js";
import { MlaPrefill } from "../ops/mla-prefill.js";
import type { MlaPrefiller } from "../ops/mla-prefiller.js";
import { MlaTwoDecoders } from "../ops/mla-two-decoders.js";
import type { AttentionBackend, BackendContext } from "./backend.js";

/**
 * ROCM_AITER_MLA: latent attention whose decode is AITER's assembly, and whose prefill is CK-tile's where that is built, else
 * Triton's. Caches that the assembly does not reach are Triton's too, which takes blocks of 16 tokens and more.
 */
export class RocmAiterMla
  extends LatentAttention
  implements AttentionBackend<MlaCall, LatentPlan, LatentMetadata>
{
  readonly maxPartBytes: number;

  constructor(context: BackendContext) {
    const { device, config, kernels } = context;
    const assembly = assemblyOf(context);
    const prefill = prefillOf(context);
    const { maxPartBytes } = assembly;
    if (!kernels.has("triton:mla_decode")) {
      super("ROCM_AITER_MLA", context, assembly, prefill);
      this.maxPartBytes = maxPartBytes;
      return;
    }
    const [reduce] = kernels.load("triton:mla_reduce");
    const far = new MlaDecode(kernels.load("triton:mla_decode"), reduce, config, device.info);
    // Queries in fp8 are the assembly's alone: it refuses the caches that it does not reach.
    const isNear = ({ qScale, cache }: MlaCall) => qScale !== null || refusalOf(cache, maxPartBytes) === null;
    super("ROCM_AITER_MLA", context, new MlaTwoDecoders(assembly, far, isNear), prefill);
    this.maxPartBytes = Number.POSITIVE_INFINITY;
  }
}

/**
 * A step's decodes are divided alike among workgroups, or by lists of work; caches in fp8 have kernels for lists alone, unless
 * queries are in fp8 too.
 */
function assemblyOf(context: BackendContext): MlaDecoder & { readonly maxPartBytes: number } {
  const { kernels } = context;
  if (kernels.has("aiter:mla_decode_fp8")) {
    const [quantised, work] = [quantisedOf(context), workOf(context)];
    const decoder = new MlaTwoDecoders(quantised, work, ({ qScale }) => qScale !== null);
    return Object.assign(decoder, { maxPartBytes: Math.min(quantised.maxPartBytes, work.maxPartBytes) });
  }
  if (!kernels.has("aiter:mla_decode")) return workOf(context);
  const splits = splitsOf(context);
  return kernels.has("aiter:mla_decode_work") ? new AiterMlaByTokens(workOf(context), splits) : splits;
}

function workOf({ device, config, kernels }: BackendContext): AiterMlaWorkDecode {
  const [expand] = kernels.load("triton:mla_expand_pages");
  const [attend] = kernels.load("aiter:mla_decode_work");
  const [begin] = kernels.load("triton:mla_begin_work");
  const [merge] = kernels.load("triton:mla_merge_work");
  return new AiterMlaWorkDecode(attend, begin, merge, expand, config, device.info.computeUnits);
}

function splitsOf({ device, config, kernels }: BackendContext): AiterMlaDecode {
  const [expand] = kernels.load("triton:mla_expand_pages");
  const attend = kernels.load("aiter:mla_decode");
  const [begin] = kernels.load("triton:mla_begin_splits");
  const [merge] = kernels.load("triton:mla_merge_splits");
  return new AiterMlaDecode(attend, begin, merge, expand, config, device.info.computeUnits);
}

function quantisedOf({ device, config, kernels }: BackendContext): AiterMlaQuantisedDecode {
  const [expand] = kernels.load("triton:mla_expand_pages");
  const [quantise] = kernels.load("triton:mla_quantise_query");
  const [attend] = kernels.load("aiter:mla_decode_fp8");
  const [begin] = kernels.load("triton:mla_begin_splits");
  const [merge] = kernels.load("triton:mla_merge_splits");
  const others = [begin, merge, expand] as const;
  return new AiterMlaQuantisedDecode(attend, quantise, others, config, device.info.computeUnits);
}

function prefillOf({ config, kernels }: BackendContext): MlaPrefiller {
  const isDense = kernels.has("ck:fmha_forward");
  return isDense ? new MlaFmhaPrefill(kernels, config) : new MlaPrefill(kernels, config);
}
