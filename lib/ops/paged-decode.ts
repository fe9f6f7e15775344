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

/** Keys that lie in one block; segments begin with one such piece. */
const PIECE_KEYS = 16;

/** The part of a step that paged decode does. */
export interface PagedStep extends Split {
  readonly sequences: number;
  /** Of a sequence at most: those with more query tokens are left out. */
  readonly queryTokens: number;
}

/**
 * paged_attention and paged_attention_reduce: sequences with one or a few query tokens, split over their keys, with fp32
 * partial results in the workspace. A sequence of one segment needs neither: its result goes straight to the output.
 */
export class PagedDecode {
  /** By rows of the tile. */
  readonly #attends;
  readonly #reduce;
  readonly #config: ResolvedConfig;
  readonly #computeUnits: number;

  /** `attends`: the same kernel in tiles of different rows. */
  constructor(
    attends: readonly LaunchPlan[],
    reduce: LaunchPlan,
    config: ResolvedConfig,
    { computeUnits, xcds }: Pick<DeviceInfo, "computeUnits" | "xcds">,
  ) {
    this.#attends = attends.map((plan) => {
      const setSequences = plan.set({ xcds }).setter("num_sequences");
      return { ...bind(plan, config), setSequences, rows: plan.row.tile.rows! };
    });
    this.#attends.sort((one, other) => one.rows - other.rows);
    this.#reduce = bind(reduce, config);
    this.#config = config;
    this.#computeUnits = computeUnits;
  }

  /** How the decodes of a step are split; `maxLen` is the longest sequence, and each has at most `queryTokens` queries. Pure. */
  plan(sequences: number, queryTokens: number, maxLen: number): PagedStep {
    const split = planSplit({
      ...this.#rule(queryTokens),
      numSequences: sequences,
      maxLen: Math.min(maxLen, this.#mostKeys(queryTokens)),
    });
    return { sequences, queryTokens, ...split };
  }

  /** Bytes for the partial results of any step that a batch admits, of sequences with at most `queryTokens` queries. */
  workspaceBytes(limits: Required<BatchLimits>, queryTokens: number): number {
    const { numHeads, headSize } = this.#config;
    const keys = limits.maxBlocksPerSequence * limits.blockSize;
    // With fewer queries there may be fewer tiles, and so more segments.
    const rows = Array.from({ length: queryTokens }, (_, index) => {
      const maxLen = Math.min(keys, this.#mostKeys(index + 1));
      return (index + 1) * mostSegments(this.#rule(index + 1), limits.maxSequences, maxLen);
    });
    return partialBytes(Math.max(...rows) * numHeads, headSize);
  }

  launch(
    call: AttentionCall,
    batch: Batch,
    step: PagedStep,
    alibiSlopes: bigint,
    workspace: bigint,
    stream: Stream,
  ): void {
    const { sequences, queryTokens, maxSegments } = step;
    const { numHeads, numKvHeads, headSize } = this.#config;
    const set = ({ bind, partials, setQueryTokens }: Bound) => {
      bind(call, batch, alibiSlopes);
      setQueryTokens(queryTokens);
      partials(workspace, sequences * queryTokens * numHeads, step);
    };
    const attend = this.#attend(queryTokens);
    set(attend);
    attend.setSequences(sequences);
    attend.plan.launch(stream, sequences * maxSegments * numKvHeads * this.#tiles(queryTokens));
    if (maxSegments === 1) return;
    const { plan } = this.#reduce;
    set(this.#reduce);
    plan.launch(stream, sequences * queryTokens, numHeads, headSize / plan.row.tile.slice!);
  }

  /** Keys that a sequence's queries can look at: the window of the first begins anywhere in a piece. */
  #mostKeys(queryTokens: number): number {
    const { slidingWindow } = this.#config;
    if (slidingWindow === null) return Number.POSITIVE_INFINITY;
    return slidingWindow + queryTokens - 1 + PIECE_KEYS - 1;
  }

  /** Rows (query tokens x heads of a KV head) of a sequence. */
  #rows(queryTokens: number): number {
    return (queryTokens * this.#config.numHeads) / this.#config.numKvHeads;
  }

  /** The kernel in the smallest tile that holds a sequence's rows, else in the largest. */
  #attend(queryTokens: number) {
    const needed = this.#rows(queryTokens);
    return this.#attends.find(({ rows }) => rows >= needed) ?? this.#attends.at(-1)!;
  }

  /** Tiles of rows of a sequence. */
  #tiles(queryTokens: number): number {
    return Math.ceil(this.#rows(queryTokens) / this.#attend(queryTokens).rows);
  }

  /** The entries of `planSplit` that do not change from step to step. */
  #rule(queryTokens: number) {
    const { numKvHeads, batchInvariant } = this.#config;
    return {
      numKvHeads,
      tilesPerSequence: this.#tiles(queryTokens),
      computeUnits: this.#computeUnits,
      busyWorkgroups: 1,
      tileKeys: 1, // segments are even, to a piece
      batchInvariant,
    };
  }
}

type Bound = ReturnType<typeof bind>;

function bind(plan: LaunchPlan, config: ResolvedConfig) {
  const bound = {
    plan,
    bind: bindArguments(plan, config),
    partials: bindPartials(plan, config.headSize),
    setQueryTokens: plan.setter("query_tokens"),
  };
  plan.complete();
  return bound;
}
