import type { Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepShape, StepView } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import type { CacheLayout } from "../kv-cache/layouts.js";
import {
  AiterUnifiedAttention,
  type AiterUnifiedMetadata,
  type AiterUnifiedStep,
} from "../ops/aiter-unified-attention.js";
import { CacheWrite } from "../ops/cache-write.js";
import type { AttentionCall } from "../ops/call.js";
import type { AttentionBackend, BackendContext, RunContext } from "./backend.js";

/** ROCM_AITER_UNIFIED_ATTN: AITER's unified attention in Triton for every phase. */
export class AiterUnifiedBackend
  implements AttentionBackend<AttentionCall, AiterUnifiedStep, AiterUnifiedMetadata>
{
  readonly cacheLayout: CacheLayout;
  readonly #write: CacheWrite;
  readonly #attention: AiterUnifiedAttention;

  constructor({ device, config, kernels, layout }: BackendContext) {
    const [write] = kernels.load("hip:reshape_and_cache_flash");
    this.cacheLayout = layout!;
    this.#write = new CacheWrite(write, config);
    this.#attention = makeAttention(kernels, config, device.info.computeUnits);
  }

  prepare(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived) {
    return this.#attention.prepare(limits, derive);
  }

  plan(shape: StepShape, step: StepView | null): AiterUnifiedStep {
    return this.#attention.plan(shape, step === null);
  }

  run(
    call: AttentionCall,
    step: AiterUnifiedStep,
    { batch, derived, workspace, stream }: RunContext<AiterUnifiedMetadata>,
  ): void {
    if (step.tokens === 0) return;
    this.#attention.check(call, derived);
    if (call.key !== null) this.#write.launch(call, batch, step.tokens, stream);
    this.#attention.launch(call, batch, step, derived, workspace, stream);
  }

  dispose(): void {}
}

function makeAttention(
  kernels: BackendContext["kernels"],
  config: ResolvedConfig,
  computeUnits: number,
): AiterUnifiedAttention {
  const wholes = kernels.load("aiter:unified_attention_2d:triton");
  if (!kernels.has("aiter:unified_attention_3d:triton")) {
    return new AiterUnifiedAttention(wholes, null, config, computeUnits);
  }
  const [attend] = kernels.load("aiter:unified_attention_3d:triton");
  const reductions = kernels.load("aiter:reduce_segments:triton");
  return new AiterUnifiedAttention(wholes, { attend, reductions }, config, computeUnits);
}
