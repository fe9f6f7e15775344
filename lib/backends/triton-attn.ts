import type { Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepShape, StepView } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import type { CacheLayout } from "../kv-cache/layouts.js";
import { deriveAlibiSlopes } from "../ops/alibi-slopes.js";
import { CacheWrite } from "../ops/cache-write.js";
import type { AttentionCall } from "../ops/call.js";
import { longestDecode } from "../ops/split.js";
import { SplitDecode, type SplitStep } from "../ops/split-decode.js";
import { UnifiedAttention, type UnifiedStep } from "../ops/unified-attention.js";
import type { AttentionBackend, BackendContext, RunContext } from "./backend.js";

interface Plan {
  readonly tokens: number;
  /** Decodes that are split over their keys. */
  readonly split: SplitStep | null;
  /** All other rows. */
  readonly whole: UnifiedStep | null;
}

/** Derived are the ALiBi slopes, float32 [numHeads], where there are any. */
type Context = RunContext<Derived | null>;

/**
 * TRITON_ATTN: unified attention in Triton. Sequences with more than one query token, and short decodes, run whole; longer
 * decodes are split over their keys and merged.
 */
export class TritonAttention implements AttentionBackend<AttentionCall, Plan, Derived | null> {
  readonly cacheLayout: CacheLayout;
  readonly #config: ResolvedConfig;
  readonly #write: CacheWrite;
  readonly #whole: UnifiedAttention;
  readonly #split: SplitDecode;

  constructor({ device, config, kernels, layout }: BackendContext) {
    const [attend] = kernels.load("triton:unified_attention_3d");
    const [reduce] = kernels.load("triton:reduce_segments");
    const [write] = kernels.load("triton:reshape_and_cache_flash");
    this.cacheLayout = layout!;
    this.#config = config;
    this.#write = new CacheWrite(write, config);
    this.#whole = new UnifiedAttention(kernels.load("triton:unified_attention_2d"), config);
    this.#split = new SplitDecode(attend, reduce, config, device.info.computeUnits);
  }

  prepare(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived) {
    return {
      workspaceBytes: this.#split.workspaceBytes(limits),
      derived: deriveAlibiSlopes(this.#config, derive),
    };
  }

  plan(shape: StepShape, step: StepView | null): Plan {
    const { sequences, tokens, maxQueryLen, decodes } = shape;
    const { batchInvariant } = this.#config;
    const split = this.#split.plan(sequences, longestDecode(shape, step));
    // Any step may follow a capture: decodes and others each have their kernel there.
    const splits = decodes > 0 && (batchInvariant || step === null || split.maxSegments > 1);
    if (splits && maxQueryLen === 1) return { tokens, split, whole: null };
    const tileRows = this.#whole.tileRowsFor(maxQueryLen);
    const whole = { sequences, tokens, minQueryLen: splits ? 2 : 1, tileRows };
    return { tokens, split: splits ? split : null, whole };
  }

  run(
    call: AttentionCall,
    { tokens, split, whole }: Plan,
    { batch, derived, workspace, stream }: Context,
  ): void {
    if (tokens === 0) return;
    const alibiSlopes = derived?.pointer ?? 0n;
    if (call.key !== null) this.#write.launch(call, batch, tokens, stream);
    if (split !== null) this.#split.launch(call, batch, split, alibiSlopes, workspace, stream);
    if (whole !== null) this.#whole.launch(call, batch, whole, alibiSlopes, stream);
  }

  dispose(): void {}
}
