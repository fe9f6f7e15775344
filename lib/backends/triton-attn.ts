import type { Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepShape, StepView } from "../batch/step.js";
import { type ResolvedConfig, usesCache } from "../config.js";
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
  readonly keyTokens: number;
  /** Decodes that are split over their keys. */
  readonly split: SplitStep | null;
  /** All other rows. */
  readonly whole: UnifiedStep | null;
}

/** Derived are the ALiBi slopes, float32 [numHeads], where there are any. */
type Context = RunContext<Derived | null>;

/**
 * TRITON_ATTN: unified attention in Triton. Sequences with more than one query token, and short decodes, run whole; longer
 * decodes are split over their keys and merged. In an encoder all rows run whole, over the call's own keys and values.
 */
export class TritonAttention implements AttentionBackend<AttentionCall, Plan, Derived | null> {
  readonly cacheLayout: CacheLayout;
  readonly #config: ResolvedConfig;
  readonly #whole: UnifiedAttention;
  readonly #cached: { readonly write: CacheWrite; readonly split: SplitDecode } | null;

  constructor({ device, config, kernels, layout }: BackendContext) {
    this.cacheLayout = layout!;
    this.#config = config;
    this.#whole = new UnifiedAttention(kernels.load("triton:unified_attention_2d"), config, device.info);
    this.#cached = null;
    if (!usesCache(config)) return;
    const [attend] = kernels.load("triton:unified_attention_3d");
    const [reduce] = kernels.load("triton:reduce_segments");
    const [write] = kernels.load("triton:reshape_and_cache_flash");
    this.#cached = {
      write: new CacheWrite(write, config),
      split: new SplitDecode(attend, reduce, config, device.info),
    };
  }

  prepare(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived) {
    return {
      workspaceBytes: this.#cached?.split.workspaceBytes(limits) ?? 0,
      derived: deriveAlibiSlopes(this.#config, derive),
    };
  }

  plan(shape: StepShape, step: StepView | null): Plan {
    const { sequences, tokens, keyTokens, maxQueryLen } = shape;
    const split = this.#splitOf(shape, step);
    if (split !== null && maxQueryLen === 1) return { tokens, keyTokens, split, whole: null };
    const tileRows = this.#whole.tileRowsFor(shape);
    const whole = { sequences, tokens, minQueryLen: split === null ? 1 : 2, tileRows };
    return { tokens, keyTokens, split, whole };
  }

  #splitOf(shape: StepShape, step: StepView | null): SplitStep | null {
    if (this.#cached === null || shape.decodes === 0) return null;
    const split = this.#cached.split.plan(shape.sequences, longestDecode(shape, step));
    // Any step may follow a capture: decodes and others each have their kernel there.
    const splits = this.#config.batchInvariant || step === null || split.maxSegments > 1;
    return splits ? split : null;
  }

  run(
    call: AttentionCall,
    { tokens, keyTokens, split, whole }: Plan,
    { batch, derived, workspace, stream }: Context,
  ): void {
    const alibiSlopes = derived?.pointer ?? 0n;
    if (call.key !== null && keyTokens > 0) this.#cached?.write.launch(call, batch, keyTokens, stream);
    if (tokens === 0) return;
    if (split !== null) this.#cached!.split.launch(call, batch, split, alibiSlopes, workspace, stream);
    if (whole !== null) this.#whole.launch(call, batch, whole, alibiSlopes, stream);
  }

  dispose(): void {}
}
