import type { Batch } from "../batch/batch.js";
import type { BatchLimits } from "../batch/step.js";
import type { ResolvedConfig } from "../config.js";
import type { Stream } from "../device/stream.js";
import { itemSize } from "../dtype.js";
import type { CallWithLse, FmhaForward } from "./fmha.js";
import type { GatherRanges } from "./gather.js";
import { type GatherGroup, type GatherRule, gatherLimits } from "./gather-groups.js";
import type { MergeStates, StateRows } from "./merge-states.js";

/** The part of a step that attends to gathered keys. */
export interface GatheredStep {
  readonly groups: readonly GatherGroup[];
  /** The lists that groups refer to, int32. */
  readonly lists: bigint;
  readonly maxQueryLen: number;
}

/** A maker of dense keys and values, of ranges of positions of a cache: where the call says that they lie. */
interface KeySource<Call> {
  launch(call: Call, ranges: GatherRanges, stream: Stream): void;
}

/** Elements of a head. */
interface HeadSizes {
  readonly key: number;
  readonly value: number;
}

/**
 * Attention over keys and values that are gathered from a cache first, group by group. The chunks of a sequence follow each
 * other, and each result is merged with that of the chunks before it.
 */
export class GatheredAttention<Call extends CallWithLse = CallWithLse> {
  /** Elements from token to token and from head to head, of results and of gathered keys and values. */
  readonly #resultStrides: readonly number[];
  readonly #keyStrides: readonly number[];
  readonly #valueStrides: readonly number[];

  constructor(
    private readonly gather: KeySource<Call>,
    private readonly forward: FmhaForward,
    private readonly merge: MergeStates,
    private readonly config: ResolvedConfig,
    private readonly rule: GatherRule,
    { key, value }: HeadSizes = { key: config.headSize, value: config.headSize },
  ) {
    const { numHeads, numKvHeads } = config;
    this.#resultStrides = [numHeads * value, value, 1];
    this.#keyStrides = [numKvHeads * key, key, 1];
    this.#valueStrides = [numKvHeads * value, value, 1];
  }

  /** Bytes for the gathered keys and values of any step within limits and, where it can have chunks, for their results. */
  workspaceBytes(limits: Required<BatchLimits>): number {
    const { keys, hasChunks } = gatherLimits(limits, this.rule);
    const gathered = keys * this.#bytesOfKey;
    if (!hasChunks) return gathered;
    return gathered + limits.maxTokens * (this.#bytesOf(this.#resultStrides) + this.#lseBytes);
  }

  launch(
    call: Call,
    batch: Batch,
    step: GatheredStep,
    alibiSlopes: bigint,
    workspace: bigint,
    stream: Stream,
  ): void {
    const results = workspace + BigInt(gatherLimits(batch.limits, this.rule).keys * this.#bytesOfKey);
    const { maxTokens } = batch.limits;
    const lses = results + BigInt(maxTokens * this.#bytesOf(this.#resultStrides));
    const { dtype } = call.output;
    const partial = {
      output: { pointer: results, strides: this.#resultStrides, dtype },
      lse: { pointer: lses },
    };
    for (const group of step.groups) {
      const { chunk, keys } = group;
      const key = { pointer: workspace, strides: this.#keyStrides };
      const values = workspace + BigInt(keys * this.#bytesOf(this.#keyStrides));
      const value = { pointer: values, strides: this.#valueStrides };
      const dense = { ...call, key, value };
      if (chunk === null || chunk.isFirst) {
        this.#attend(dense, batch, step, group, alibiSlopes, stream);
      } else {
        this.#attend({ ...dense, ...partial }, batch, step, group, alibiSlopes, stream);
        const [into, added] = [call, partial].map((state) => this.#from(state, chunk.firstToken)) as [
          StateRows,
          StateRows,
        ];
        this.merge.launch(into, added, into, chunk.tokens, stream);
      }
    }
  }

  #attend(
    dense: Call,
    batch: Batch,
    { lists, maxQueryLen }: GatheredStep,
    { first, sequences, keys, listsAt, chunk }: GatherGroup,
    alibiSlopes: bigint,
    stream: Stream,
  ): void {
    const from = (list: bigint, entry: number) => list + BigInt(4 * entry);
    const [queryLens, starts, keyLens, rowStarts] = [0, 1, 2, 3].map((list) =>
      from(lists, listsAt + list * sequences),
    ) as [bigint, bigint, bigint, bigint];
    const { maxBlocksPerSequence: strideTable } = batch.limits;
    const blockTable = from(batch.blockTablePointer, first * strideTable);
    this.gather.launch(dense, { blockTable, strideTable, starts, rowStarts, sequences, rows: keys }, stream);
    const of = {
      queryStartLoc: from(batch.queryStartLocPointer, first),
      ...{ queryLens, keyStartLoc: rowStarts, keyLens, sequences },
      maxQueryLen: chunk?.tokens ?? maxQueryLen,
      keysBehind: chunk?.keysBehind ?? 0,
    };
    this.forward.launch(dense, batch, of, alibiSlopes, stream);
  }

  /** The rows of a state from a token on. */
  #from({ output, lse }: StateRows, token: number): StateRows {
    const { pointer, strides } = output;
    return {
      output: { pointer: pointer + BigInt(token * this.#bytesOf(strides)), strides },
      lse: { pointer: lse.pointer + BigInt(token * this.#lseBytes) },
    };
  }

  /** Bytes from token to token. */
  #bytesOf([token]: readonly number[]): number {
    return token! * itemSize(this.config.dtype);
  }

  /** Bytes of a gathered key and its value. */
  get #bytesOfKey(): number {
    return this.#bytesOf(this.#keyStrides) + this.#bytesOf(this.#valueStrides);
  }

  /** Bytes of a token's LSEs. */
  get #lseBytes(): number {
    return 4 * this.config.numHeads;
  }
}
