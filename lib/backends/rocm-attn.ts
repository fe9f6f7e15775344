import type { Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepShape, StepView } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import type { CacheLayout } from "../kv-cache/layouts.js";
import { deriveAlibiSlopes } from "../ops/alibi-slopes.js";
import { CacheWrite } from "../ops/cache-write.js";
import type { AttentionCall } from "../ops/call.js";
import { MAX_DECODE_TOKENS, shortQueries } from "../ops/decodes.js";
import { PagedDecode, type PagedStep } from "../ops/paged-decode.js";
import { longestDecode } from "../ops/split.js";
import { SplitDecode, type SplitStep } from "../ops/split-decode.js";
import { UnifiedAttention, type UnifiedStep } from "../ops/unified-attention.js";
import type { AttentionBackend, BackendContext, RunContext } from "./backend.js";

/** Selection chooses one of them at most: products in fp8 where a variable asks for them. */
const DECODES = ["hip:paged_attention_fp8", "hip:paged_attention"] as const;

interface Plan {
  readonly tokens: number;
  readonly decode: PagedStep | null;
  /** Decodes that are split over their keys in Triton, where paged decode serves none. */
  readonly split: SplitStep | null;
  /** All other rows. */
  readonly whole: UnifiedStep | null;
}

/** Derived are the ALiBi slopes, where there are any. */
type Context = RunContext<Derived | null>;

/**
 * ROCM_ATTN: sequences with a few new tokens run through paged decode in HIP C++, others whole through unified attention in
 * Triton. Where the former does not serve the configuration, or is switched off, decodes are split over their keys in Triton.
 */
export class RocmAttention implements AttentionBackend<AttentionCall, Plan, Derived | null> {
  readonly cacheLayout: CacheLayout;
  readonly #config: ResolvedConfig;
  readonly #write: CacheWrite;
  readonly #whole: UnifiedAttention;
  readonly #decode: PagedDecode | null = null;
  readonly #split: SplitDecode | null = null;

  constructor({ device, config, kernels, layout }: BackendContext) {
    const [write] = kernels.load("hip:reshape_and_cache");
    this.cacheLayout = layout!;
    this.#config = config;
    this.#write = new CacheWrite(write, config);
    this.#whole = new UnifiedAttention(kernels.load("triton:unified_attention_2d"), config, device.info);
    const decode = DECODES.find((launch) => kernels.has(launch));
    if (decode !== undefined) {
      const attends = kernels.load(decode);
      const [reduce] = kernels.load("hip:paged_attention_reduce");
      this.#decode = new PagedDecode(attends, reduce, config, device.info);
    } else if (kernels.has("triton:unified_attention_3d")) {
      const [attend] = kernels.load("triton:unified_attention_3d");
      const [reduce] = kernels.load("triton:reduce_segments");
      this.#split = new SplitDecode(attend, reduce, config, device.info);
    }
  }

  prepare(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived) {
    const queryTokens = Math.min(MAX_DECODE_TOKENS, limits.maxQueryLen);
    return {
      workspaceBytes:
        this.#decode?.workspaceBytes(limits, queryTokens) ?? this.#split?.workspaceBytes(limits) ?? 0,
      derived: deriveAlibiSlopes(this.#config, derive),
    };
  }

  plan(shape: StepShape, step: StepView | null): Plan {
    const { sequences, tokens, maxQueryLen } = shape;
    const { queryTokens, maxLen } = shortQueries(shape, step);
    const decode = queryTokens === 0 ? null : (this.#decode?.plan(sequences, queryTokens, maxLen) ?? null);
    const longest = longestDecode(shape, step);
    const split = shape.decodes === 0 ? null : (this.#split?.plan(sequences, longest) ?? null);
    const decoded = decode?.queryTokens ?? (split === null ? 0 : 1);
    if (maxQueryLen <= decoded) return { tokens, decode, split, whole: null };
    const tileRows = this.#whole.tileRowsFor(shape);
    return { tokens, decode, split, whole: { sequences, tokens, minQueryLen: decoded + 1, tileRows } };
  }

  run(
    call: AttentionCall,
    { tokens, decode, split, whole }: Plan,
    { batch, derived, workspace, stream }: Context,
  ): void {
    if (tokens === 0) return;
    const alibiSlopes = derived?.pointer ?? 0n;
    if (call.key !== null) this.#write.launch(call, batch, tokens, stream);
    if (decode !== null) this.#decode!.launch(call, batch, decode, alibiSlopes, workspace, stream);
    if (split !== null) this.#split!.launch(call, batch, split, alibiSlopes, workspace, stream);
    if (whole !== null) this.#whole.launch(call, batch, whole, alibiSlopes, stream);
  }

  dispose(): void {}
}
