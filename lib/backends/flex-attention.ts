import type { Derived, DerivedSource } from "../batch/batch.js";
import type { BatchLimits, StepShape } from "../batch/step.js";
import { type ResolvedConfig, usesCache } from "../config.js";
import { RocmAttentionError } from "../errors.js";
import { type NativeForm, nativeForm } from "../flex/native.js";
import type { Program } from "../flex/program.js";
import { sourceOf } from "../flex/source.js";
import { programOf } from "../flex/trace.js";
import type { ChosenKernels } from "../kernels/chosen.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import type { CacheLayout } from "../kv-cache/layouts.js";
import { deriveAlibiSlopes } from "../ops/alibi-slopes.js";
import { CacheWrite } from "../ops/cache-write.js";
import type { AttentionCall } from "../ops/call.js";
import { FlexAttention, type FlexStep } from "../ops/flex-attention.js";
import { FlexBlockMask, type FlexMetadata } from "../ops/flex-block-mask.js";
import type { AttentionBackend, BackendContext, RunContext } from "./backend.js";

interface Metadata {
  /** ALiBi slopes of the options. */
  readonly slopes: Derived | null;
  readonly flex: FlexMetadata | null;
}

const NATIVE = "hip:flex_attention:native";
const INTERPRETED = "hip:flex_attention:interpreted";
const REDUCE = "triton:reduce_segments";

/**
 * FLEX_ATTENTION: masks and scores by the functions of the configuration. Where these amount to its options, or there are
 * none, a kernel that has them compiled in runs; else one that they were compiled into before, or that interprets them, over
 * blocks whose masks are evaluated once a step. Steps of decodes alone are split over their keys.
 */
export class FlexAttentionBackend implements AttentionBackend<AttentionCall, FlexStep, Metadata> {
  readonly cacheLayout: CacheLayout;
  readonly notes: readonly string[];
  readonly #config: ResolvedConfig;
  /** null: an encoder has no cache. */
  readonly #write: CacheWrite | null;
  readonly #attend: FlexAttention;
  readonly #program: Program | null;
  readonly #form: NativeForm | null;
  readonly #blockMask: FlexBlockMask | null;

  constructor({ device, config, kernels, layout }: BackendContext) {
    this.cacheLayout = layout!;
    this.#config = config;
    this.#write = usesCache(config) ? new CacheWrite(loadWrite(kernels), config) : null;
    this.#program = config.flex === null ? null : programOf(config.flex);
    if (this.#program !== null) checkDevice(this.#program, device);
    this.#form = config.flex === null ? null : nativeForm(config.flex, this.#program!, config.numHeads);
    const source = this.#program === null || this.#form !== null ? null : sourceOf(this.#program);
    const generated = source === null ? null : kernels.loadGenerated(INTERPRETED, source);
    const attend = generated ?? kernels.load(source === null ? NATIVE : INTERPRETED)[0];
    this.notes = config.flex === null ? [] : [`scoreMod and maskMod are ${howTheyRun(attend)}`];
    const reduce = canSplit(config) && kernels.has(REDUCE) ? kernels.load(REDUCE)[0] : null;
    this.#attend = new FlexAttention({ attend, reduce }, config, this.#form, device.info);
    this.#blockMask =
      source === null
        ? null
        : new FlexBlockMask(kernels.load("hip:flex_block_mask")[0], config, this.#program!);
  }

  prepare(limits: Required<BatchLimits>, derive: (source: DerivedSource) => Derived) {
    const slopes = deriveAlibiSlopes(this.#config, derive);
    return {
      workspaceBytes: this.#attend.workspaceBytes(limits),
      derived: { slopes, flex: this.#blockMask?.derive(limits, derive) ?? null },
    };
  }

  plan(shape: StepShape): FlexStep {
    return this.#attend.plan(shape);
  }

  run(
    call: AttentionCall,
    step: FlexStep,
    { batch, derived, workspace, stream }: RunContext<Metadata>,
  ): void {
    if (step.tokens === 0) return;
    this.#program?.check();
    const slopes = this.#form?.slopes?.pointer ?? derived.slopes?.pointer ?? 0n;
    if (call.key !== null) this.#write?.launch(call, batch, step.tokens, stream);
    this.#attend.launch(call, batch, step, { metadata: derived.flex, slopes, workspace }, stream);
  }

  dispose(): void {}
}

/** Sequences of batch-invariant attention are computed alike in every step, decodes among others too. */
function canSplit(config: ResolvedConfig): boolean {
  return usesCache(config) && !config.batchInvariant;
}

function howTheyRun({ row: { variant } }: LaunchPlan): string {
  if (variant === "native") return "run by a kernel that has such functions compiled in";
  return variant === "generated"
    ? "compiled into the kernel"
    : "interpreted; compileFlex compiles them into the kernel";
}

function loadWrite(kernels: ChosenKernels): LaunchPlan {
  const [write] = kernels.load(
    kernels.has("hip:reshape_and_cache_flash")
      ? "hip:reshape_and_cache_flash"
      : "triton:reshape_and_cache_flash",
  );
  return write;
}

function checkDevice({ tensors }: Program, device: unknown): void {
  const foreign = tensors.find((tensor) => tensor.device !== device);
  if (foreign === undefined) return;
  const received = `a ${foreign.dtype} tensor [${foreign.shape.join(", ")}] on another`;
  throw new RocmAttentionError(
    "ERR_FLEX_TRACE",
    `expected tensors on the attention's device for .at(), received ${received}`,
  );
}
