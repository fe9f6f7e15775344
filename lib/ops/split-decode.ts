import type { Batch } from "../batch/batch.js";
import type { BatchLimits } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import type { DeviceInfo } from "../device/context.js";
import type { Stream } from "../device/stream.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { bindArguments } from "./arguments.js";
import type { AttentionCall } from "./call.js";
import { bindPartials, partialBytes } from "./partials.js";
import { mostSegments, planSplit, type Split } from "./split.js";
import { xcdsToDealTo } from "./xcds.js";

/** Keys that the kernels take together, all of one block; segments begin with one. */
const PART_KEYS = 16;
/** Of one wave each: one alone waits for its own loads. */
const BUSY_WORKGROUPS = 2;

/** A split of one step's decodes. */
export interface SplitStep extends Split {
  readonly sequences: number;
}

/** unified_attention_3d and reduce_segments: decodes split over their keys, with fp32 partial results in the workspace. */
export class SplitDecode {
  readonly #attend;
  readonly #reduce;
  readonly #config: ResolvedConfig;
  /** Keys that a decode can look at: its window begins anywhere in a part. */
  readonly #mostKeys: number;
  /** The entries of `planSplit` that do not change. */
  readonly #rule;

  constructor(
    attend: LaunchPlan,
    reduce: LaunchPlan,
    config: ResolvedConfig,
    { computeUnits, xcds }: Pick<DeviceInfo, "computeUnits" | "xcds">,
  ) {
    const tilesPerSequence = Math.ceil(config.numHeads / config.numKvHeads / attend.row.tile.rows!);
    // Tiles of a KV head share its keys; where there is one alone, nothing is shared.
    const sharing = { groups: Number.POSITIVE_INFINITY, stride: config.numKvHeads, xcds };
    attend.set({ xcds: tilesPerSequence === 1 ? 1 : xcdsToDealTo(sharing) });
    this.#attend = bindParts(attend, config);
    this.#reduce = bindParts(reduce, config);
    this.#config = config;
    const { numKvHeads, batchInvariant, slidingWindow } = config;
    this.#mostKeys = slidingWindow === null ? Number.POSITIVE_INFINITY : slidingWindow + PART_KEYS - 1;
    this.#rule = {
      numKvHeads,
      tilesPerSequence,
      computeUnits,
      busyWorkgroups: BUSY_WORKGROUPS,
      tileKeys: attend.row.tile.keys!,
      batchInvariant,
    };
  }

  /** How the decodes of a step are split; `maxLen` is their longest. Pure. */
  plan(sequences: number, maxLen: number): SplitStep {
    const seen = Math.min(maxLen, this.#mostKeys);
    return { sequences, ...planSplit({ ...this.#rule, numSequences: sequences, maxLen: seen }) };
  }

  /** Bytes for the partial results of any step that a batch admits. */
  workspaceBytes({ maxSequences, maxBlocksPerSequence, blockSize }: Required<BatchLimits>): number {
    const { numHeads, headSize } = this.#config;
    const maxLen = Math.min(maxBlocksPerSequence * blockSize, this.#mostKeys);
    const segments = mostSegments(this.#rule, maxSequences, maxLen);
    return partialBytes(segments * numHeads, headSize);
  }

  launch(
    call: AttentionCall,
    batch: Batch,
    split: SplitStep,
    alibiSlopes: bigint,
    workspace: bigint,
    stream: Stream,
  ): void {
    const { numHeads, numKvHeads } = this.#config;
    for (const { bind, partials } of [this.#attend, this.#reduce]) {
      bind(call, batch, alibiSlopes);
      partials(workspace, split.sequences * numHeads, split);
    }
    const tiles = split.sequences * this.#rule.tilesPerSequence;
    this.#attend.plan.launch(stream, numKvHeads, tiles, split.maxSegments);
    this.#reduce.plan.launch(stream, split.sequences, numHeads);
  }
}

function bindParts(plan: LaunchPlan, config: ResolvedConfig) {
  const bind = bindArguments(plan, config);
  const partials = bindPartials(plan, config.headSize);
  plan.complete();
  return { plan, bind, partials };
}
