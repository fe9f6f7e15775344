import type { Batch } from "../batch/batch.js";
import type { ResolvedConfig } from "../config.js";
import type { Stream } from "../device/stream.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { bindArguments, bindSources, type DenseCall, type Rows } from "./arguments.js";

const ITEM_BYTES = 2;
/** Bytes from row to row of the output, which the kernels multiply in 24 bits with a sign. */
const MAX_OUTPUT_STRIDE_BYTES = 2 ** 23 - 1;

/**
 * How tiles follow each other where a kernel loads keys ahead, and must not ahead of the first: with an odd number the second
 * tile of a causal workgroup goes through its keys backwards.
 */
const FORWARD = 4;

/** The longest prompt that AITER leaves to other kernels. */
const LONGEST_LEFT = 128;

const OPERANDS = ["query", "key", "value", "output"] as const;

type StrideSource = (call: DenseCall) => number;

/** Strides in bytes, "stride_key_token_bytes"; sequences are told apart by where they begin, and not by a stride. */
const STRIDES: Readonly<Record<string, StrideSource>> = Object.fromEntries(
  OPERANDS.flatMap((name): [string, StrideSource][] => [
    [`stride_${name}_token_bytes`, (call) => ITEM_BYTES * call[name]!.strides[0]!],
    [`stride_${name}_head_bytes`, (call) => ITEM_BYTES * call[name]!.strides[1]!],
  ]),
);

/** Sequences of dense queries, keys and values. Addresses are of int32 [sequences + 1]. */
export interface RaggedSequences {
  /** The first row of each sequence. */
  readonly queryStartLoc: bigint;
  readonly keyStartLoc: bigint;
  /** The lengths before each sequence's, summed up; a sequence without query tokens is left out. */
  readonly cumulativeQueryLens: bigint;
  readonly cumulativeKeyLens: bigint;
  readonly sequences: number;
  readonly maxQueryLen: number;
}

/** A log-sum-exp, float32 [numHeads, rows]. */
export interface HeadMajorLse {
  readonly pointer: bigint;
  readonly rows: number;
}

/**
 * fmha_v3 of AITER: attention in assembly over dense keys and values. With a causal kernel a query sees no key behind its own.
 * A kernel whose tile has `keysBehind` takes any lengths; so many rows of memory must lie behind the last key and value, and what
 * lies between them must be finite.
 */
export class FmhaV3 {
  readonly #plan: LaunchPlan;
  readonly #isCausal: boolean;
  readonly #config: ResolvedConfig;
  readonly #set;

  /** `plans`: the same kernel as it is tuned for each chip. */
  constructor(plans: readonly LaunchPlan[], config: ResolvedConfig, chipId: number) {
    const plan =
      plans.find(({ row }) => row.chips?.includes(chipId)) ??
      plans.find(({ row }) => row.chips === undefined)!;
    const { numHeads } = config;
    const { headSizes } = plan.row.serves;
    const [headSize, valueHeadSize] =
      headSizes !== undefined && "pairs" in headSizes
        ? headSizes.pairs[0]!
        : [config.headSize, config.headSize];
    this.#plan = plan;
    this.#config = config;
    this.#isCausal = plan.row.operation.includes("causal");
    plan.set({
      ...{ num_heads: numHeads, head_size: headSize, value_head_size: valueHeadSize },
      // Lengths are each sequence's own, in memory.
      ...{ max_query_len: 0, max_key_len: 0 },
      ...Object.fromEntries(OPERANDS.map((name) => [`stride_${name}_batch_bytes`, 0])),
    });
    const setter = (name: string) => plan.setter(name);
    this.#set = {
      operands: bindArguments(plan, config),
      strides: bindSources(plan, STRIDES),
      queryTile: setter("stride_query_tile_bytes"),
      tuning: setter("tuning"),
      lse: setter("lse"),
      writeLse: setter("write_lse"),
      lseStride: setter("stride_lse_head_bytes"),
      queryStartLoc: setter("query_start_loc"),
      keyStartLoc: setter("key_start_loc"),
      cumulativeQueryLens: setter("cumulative_query_lens"),
      cumulativeKeyLens: setter("cumulative_key_lens"),
    };
    plan.complete();
  }

  /**
   * The first rows of a prompt that the kernel takes, a multiple of its tile of keys. It loads whole tiles, and a few ahead: with
   * other lengths keys and values behind the prompt would come into it, and there need not be memory. As in AITER, prompts of
   * up to 128 tokens are other kernels'.
   */
  rowsOf(promptLen: number): number {
    const { keys, leastKeys } = this.#plan.row.tile;
    const whole = promptLen - (promptLen % keys!);
    return promptLen > LONGEST_LEFT && whole >= leastKeys! ? whole : 0;
  }

  /** Whether the kernel's 32-bit offsets reach all rows of a call. */
  reaches(call: DenseCall, queryTokens: number, keyTokens: number): boolean {
    const { numHeads, numKvHeads } = this.#config;
    const most = this.#plan.row.serves.maxPartBytes!;
    const isWithin = ({ strides }: Rows, rows: number, heads: number) =>
      ITEM_BYTES * (rows * strides[0]! + heads * strides[1]!) <= most;
    return (
      isWithin(call.query, queryTokens, numHeads) &&
      isWithin(call.output, queryTokens, numHeads) &&
      isWithin(call.key!, keyTokens, numKvHeads) &&
      isWithin(call.value!, keyTokens, numKvHeads) &&
      ITEM_BYTES * call.output.strides[0]! <= MAX_OUTPUT_STRIDE_BYTES &&
      4 * queryTokens * numHeads <= most
    );
  }

  launch(call: DenseCall, batch: Batch, of: RaggedSequences, lse: HeadMajorLse | null, stream: Stream): void {
    const set = this.#set;
    const { numHeads } = this.#config;
    const { rows, keysBehind } = this.#plan.row.tile;
    set.operands(call, batch);
    set.strides(call, batch, undefined);
    set.queryTile(rows! * ITEM_BYTES * call.query.strides[0]!);
    set.lse(lse?.pointer ?? 0n);
    set.writeLse(lse === null ? 0 : 1);
    set.lseStride(4 * (lse?.rows ?? 0));
    set.queryStartLoc(of.queryStartLoc);
    set.keyStartLoc(of.keyStartLoc);
    set.cumulativeQueryLens(of.cumulativeQueryLens);
    set.cumulativeKeyLens(of.cumulativeKeyLens);
    // AITER's rule for how tiles follow each other.
    const isPlain = this.#isCausal && (numHeads % 8 !== 0 || of.maxQueryLen > 16_384);
    set.tuning(keysBehind !== undefined ? FORWARD : isPlain ? 3 : 5);
    const tiles = Math.ceil(of.maxQueryLen / rows!);
    // A workgroup of a causal kernel takes a tile and the one as far from the other end, so that all have as much to do.
    this.#plan.launch(stream, numHeads, of.sequences, this.#isCausal ? Math.ceil(tiles / 2) : tiles);
  }
}
