import type { Batch } from "../batch/batch.js";
import type { BatchLimits } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import type { DeviceInfo } from "../device/context.js";
import type { Stream } from "../device/stream.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { bindMlaArguments } from "./mla-arguments.js";
import type { MlaCall } from "./mla-call.js";
import type { LatentQuery, LatentSpace, MlaDecoder } from "./mla-decoder.js";
import { type RequestLists, type Requests, requestLimits } from "./mla-requests.js";
import { bindPartials, partialBytes } from "./partials.js";
import { mostSegments, planSplit, type Split } from "./split.js";
import { xcdsToDealTo } from "./xcds.js";

/** Elements of the latents that queries are taken to, and that values are made of. */
const RANK = 512;
const WAVE_SIZE = 64;

/** The decodes of a step, split over their keys. */
export interface MlaDecodeStep extends Split {
  readonly sequences: number;
  readonly tokens: number;
  /** Of a sequence at most. */
  readonly queryTokens: number;
  /** Rows (query tokens x heads) of the tile to use. */
  readonly tileRows: number;
  /** Of the device, where the grid's order would not keep the tiles of a segment on one of them; else 1. */
  readonly xcds: number;
}

/** mla_decode and mla_reduce: a few query tokens of each sequence attend to latents, split over their keys. */
export class MlaDecode implements MlaDecoder<MlaDecodeStep, null> {
  readonly query: LatentQuery;
  readonly #tiles;
  readonly #reduce;
  readonly #config: ResolvedConfig;
  readonly #device: Pick<DeviceInfo, "computeUnits" | "xcds">;

  /** `attend`: the same kernel in different tiles of rows. */
  constructor(
    attend: readonly LaunchPlan[],
    reduce: LaunchPlan,
    config: ResolvedConfig,
    device: Pick<DeviceInfo, "computeUnits" | "xcds">,
  ) {
    this.query = { heads: config.numHeads, width: RANK };
    this.#config = config;
    this.#device = device;
    this.#tiles = attend.map((plan) => {
      const bound = bindParts(plan, config);
      const [queryLatent, xcds] = [plan.setter("query_latent"), plan.setter("xcds")];
      plan.complete();
      return { ...bound, queryLatent, xcds, rows: plan.row.tile.rows! };
    });
    this.#tiles.sort((one, other) => one.rows - other.rows);
    this.#reduce = {
      ...bindParts(reduce, config),
      latentOutput: reduce.setter("latent_output"),
    };
    reduce.complete();
  }

  /** How the decodes of a step are split; null: there are none. Pure. */
  plan({ decodes, decodeTokens, queryTokens, maxDecodeKeys }: Requests): MlaDecodeStep | null {
    if (decodes === 0) return null;
    const tileRows = this.#tileRowsFor(queryTokens);
    const split = planSplit({
      ...this.#rule(queryTokens, tileRows),
      numSequences: decodes,
      maxLen: maxDecodeKeys,
    });
    const { xcds } = this.#device;
    const sharing = { groups: Number.POSITIVE_INFINITY, stride: split.maxSegments * decodes, xcds };
    return {
      ...split,
      sequences: decodes,
      tokens: decodeTokens,
      queryTokens,
      tileRows,
      xcds: this.#tilesOf(queryTokens, tileRows) === 1 ? 1 : xcdsToDealTo(sharing),
    };
  }

  /** Bytes for the partial results of any step that a batch admits. */
  workspaceBytes(limits: Required<BatchLimits>): number {
    const { queryTokens, decodes, maxKeys } = requestLimits(limits);
    const rows = Array.from({ length: queryTokens }, (_, index) => {
      const rule = this.#rule(index + 1, this.#tileRowsFor(index + 1));
      return (index + 1) * mostSegments(rule, decodes, maxKeys);
    });
    return partialBytes(Math.max(...rows) * this.#config.numHeads, RANK);
  }

  prepare(): null {
    return null;
  }

  queryFor(): LatentQuery {
    return this.query;
  }

  launch(
    call: MlaCall,
    batch: Batch,
    lists: RequestLists,
    step: MlaDecodeStep,
    space: LatentSpace,
    _: null,
    stream: Stream,
  ): void {
    const { numHeads } = this.#config;
    const attend = this.#tiles.find(({ rows }) => rows === step.tileRows)!;
    for (const { bind, partials } of [attend, this.#reduce]) {
      bind(call, batch, lists);
      partials(space.partials, step.tokens * numHeads, step);
    }
    attend.queryLatent(space.query);
    attend.xcds(step.xcds);
    attend.plan.launch(
      stream,
      step.maxSegments,
      step.sequences,
      this.#tilesOf(step.queryTokens, step.tileRows),
    );
    this.#reduce.latentOutput(space.output);
    const { plan } = this.#reduce;
    plan.launch(stream, RANK / plan.row.tile.columns!, step.tokens, numHeads);
  }

  /** The smallest tile that holds a sequence's rows, else the largest. Fixed by the heads alone where splits are fixed. */
  #tileRowsFor(queryTokens: number): number {
    const { numHeads, batchInvariant } = this.#config;
    const rows = batchInvariant ? numHeads : queryTokens * numHeads;
    return (this.#tiles.find((tile) => tile.rows >= rows) ?? this.#tiles.at(-1)!).rows;
  }

  #tilesOf(queryTokens: number, tileRows: number): number {
    return Math.ceil((queryTokens * this.#config.numHeads) / tileRows);
  }

  /** The entries of `planSplit` that do not change from step to step. */
  #rule(queryTokens: number, tileRows: number) {
    const { row } = this.#tiles.find(({ rows }) => rows === tileRows)!.plan;
    return {
      numKvHeads: 1,
      tilesPerSequence: this.#tilesOf(queryTokens, tileRows),
      // A workgroup of four waves has a compute unit for itself; those of one wave fetch as fast as memory gives, if there are two.
      computeUnits: this.#device.computeUnits * (row.workgroupSize > WAVE_SIZE ? 1 : 2),
      busyWorkgroups: 1,
      tileKeys: row.tile.keys!,
      batchInvariant: this.#config.batchInvariant,
    };
  }
}

function bindParts(plan: LaunchPlan, config: ResolvedConfig) {
  return { plan, bind: bindMlaArguments(plan, config), partials: bindPartials(plan, RANK) };
}
