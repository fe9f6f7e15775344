import type { Batch } from "../batch/batch.js";
import type { BatchLimits, StepShape } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import type { Stream } from "../device/stream.js";
import { itemSize } from "../dtype.js";
import { invalidArgument } from "../errors.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { PARTITION_KEYS, tritonDecodeGrid, tritonDecodePartitions } from "./aiter-triton-decode-rule.js";
import { bindArguments } from "./arguments.js";
import type { AttentionCall } from "./call.js";

/** A step of decodes; `partitions`: null where sequences stay whole. */
export interface TritonDecodeStep {
  readonly sequences: number;
  readonly partitions: number | null;
}

export interface TritonDecodePlans {
  /** paged_decode_v1 and paged_decode_v2. */
  readonly whole: LaunchPlan;
  readonly split: LaunchPlan;
  /** paged_decode_v2_reduce, by the most partitions that it merges. */
  readonly reductions: readonly LaunchPlan[];
}

/**
 * Paged decode of AITER in Triton: a step in which every sequence has one query token, over caches whose slots hold whole
 * heads. It writes no LSE, and its scales are numbers. No backend launches it, since vLLM's do not: it stands beside ours for
 * comparison.
 */
export class AiterTritonDecode {
  readonly #whole;
  readonly #split;
  readonly #reductions;

  constructor(
    { whole, split, reductions }: TritonDecodePlans,
    private readonly config: ResolvedConfig,
  ) {
    this.#whole = bind(whole, config);
    this.#split = bindPartials(split, config);
    this.#reductions = reductions
      .map((plan) => bindPartials(plan, config))
      .sort((one, other) => partitionsOf(one) - partitionsOf(other));
  }

  /** How a step runs. Throws ERR_INVALID_ARGUMENT for steps that are not of decodes, or with sequences too long. */
  plan({ sequences, decodes, maxSeqLen }: StepShape): TritonDecodeStep {
    if (decodes !== sequences) {
      throw invalidArgument(
        "batch",
        "one query token for each sequence",
        `${decodes} of ${sequences} with one`,
      );
    }
    const partitions = tritonDecodePartitions({ sequences, numHeads: this.config.numHeads, maxSeqLen });
    const most = partitionsOf(this.#reductions.at(-1)!);
    if (partitions !== null && partitions > most) {
      throw invalidArgument("batch", `at most ${most * PARTITION_KEYS} keys of a sequence`, maxSeqLen);
    }
    return { sequences, partitions };
  }

  /** Bytes for the partial results of any step that a batch admits: rows of the dtype, then float32 maxima and sums. */
  workspaceBytes({ maxSequences, maxBlocksPerSequence, blockSize }: Required<BatchLimits>): number {
    const partitions = Math.ceil((maxBlocksPerSequence * blockSize) / PARTITION_KEYS);
    const { numHeads, headSize, dtype } = this.config;
    return maxSequences * partitions * numHeads * (itemSize(dtype) * headSize + 8);
  }

  launch(
    call: AttentionCall,
    batch: Batch,
    { sequences, partitions }: TritonDecodeStep,
    alibiSlopes: bigint,
    workspace: bigint,
    stream: Stream,
  ): void {
    check(call);
    const grid = tritonDecodeGrid(sequences, this.config.numKvHeads, partitions);
    if (partitions === null) {
      this.#whole.bind(call, batch, alibiSlopes);
      this.#whole.plan.launch(stream, ...grid);
      return;
    }
    const reduce = this.#reductions.find((each) => partitionsOf(each) >= partitions)!;
    for (const { bind, setPartials } of [this.#split, reduce]) {
      bind(call, batch, alibiSlopes);
      setPartials(workspace, sequences, partitions);
    }
    this.#split.plan.launch(stream, ...grid);
    reduce.plan.launch(stream, ...tritonDecodeGrid(sequences, this.config.numKvHeads, null));
  }
}

function partitionsOf({ plan }: { readonly plan: LaunchPlan }): number {
  return plan.row.tile.partitions!;
}

/** Throws where a call asks for what the kernels have not. */
function check({ lse, kScale, vScale, cache }: AttentionCall): void {
  if (lse !== null) throw invalidArgument("lse", "none: AITER's paged decode writes no LSE", lse);
  for (const [name, scale] of Object.entries({ kScale, vScale })) {
    if (scale !== null && typeof scale !== "number") throw invalidArgument(name, "a number", scale);
  }
  const [key, value] = (["key", "value"] as const).map((name) => cache!.part(name));
  const isAlike = key!.blockStride === value!.blockStride && String(key!.strides) === String(value!.strides);
  if (!isAlike) throw invalidArgument("cache", "values at the strides of keys", value!.strides);
}

function bind(plan: LaunchPlan, config: ResolvedConfig) {
  const bind = bindArguments(plan, config);
  plan.complete();
  return { plan, bind };
}

/** With the function that sets where partial results lie: [sequences, numKvHeads, partitions, group] rows. */
function bindPartials(plan: LaunchPlan, config: ResolvedConfig) {
  const { numHeads, numKvHeads, headSize, dtype } = config;
  const group = numHeads / numKvHeads;
  const [partial, max, sum] = ["partial", "partial_max", "partial_sum"].map((name) => plan.setter(name));
  const strides = ["sequence", "head", "partition"].map((axis) => ({
    ofSums: plan.setter(`stride_sum_${axis}`),
    ofRows: plan.setter(`stride_partial_${axis}`),
  }));
  plan.set({ stride_partial_row: headSize });
  return {
    ...bind(plan, config),
    setPartials(workspace: bigint, sequences: number, partitions: number): void {
      const rows = sequences * partitions * numHeads;
      const maxima = workspace + BigInt(rows * headSize * itemSize(dtype));
      partial!(workspace);
      max!(maxima);
      sum!(maxima + BigInt(4 * rows));
      const apart = [numKvHeads * partitions * group, partitions * group, group];
      for (const [axis, { ofSums, ofRows }] of strides.entries()) {
        ofSums(apart[axis]!);
        ofRows(apart[axis]! * headSize);
      }
    },
  };
}
