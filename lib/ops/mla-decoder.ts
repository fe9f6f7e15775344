import type { Batch, Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits } from "../batch/step.js";
import type { Stream } from "../device/stream.js";
import type { MlaCall } from "./mla-call.js";
import type { RequestLists, Requests } from "./mla-requests.js";

/** Where the results of the products lie: queries as the decoder wants them, and output [decode tokens, heads, 512]. */
export interface LatentSpace {
  readonly query: bigint;
  readonly output: bigint;
  readonly partials: bigint;
}

/** How the queries of decodes lie, [decode tokens, heads, width]. */
export interface LatentQuery {
  /** The attention's heads, or more: others are not written. */
  readonly heads: number;
  /** Elements: a latent's 512, or 576 with the rotary part behind it. */
  readonly width: 512 | 576;
}

/** A way to attend to latents for a few query tokens of each sequence. */
export interface MlaDecoder<
  Step extends { readonly tokens: number } = { readonly tokens: number },
  Metadata = unknown,
> {
  /** How queries lie at most. */
  readonly query: LatentQuery;
  /** How the decodes of a step run; null: there are none. Pure. */
  plan(requests: Requests): Step | null;
  /** Bytes for what lies between the kernels, of any step that a batch admits. */
  workspaceBytes(limits: Required<BatchLimits>): number;
  /** Derives what the kernels need of a batch's steps beside the lists of requests. */
  prepare(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived): Metadata;
  /** How queries lie for a call. Throws ERR_BACKEND_UNSUPPORTED where kernels do not serve its cache. */
  queryFor(call: MlaCall): LatentQuery;
  launch(
    call: MlaCall,
    batch: Batch,
    lists: RequestLists,
    step: Step,
    space: LatentSpace,
    metadata: Metadata,
    stream: Stream,
  ): void;
}
