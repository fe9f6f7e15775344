import type { Batch, Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits } from "../batch/step.js";
import type { Stream } from "../device/stream.js";
import type { MlaCall } from "./mla-call.js";
import type { LatentQuery, LatentSpace, MlaDecoder } from "./mla-decoder.js";
import type { RequestLists, Requests } from "./mla-requests.js";

type Step = { readonly tokens: number };

/** A step of both decoders; a call decides which of them runs. */
interface TwoSteps extends Step {
  readonly first: Step;
  readonly second: Step;
}

interface TwoMetadata {
  readonly first: unknown;
  readonly second: unknown;
}

/** A decoder, and another for the calls that the first does not serve. */
export class MlaTwoDecoders implements MlaDecoder<TwoSteps, TwoMetadata> {
  readonly query: LatentQuery;

  /** `serves`: whether a call is the first one's. Queries of the second take no more room. */
  constructor(
    private readonly first: MlaDecoder,
    private readonly second: MlaDecoder,
    private readonly serves: (call: MlaCall) => boolean,
  ) {
    this.query = first.query;
  }

  plan(requests: Requests): TwoSteps | null {
    const [first, second] = [this.first.plan(requests), this.second.plan(requests)];
    return first === null || second === null ? null : { tokens: first.tokens, first, second };
  }

  workspaceBytes(limits: Required<BatchLimits>): number {
    return Math.max(this.first.workspaceBytes(limits), this.second.workspaceBytes(limits));
  }

  prepare(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived): TwoMetadata {
    return { first: this.first.prepare(limits, derive), second: this.second.prepare(limits, derive) };
  }

  queryFor(call: MlaCall): LatentQuery {
    return (this.serves(call) ? this.first : this.second).queryFor(call);
  }

  launch(
    call: MlaCall,
    batch: Batch,
    lists: RequestLists,
    step: TwoSteps,
    space: LatentSpace,
    metadata: TwoMetadata,
    stream: Stream,
  ): void {
    const of = this.serves(call) ? "first" : "second";
    this[of].launch(call, batch, lists, step[of], space, metadata[of], stream);
  }
}
