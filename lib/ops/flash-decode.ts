import type { Batch } from "../batch/batch.js";
import type { BatchLimits, StepShape, StepView } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import type { Stream } from "../device/stream.js";
import { type AiterPagedDecode, type DecodeRun, decodeRun } from "./aiter-paged-decode.js";
import type { AttentionCall } from "./call.js";
import { MAX_DECODE_TOKENS, shortQueries } from "./decodes.js";
import type { PagedDecode, PagedStep } from "./paged-decode.js";

/** The decodes of a step for either kernel; `run`: null where they are not AITER's. */
export interface FlashDecodeStep {
  readonly paged: PagedStep;
  readonly run: { readonly kernel: AiterPagedDecode; readonly of: DecodeRun } | null;
}

/** paged_decode of AITER for steps that fill the device with whole sequences, by AITER's rule, and paged_attention for all others. */
export class FlashDecode {
  /** `one`, `several`: AITER's kernels for one query token and for a few; null: there is none. */
  constructor(
    private readonly paged: PagedDecode,
    private readonly one: AiterPagedDecode | null,
    private readonly several: AiterPagedDecode | null,
    private readonly config: ResolvedConfig,
    private readonly computeUnits: number,
  ) {}

  workspaceBytes(limits: Required<BatchLimits>): number {
    return this.paged.workspaceBytes(limits, Math.min(MAX_DECODE_TOKENS, limits.maxQueryLen));
  }

  /** null: the step has no decodes. A capture is our kernel's, since any sequence of a later step may lack a query. Pure. */
  plan(shape: StepShape, step: StepView | null): FlashDecodeStep | null {
    const { queryTokens, maxLen } = shortQueries(shape, step);
    if (queryTokens === 0) return null;
    const paged = this.paged.plan(shape.sequences, queryTokens, maxLen);
    const of = step === null ? null : decodeRun(step);
    const kernel = of === null ? null : this.#kernelFor(of);
    return { paged, run: kernel === null ? null : { kernel, of: of! } };
  }

  launch(
    call: AttentionCall,
    batch: Batch,
    { paged, run }: FlashDecodeStep,
    alibiSlopes: bigint,
    workspace: bigint,
    stream: Stream,
  ): void {
    if (run?.kernel.takes(call)) run.kernel.launch(call, batch, run.of, stream);
    else this.paged.launch(call, batch, paged, alibiSlopes, workspace, stream);
  }

  #kernelFor({ sequences, queryTokens }: DecodeRun): AiterPagedDecode | null {
    // By the batch: not for rows that must not depend on it.
    if (this.config.batchInvariant || sequences * this.config.numHeads <= 2 * this.computeUnits) return null;
    const kernel = queryTokens === 1 ? this.one : this.several;
    return kernel !== null && queryTokens <= kernel.mostTokens ? kernel : null;
  }
}
