import type { Batch, Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits } from "../batch/step.js";
import type { Stream } from "../device/stream.js";
import type { AiterMlaDecode, AiterMlaStep } from "./aiter-mla-decode.js";
import type { AiterMlaWorkDecode, AiterMlaWorkMetadata, AiterMlaWorkStep } from "./aiter-mla-work-decode.js";
import type { MlaCall } from "./mla-call.js";
import type { LatentQuery, LatentSpace, MlaDecoder } from "./mla-decoder.js";
import type { RequestLists, Requests } from "./mla-requests.js";

/** How the decodes of a step run: by one of the two, the other's is null. */
interface ByTokensStep {
  readonly tokens: number;
  readonly work: AiterMlaWorkStep | null;
  readonly splits: AiterMlaStep | null;
}

/**
 * AITER's two decodes of up to 16 heads: lists of work, which keep every compute unit at work however unlike the sequences are, for steps
 * with two to four new tokens of a sequence; splits for one, where they waste no rows, and for more, whose keys they read once.
 */
export class AiterMlaByTokens implements MlaDecoder<ByTokensStep, AiterMlaWorkMetadata> {
  readonly query: LatentQuery;
  readonly maxPartBytes: number;

  constructor(
    private readonly work: AiterMlaWorkDecode,
    private readonly splits: AiterMlaDecode,
  ) {
    this.query = splits.query;
    this.maxPartBytes = Math.min(work.maxPartBytes, splits.maxPartBytes);
  }

  plan(requests: Requests): ByTokensStep | null {
    const { decodes, decodeTokens: tokens, queryTokens } = requests;
    if (decodes === 0) return null;
    const isWork = queryTokens > 1 && queryTokens <= this.work.requestTokens;
    return {
      tokens,
      work: isWork ? this.work.plan(requests) : null,
      splits: isWork ? null : this.splits.plan(requests),
    };
  }

  workspaceBytes(limits: Required<BatchLimits>): number {
    return Math.max(this.work.workspaceBytes(limits), this.splits.workspaceBytes(limits));
  }

  /** Both read the same lists of pages. */
  prepare(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived): AiterMlaWorkMetadata {
    return this.work.prepare(limits, derive);
  }

  queryFor(call: MlaCall): LatentQuery {
    return this.splits.queryFor(call);
  }

  launch(
    call: MlaCall,
    batch: Batch,
    lists: RequestLists,
    { work, splits }: ByTokensStep,
    space: LatentSpace,
    metadata: AiterMlaWorkMetadata,
    stream: Stream,
  ): void {
    if (work !== null) this.work.launch(call, batch, lists, work, space, metadata, stream);
    if (splits !== null) this.splits.launch(call, batch, lists, splits, space, metadata.pages, stream);
  }
}
