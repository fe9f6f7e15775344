import { checkInstance, checkOptions } from "../arguments.js";
import type { ResolvedConfig } from "../config.js";
import type { Stream } from "../device/stream.js";
import { Tensor } from "../device/tensor.js";
import { invalidArgument } from "../errors.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import type { KvCacheLayer } from "../kv-cache/layer.js";
import { bindCache, type CacheAccess } from "./arguments.js";
import { checkAccess, checkMetadata, operationFor } from "./cache-access.js";
import type { OnDevice } from "./operands.js";

/** Ranges of positions, one of each sequence, whose tokens become consecutive rows. Addresses are of int32. */
export interface GatherRanges {
  /** [sequences, strideTable]: the block ids of each sequence. */
  readonly blockTable: bigint;
  readonly strideTable: number;
  /** [sequences]: the first position. */
  readonly starts: bigint;
  /** [sequences + 1]: the row of the first position, and behind the last sequence the number of rows. */
  readonly rowStarts: bigint;
  readonly sequences: number;
  /** Rows that the outputs have; those behind the last range are left as they are. */
  readonly rows: number;
}

/**
 * gather_cache: makes dense keys and values of ranges of positions. Times their scales, where the cache is fp8. Block ids
 * are bounded by the cache: rows of others are left as they are.
 */
export class Gather {
  readonly #bind;
  readonly #ranges;
  readonly #tokens: number;

  constructor(
    private readonly plan: LaunchPlan,
    private readonly config: Pick<ResolvedConfig, "numKvHeads" | "headSize" | "blockSize">,
  ) {
    plan.set({ head_size: config.headSize, block_size: config.blockSize });
    this.#bind = bindCache(plan);
    this.#ranges = [
      ["blockTable", plan.setter("block_table")],
      ["strideTable", plan.setter("stride_table")],
      ["starts", plan.setter("starts")],
      ["rowStarts", plan.setter("row_starts")],
      ["sequences", plan.setter("num_sequences")],
      ["rows", plan.setter("num_rows")],
    ] as const;
    this.#tokens = plan.row.tile.tokens!;
    plan.complete();
  }

  /** Writes to `access.key` and `access.value`. */
  launch(access: CacheAccess, ranges: GatherRanges, stream: Stream): void {
    this.#bind(access);
    for (const [name, set] of this.#ranges) set(ranges[name]);
    this.plan.launch(stream, Math.ceil(ranges.rows / this.#tokens), this.config.numKvHeads);
  }
}

/** Ranges of a layer's cache, and the dense tensors that they become. */
export interface GatherCacheOptions {
  /** The layer's cache. */
  cache: KvCacheLayer;
  /** int32 [sequences, blocks]: the block ids of each sequence, first to last. */
  blockTable: Tensor;
  /** int32 [sequences]: the position of the first token of each range. */
  starts: Tensor;
  /** int32 [sequences + 1], ascending: the row of the first token of each range, where the one before it ends. */
  rowStarts: Tensor;
  /** [rows, numKvHeads, headSize] in bfloat16 or float16. Rows of no range, or of no block of the cache, stay as they are. */
  key: Tensor;
  /** As `key`: same shape, dtype and rules. */
  value: Tensor;
  /** Of an fp8 cache, whose numbers times these are the keys and values. A positive number or float32 [1]; default 1. */
  kScale?: Tensor | number | undefined;
  /** As `kScale`, of the values. */
  vScale?: Tensor | number | undefined;
  /** Default: the device's default stream. */
  stream?: Stream | undefined;
}

const KEYS = [
  ...(["cache", "blockTable", "starts", "rowStarts", "key", "value"] as const),
  ...(["kScale", "vScale", "stream"] as const),
];

/**
 * Makes dense keys and values of a range of positions of each sequence, of a cache of any layout for keys and values.
 * Enqueues and returns; may be captured. The first call of a kind loads a kernel and blocks. The tables lie on the device:
 * block ids are bounded there, positions taken on trust. ERR_INVALID_ARGUMENT, ERR_DISPOSED, ERR_NO_KERNELS_FOR_ARCH.
 */
export function gatherCache(options: GatherCacheOptions): void {
  const { blockTable, starts, rowStarts, stream: named, ...given } = checkOptions(options, KEYS);
  const [rows = 0] = checkInstance(given.key, "key", Tensor).shape;
  const access = checkAccess(given, ["paired", "halves", "split", "shuffled"], rows);
  const at = access.key;
  const ranges = checkRanges({ blockTable, starts, rowStarts }, at);
  const stream = at.device.streamOf(named);
  if (rows === 0 || ranges.sequences === 0) return;
  const gather = operationFor("gather_cache", access, (plan, of) => new Gather(plan, of));
  gather.launch(access, { ...ranges, rows }, stream);
}

/** Checks the tables of ranges. */
export function checkRanges(
  { blockTable, starts, rowStarts }: Readonly<Record<"blockTable" | "starts" | "rowStarts", unknown>>,
  at: OnDevice,
): Omit<GatherRanges, "rows"> {
  const table = checkMetadata(blockTable, "blockTable", at, "int32", 2);
  const [sequences, strideTable] = table.shape as [number, number];
  const first = checkMetadata(starts, "starts", at, "int32", 1);
  if (first.shape[0] !== sequences) {
    throw invalidArgument("starts", `${sequences} positions, as blockTable has rows`, first.shape[0]);
  }
  const ends = checkMetadata(rowStarts, "rowStarts", at, "int32", 1);
  if (ends.shape[0] !== sequences + 1)
    throw invalidArgument("rowStarts", `${sequences + 1} rows`, ends.shape[0]);
  const tables = { blockTable: table.pointer, starts: first.pointer, rowStarts: ends.pointer };
  return { ...tables, strideTable, sequences };
}
