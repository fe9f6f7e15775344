import type { Batch, Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepView } from "../batch/step.js";
import type { Stream } from "../device/stream.js";
import type { MlaCall } from "./mla-call.js";
import type { RequestLists, Requests } from "./mla-requests.js";

/** A way to attend for sequences with many new tokens: keys and values are made of latents, chunk by chunk. */
export interface MlaPrefiller<Step = unknown, Metadata = unknown> {
  /** How the prefills of a step run, which is null where it is captured; null: there are none. Pure. */
  plan(requests: Requests, step: StepView | null): Step | null;
  /** Says how much memory any step that a batch admits needs between the kernels, and derives what else they need of its steps. */
  prepare(
    limits: Required<BatchLimits>,
    derive: (source: DerivedSource) => Derived,
  ): { workspaceBytes: number; derived: Metadata };
  launch(
    call: MlaCall,
    batch: Batch,
    lists: RequestLists,
    step: Step,
    workspace: bigint,
    metadata: Metadata,
    stream: Stream,
  ): void;
}
