import type { Batch } from "../batch/batch.js";
import type { ResolvedConfig } from "../config.js";
import type { Stream } from "../device/stream.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import type { CallWithLse } from "./fmha.js";
import type { GatherRanges } from "./gather.js";
import { bindMlaArguments } from "./mla-arguments.js";
import type { MlaCall } from "./mla-call.js";
import type { RequestLists } from "./mla-requests.js";

/** A call of dense attention over keys and values that are made of the latents of another, of latent attention. */
export interface ExpandedCall extends CallWithLse {
  readonly latent: { readonly call: MlaCall; readonly batch: Batch; readonly lists: RequestLists };
}

/** mla_join_query: puts the two parts of each head's query, [128] and [64], side by side. */
export class MlaJoinQuery {
  readonly #bind;
  readonly #query;
  readonly #tiles: number;

  constructor(
    private readonly plan: LaunchPlan,
    config: ResolvedConfig,
  ) {
    this.#bind = bindMlaArguments(plan, config);
    this.#query = plan.setter("query");
    this.#tiles = Math.ceil(config.numHeads / plan.row.tile.heads!);
    plan.complete();
  }

  /** Writes [tokens, heads, 192] to `query`. */
  launch(
    call: MlaCall,
    batch: Batch,
    lists: RequestLists,
    query: bigint,
    tokens: number,
    stream: Stream,
  ): void {
    this.#bind(call, batch, lists);
    this.#query(query);
    this.plan.launch(stream, tokens, this.#tiles);
  }
}

/** mla_up_projection: makes dense keys [rows, heads, 192] and values [rows, heads, 128] of ranges of positions of a latent cache. */
export class MlaUpProjection {
  readonly #bind;
  readonly #set;
  readonly #numHeads: number;

  constructor(
    private readonly plan: LaunchPlan,
    config: ResolvedConfig,
  ) {
    this.#numHeads = config.numHeads;
    this.#bind = bindMlaArguments(plan, config);
    const names = ["key", "value", "group_table", "starts", "row_starts", "num_sequences", "num_rows"];
    this.#set = names.map((name) => plan.setter(name));
    plan.complete();
  }

  /** Writes to the call's keys and values. */
  launch({ key, value, latent }: ExpandedCall, ranges: GatherRanges, stream: Stream): void {
    const { blockTable, starts, rowStarts, sequences, rows } = ranges;
    this.#bind(latent.call, latent.batch, latent.lists);
    const values = [key!.pointer, value!.pointer, blockTable, starts, rowStarts, sequences, rows];
    for (const [index, set] of this.#set.entries()) set(values[index]!);
    const { columns, rows: tileRows } = this.plan.row.tile;
    this.plan.launch(stream, (128 + 128) / columns!, this.#numHeads, Math.ceil(rows / tileRows!));
  }
}
