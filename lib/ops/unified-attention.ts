import type { Batch } from "../batch/batch.js";
import type { StepShape } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import type { DeviceInfo } from "../device/context.js";
import type { Stream } from "../device/stream.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { bindArguments } from "./arguments.js";
import type { AttentionCall } from "./call.js";
import { xcdsToDealTo } from "./xcds.js";

/** Rows (query tokens x heads of a KV head) from which a larger tile pays. */
const LARGE_TILE_ROWS = 32;
/** Workgroups with more of which a compute unit is busy: then the largest tile pays, which reads keys for the most rows. */
const BUSY_WORKGROUPS = 2;

/** The part of a step that one launch of unified attention does. */
export interface UnifiedStep {
  readonly sequences: number;
  readonly tokens: number;
  /** Sequences with fewer query tokens are left out. */
  readonly minQueryLen: number;
  /** Rows (query tokens x heads of a KV head) of the tile to use. */
  readonly tileRows: number;
}

/** unified_attention_2d: prefill and decode over a paged cache, by tiles of rows (query tokens x heads of a KV head). */
export class UnifiedAttention {
  readonly #tiles;
  readonly #numKvHeads: number;
  readonly #queriesPerKv: number;
  readonly #batchInvariant: boolean;
  readonly #computeUnits: number;

  /** `plans`: the same kernel in different tiles. */
  constructor(
    plans: readonly LaunchPlan[],
    config: ResolvedConfig,
    { computeUnits, xcds }: Pick<DeviceInfo, "computeUnits" | "xcds">,
  ) {
    this.#computeUnits = computeUnits;
    this.#numKvHeads = config.numKvHeads;
    this.#queriesPerKv = config.numHeads / config.numKvHeads;
    this.#batchInvariant = config.batchInvariant;
    this.#tiles = plans.map((plan) => {
      const bind = bindArguments(plan, config);
      // Tiles of a KV head share its keys; in the grid the heads stand side by side.
      plan.set({ xcds: xcdsToDealTo({ groups: config.numKvHeads, stride: config.numKvHeads, xcds }) });
      const minQueryLen = plan.setter("min_query_len");
      const sequences = plan.setter("num_sequences");
      plan.complete();
      return { plan, bind, minQueryLen, sequences, rows: plan.row.tile.rows! };
    });
    this.#tiles.sort((one, other) => one.rows - other.rows);
  }

  /**
   * Rows of the tile for a step: the smallest for a few rows, the largest where its workgroups fill the device, else the one
   * between them; always the largest where a sequence must not depend on others. Pure.
   */
  tileRowsFor({
    sequences,
    tokens,
    maxQueryLen,
  }: Pick<StepShape, "sequences" | "tokens" | "maxQueryLen">): number {
    const rows = this.#tiles.map((tile) => tile.rows);
    const largest = rows.at(-1)!;
    if (this.#batchInvariant) return largest;
    if (maxQueryLen * this.#queriesPerKv < LARGE_TILE_ROWS) return rows[0]!;
    const workgroups = this.#queryTiles(largest, tokens, sequences) * this.#numKvHeads;
    return workgroups > BUSY_WORKGROUPS * this.#computeUnits ? largest : (rows[1] ?? largest);
  }

  launch(call: AttentionCall, batch: Batch, step: UnifiedStep, alibiSlopes: bigint, stream: Stream): void {
    const tile = this.#tiles.find(({ rows }) => rows === step.tileRows)!;
    tile.bind(call, batch, alibiSlopes);
    tile.minQueryLen(step.minQueryLen);
    tile.sequences(step.sequences);
    const tiles = this.#queryTiles(tile.rows, step.tokens, step.sequences);
    tile.plan.launch(stream, this.#numKvHeads, tiles);
  }

  /** Tiles of a step's rows, at most. */
  #queryTiles(rows: number, tokens: number, sequences: number): number {
    return Math.floor((tokens * this.#queriesPerKv) / rows) + sequences;
  }
}
