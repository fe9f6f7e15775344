import type { Batch } from "../batch/batch.js";
import type { ResolvedConfig } from "../config.js";
import type { Stream } from "../device/stream.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { bindArguments, type DenseCall } from "./arguments.js";

/** CK-tile's mask whose corner is the last query's last key: a query sees what is not behind it, within its window. */
const BOTTOM_RIGHT = 2;

/** The most keys of a sequence with ALiBi: CK-tile counts distances in 16 bits. */
export const MAX_ALIBI_KEYS = 65_535;

function constants(
  { slidingWindow, logitsSoftCap, alibiSlopes }: ResolvedConfig,
  valueHeadSize: number,
): Record<string, number | bigint> {
  return {
    value_head_size: valueHeadSize,
    // Without a window ALiBi would count from the first key, which shifts a row's scores, and with them its LSE.
    window_left: Math.min(slidingWindow ?? (alibiSlopes === null ? 0 : MAX_ALIBI_KEYS), 2 ** 31 - 1) - 1,
    window_right: 0,
    mask_type: BOTTOM_RIGHT,
    inverse_soft_cap: logitsSoftCap === null ? 0 : 1 / logitsSoftCap,
    alibi_slope_stride: 0, // the same slopes for all sequences
    nhead_stride_lse: 0, // the kernel knows how an LSE lies
    batch_stride_lse: 0,
    // Lengths are each sequence's own, in memory.
    seqlen_q: 0,
    seqlen_k: 0,
    cu_seqlen_q_ptr: 0n,
    cu_seqlen_k_ptr: 0n,
    is_gappy: 0,
  };
}

/** A call with memory for its LSEs, float32 [tokens, numHeads]: CK-tile's kernels always write them. */
export type CallWithLse = DenseCall & { readonly lse: NonNullable<DenseCall["lse"]> };

/** Sequences of dense keys and values. Addresses are of int32, one for each sequence and, of the starts, one behind the last. */
export interface DenseSequences {
  readonly queryStartLoc: bigint;
  /** Query tokens; 0: the sequence is left out. */
  readonly queryLens: bigint;
  readonly keyStartLoc: bigint;
  readonly keyLens: bigint;
  readonly sequences: number;
  readonly maxQueryLen: number;
  /** Keys behind those that are there; 0: the last is that of the last query token. */
  readonly keysBehind: number;
}

/** fmha_forward: attention of CK-tile over the keys and values of a call, or of others in their place. */
export class FmhaForward {
  readonly #bind;
  readonly #starts;
  readonly #numHeads: number;

  constructor(
    private readonly plan: LaunchPlan,
    config: ResolvedConfig,
    valueHeadSize = config.headSize,
  ) {
    this.#numHeads = config.numHeads;
    plan.set(constants(config, valueHeadSize));
    this.#bind = bindArguments(plan, config);
    this.#starts = {
      queryStartLoc: plan.setter("query_start_loc"),
      queryLens: plan.setter("query_lens"),
      keyStartLoc: plan.setter("key_start_loc"),
      keyLens: plan.setter("key_lens"),
      keysBehind: plan.setter("window_right"),
    };
    plan.complete();
  }

  launch(call: CallWithLse, batch: Batch, of: DenseSequences, alibiSlopes: bigint, stream: Stream): void {
    this.#bind(call, batch, alibiSlopes);
    this.#starts.queryStartLoc(of.queryStartLoc);
    this.#starts.queryLens(of.queryLens);
    this.#starts.keyStartLoc(of.keyStartLoc);
    this.#starts.keyLens(of.keyLens);
    this.#starts.keysBehind(of.keysBehind);
    const tiles = Math.ceil(of.maxQueryLen / this.plan.row.tile.rows!);
    this.plan.launch(stream, this.#numHeads, of.sequences, tiles);
  }
}

/** The sequences of a step that attend over the cache: those with more query tokens than a decode. */
export interface PagedSequences {
  readonly sequences: number;
  readonly maxQueryLen: number;
  /** Those with a context alone. */
  readonly extendsOnly: boolean;
}

/** fmha_forward_paged: attention of CK-tile over the cache, for sequences with more than `longestSkipped` query tokens. */
export class FmhaPaged {
  readonly #bind;
  readonly #extendsOnly;
  readonly #numHeads: number;

  constructor(
    private readonly plan: LaunchPlan,
    config: ResolvedConfig,
    longestSkipped: number,
  ) {
    this.#numHeads = config.numHeads;
    plan.set({ ...constants(config, config.headSize), min_seqlen_q: longestSkipped, key_start_loc: 0n });
    this.#bind = bindArguments(plan, config);
    this.#extendsOnly = plan.setter("extends_only");
    plan.complete();
  }

  launch(
    call: CallWithLse,
    batch: Batch,
    { sequences, maxQueryLen, extendsOnly }: PagedSequences,
    stream: Stream,
  ): void {
    this.#bind(call, batch);
    this.#extendsOnly(extendsOnly ? 1 : 0);
    const tiles = Math.ceil(maxQueryLen / this.plan.row.tile.rows!);
    this.plan.launch(stream, this.#numHeads, sequences, tiles);
  }
}
