import type { Batch } from "../batch/batch.js";
import type { ResolvedConfig } from "../config.js";
import type { Stream } from "../device/stream.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { bindMlaArguments } from "./mla-arguments.js";
import type { MlaCall } from "./mla-call.js";
import type { LatentQuery } from "./mla-decoder.js";
import type { RequestLists } from "./mla-requests.js";

/** The columns of each product's result, by the argument that lies in latent space. */
const WIDTHS = { query_latent: 512, latent_output: 128 } as const;

/** So many workgroups keep memory busy. */
const ENOUGH_WORKGROUPS = 256;

/**
 * mla_query_product or mla_value_product: takes W_UK into the queries of decodes, or W_UV into their results. `latents` is the
 * name of the argument that lies in latent space.
 */
export class MlaProduct {
  readonly #tiles;
  readonly #numHeads: number;
  readonly #batchInvariant: boolean;

  /** `plans`: the same kernel for tiles of few and of many tokens. */
  constructor(
    plans: readonly LaunchPlan[],
    config: ResolvedConfig,
    private readonly latents: keyof typeof WIDTHS,
  ) {
    this.#numHeads = config.numHeads;
    this.#batchInvariant = config.batchInvariant;
    this.#tiles = plans.map((plan) => {
      const bind = bindMlaArguments(plan, config);
      const optional = (name: string) => (plan.argumentNames.includes(name) ? plan.setter(name) : undefined);
      const bound = {
        plan,
        bind,
        latents: plan.setter(latents),
        count: plan.setter("decode_count"),
        heads: optional("latent_heads"),
        width: optional("latent_width"),
      };
      plan.complete();
      return { ...bound, rows: plan.row.tile.rows!, columns: plan.row.tile.columns! };
    });
    this.#tiles.sort((one, other) => one.rows - other.rows);
  }

  /** `tokens`: of all decodes; their latents lie at `latents.at`, [tokens, heads, width]. */
  launch(
    call: MlaCall,
    batch: Batch,
    lists: RequestLists,
    tokens: number,
    latents: LatentQuery & { readonly at: bigint },
    stream: Stream,
  ): void {
    const tile = this.#tileFor(tokens);
    tile.bind(call, batch, lists);
    tile.latents(latents.at);
    tile.heads?.(latents.heads);
    tile.width?.(latents.width);
    tile.count(tokens);
    const columns = WIDTHS[this.latents] / tile.columns;
    tile.plan.launch(stream, columns, this.#numHeads, Math.ceil(tokens / tile.rows));
  }

  /**
   * The largest tile, unless it makes too few workgroups: the more often the smallest reads the weights again, the fewer are
   * enough.
   */
  #tileFor(tokens: number) {
    const [smallest, largest] = [this.#tiles[0]!, this.#tiles.at(-1)!];
    const tilesOf = ({ rows }: { rows: number }) => (this.#batchInvariant ? 1 : Math.ceil(tokens / rows));
    const workgroups = (this.#numHeads * WIDTHS[this.latents] * tilesOf(largest)) / largest.columns;
    const readings = tilesOf(smallest) / tilesOf(largest);
    return workgroups >= ENOUGH_WORKGROUPS / readings ? largest : smallest;
  }
}
