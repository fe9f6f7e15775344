import type { Batch, Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepShape, StepView } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import type { Device } from "../device/device.js";
import type { Stream } from "../device/stream.js";
import type { ChosenKernels } from "../kernels/chosen.js";
import type { CacheLayout } from "../kv-cache/layouts.js";
import type { AttentionCall } from "../ops/call.js";

/** The device's side of a call: where its step stands, and memory between its kernels. */
export interface RunContext<Metadata = unknown> {
  /** The batch at its current step, with the device addresses of the step's lists. */
  readonly batch: Batch;
  /** The metadata that `prepare` derived for this batch. */
  readonly derived: Metadata;
  /** The address of as many bytes as `prepare` asked for; 0n: none. */
  readonly workspace: bigint;
  /** The stream on which everything is enqueued. */
  readonly stream: Stream;
}

/**
 * The part of an attention that knows its kernels. Made once per attention; `prepare` runs once per batch, `plan` once per
 * step, `run` once per layer.
 */
export interface AttentionBackend<Call = AttentionCall, Plan = unknown, Metadata = unknown> {
  /** The layout of the caches that it attends to. */
  readonly cacheLayout: CacheLayout;
  /** The largest part of a layer's cache that its kernels reach, in bytes; absent: they reach any. */
  readonly maxPartBytes?: number;
  /** Latent attention alone: its kernels take the up-projection in fp8 too. */
  readonly takesQuantisedWeights?: boolean;
  /** Latent attention alone: true where calls may have `qScale`, else why not. */
  readonly takesQueryScale?: true | string;
  /** Sentences for the explanation's notes, of what was found when it was made. */
  readonly notes?: readonly string[];
  /** Says how much workspace any step within the limits needs, and derives metadata of a batch's steps. */
  prepare(
    limits: Required<BatchLimits>,
    derive: (source: DerivedSource) => Derived,
  ): {
    /** Bytes of the memory that `run` gets as `workspace`; 0: none. */
    workspaceBytes: number;
    /** Whatever `run` is to get as `derived` for this batch. */
    derived: Metadata;
  };
  /** Decides how a step runs: request classes, splits, grids. Pure; `step` is null for a capture, whose shape is the limits. */
  plan(shape: StepShape, step: StepView | null): Plan;
  /** Enqueues one call. Moves pointers, allocates nothing. */
  run(call: Call, plan: Plan, at: RunContext<Metadata>): void;
  /** Frees the backend's own memory after its last use. */
  dispose(): void;
}

/** Everything that a backend is made from. */
export interface BackendContext {
  /** The device on which its kernels run. */
  readonly device: Device;
  /** The options of the attention, with every default filled in. */
  readonly config: ResolvedConfig;
  /** The kernels that selection chose for the launches of the backend's table. */
  readonly kernels: ChosenKernels;
  /** The cache's layout, by the configuration or the backend's table; null where this package has none of that name. */
  readonly layout: CacheLayout | null;
}

/** Makes the backend of one attention. Its errors come out of `createAttention`. */
// biome-ignore lint/suspicious/noExplicitAny: a backend's plans and metadata are its own matter.
export type BackendFactory = (context: BackendContext) => AttentionBackend<any, any, any>;
