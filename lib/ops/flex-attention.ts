import type { Batch } from "../batch/batch.js";
import type { BatchLimits, StepShape } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import type { DeviceInfo } from "../device/context.js";
import type { Stream } from "../device/stream.js";
import type { NativeForm } from "../flex/native.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { bindArguments } from "./arguments.js";
import type { AttentionCall } from "./call.js";
import { type FlexMetadata, flexTiles } from "./flex-block-mask.js";
import { bindPartials, partialBytes } from "./partials.js";
import { mostSegments, planSplit, type Split } from "./split.js";

/** More keys than any sequence has. */
const ALL = 2 ** 31 - 1;

/** A whole sequence in one segment. */
const WHOLE: Split = { segmentTokens: ALL, maxSegments: 1 };

/** A step: all of it in one launch, or its decodes in segments. */
export interface FlexStep {
  readonly sequences: number;
  readonly tokens: number;
  readonly split: Split;
}

/** The addresses that a launch finds its mask and scores at. */
export interface FlexInputs {
  /** Of a program; null: the kernel is the native one. */
  readonly metadata: FlexMetadata | null;
  /** ALiBi slopes of the native kernel, float32 [numHeads]; 0n: none. */
  readonly slopes: bigint;
  /** For partial results. */
  readonly workspace: bigint;
}

/**
 * flex_attention: prefill and decode over a paged cache of any block size, by a program or by the options that it amounts to;
 * and reduce_segments, where a step of decodes alone is split over its keys, with fp32 partial results in the workspace.
 */
export class FlexAttention {
  readonly #attend;
  readonly #reduce;
  readonly #setSequences;
  readonly #setMetadata;
  /** The entries of `planSplit` that do not change. */
  readonly #rule;

  /**
   * `reduce`: null where nothing merges segments. `form`: what the configuration's functions amount to for the native
   * kernel; null: it has none, or a program runs.
   */
  constructor(
    { attend, reduce }: { readonly attend: LaunchPlan; readonly reduce: LaunchPlan | null },
    private readonly config: ResolvedConfig,
    form: NativeForm | null,
    { computeUnits }: Pick<DeviceInfo, "computeUnits">,
  ) {
    this.#attend = bind(attend, config);
    this.#reduce = reduce === null ? null : bind(reduce, config);
    // Segments begin with the sequence, whatever its functions show.
    reduce?.set({ window: ALL }).complete();
    const { rows, keys } = attend.row.tile;
    this.#rule = {
      ...{ numKvHeads: config.numKvHeads, computeUnits, busyWorkgroups: 1, tileKeys: keys! },
      tilesPerSequence: Math.ceil(config.numHeads / config.numKvHeads / rows!),
      batchInvariant: false, // then there is no reduction
    };
    if (form !== null) {
      const { window, causal, softCap } = form;
      attend.set({ window: window ?? ALL, ahead: causal ? 0 : ALL, logits_soft_cap: softCap ?? 0 });
    }
    this.#setSequences = attend.setter("num_sequences");
    const program = attend.setter("program");
    const mask = attend.setter("block_mask");
    const perHead = attend.setter("mask_per_head");
    const tiles = attend.setter("mask_tiles");
    const blocks = attend.setter("mask_blocks");
    this.#setMetadata = (metadata: FlexMetadata) => {
      program(metadata.program.pointer);
      mask(metadata.mask.pointer);
      perHead(metadata.shape.planes > 1 ? 1 : 0);
      tiles(metadata.shape.tiles);
      blocks(metadata.shape.blocks);
    };
    attend.complete();
  }

  /** Splits steps of decodes alone, where something merges their segments. Pure. */
  plan({ sequences, tokens, maxQueryLen, maxSeqLen }: StepShape): FlexStep {
    const isSplit = this.#reduce !== null && maxQueryLen === 1;
    const split = isSplit ? planSplit({ ...this.#rule, numSequences: sequences, maxLen: maxSeqLen }) : WHOLE;
    return { sequences, tokens, split: split.maxSegments === 1 ? WHOLE : split };
  }

  /** Bytes for the partial results of any step that a batch admits. */
  workspaceBytes({ maxSequences, maxBlocksPerSequence, blockSize }: Required<BatchLimits>): number {
    if (this.#reduce === null) return 0;
    const segments = mostSegments(this.#rule, maxSequences, maxBlocksPerSequence * blockSize);
    return partialBytes(segments * this.config.numHeads, this.config.headSize);
  }

  launch(
    call: AttentionCall,
    batch: Batch,
    { sequences, tokens, split }: FlexStep,
    { metadata, slopes, workspace }: FlexInputs,
    stream: Stream,
  ): void {
    const { numHeads, numKvHeads } = this.config;
    const set = ({ bind, partials }: Bound) => {
      bind(call, batch, slopes);
      partials(workspace, sequences * numHeads, split);
    };
    const { plan } = this.#attend;
    set(this.#attend);
    this.#setSequences(sequences);
    if (metadata !== null) this.#setMetadata(metadata);
    plan.launch(stream, numKvHeads, flexTiles(plan, tokens, sequences, this.config), split.maxSegments);
    if (split.maxSegments === 1) return;
    set(this.#reduce!);
    this.#reduce!.plan.launch(stream, sequences, numHeads);
  }
}

type Bound = ReturnType<typeof bind>;

function bind(plan: LaunchPlan, config: ResolvedConfig) {
  return { plan, bind: bindArguments(plan, config), partials: bindPartials(plan, config.headSize) };
}
