import type { Device } from "../device/device.js";
import { enqueueWrite } from "../device/enqueue.js";
import type { Stream } from "../device/stream.js";
import type { Tensor } from "../device/tensor.js";
import { PIECE_BYTES } from "../device/transfer.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";

/** The largest step that a batch will hold: its device memory is allocated for that once. */
export interface BatchLimits {
  maxSequences: number;
  /** Query tokens of a step, over all sequences. */
  maxTokens: number;
  maxBlocksPerSequence: number;
  /** Tokens of a cache block. Default 16. */
  blockSize?: number;
}

/** One step on the host: which tokens of which sequences, and where the cache has them. `BlockPool.batch` makes it. */
export interface BatchUpdate {
  /** [sequences + 1], from 0, never decreasing: where each sequence's query tokens begin. Equal neighbours: no tokens. */
  queryStartLoc: ArrayLike<number>;
  /** [sequences]: tokens in the cache once this step is written, context + query. */
  seqLens: ArrayLike<number>;
  /** [sequences]: each sequence's block ids, first to last; more than its length needs are allowed. */
  blockTable: ArrayLike<ArrayLike<number>>;
  /** [tokens]: where each token's key and value go, block * blockSize + offset, -1: nowhere. Default: behind the context. */
  slotMapping?: ArrayLike<number> | BigInt64Array;
}

/** What the host knows of a step: the sizes that grids and plans follow. */
export interface BatchShape {
  readonly numSequences: number;
  readonly numTokens: number;
  readonly maxQueryLen: number;
  /** Sequences with exactly one query token, and the longest of them. */
  readonly numDecodes: number;
  readonly maxDecodeLen: number;
  /** The highest block id and slot in use; -1 where there is none. */
  readonly maxBlock: number;
  readonly maxSlot: number;
}

const EMPTY: BatchShape = {
  numSequences: 0,
  numTokens: 0,
  maxQueryLen: 0,
  numDecodes: 0,
  maxDecodeLen: 0,
  maxBlock: -1,
  maxSlot: -1,
};

/**
 * The metadata of a step on the device, for all layers and all kinds of attention: addresses stay, `update` changes what
 * lies there, in stream order. queryStartLoc int32 [maxSequences + 1], seqLens int32 [maxSequences], blockTable int32
 * [maxSequences, maxBlocksPerSequence], slotMapping int64 [maxTokens].
 */
export class Batch {
  readonly maxSequences: number;
  readonly maxTokens: number;
  readonly maxBlocksPerSequence: number;
  readonly blockSize: number;
  readonly #memory: Tensor;
  readonly #offsets: { seqLens: number; slotMapping: number; blockTable: number };
  readonly #host: ArrayBuffer;
  #shape = EMPTY;
  #updated = false;
  /** Tokens whose slots on the device may be other than -1. */
  #tokensWritten: number;
  /** Blocks of the smallest cache that a captured call uses: replays check nothing any more. */
  #blocks = 2 ** 31;

  /** @internal */
  constructor(
    readonly device: Device,
    limits: BatchLimits,
  ) {
    const { maxSequences, maxTokens, maxBlocksPerSequence, blockSize = 16 } = limits ?? {};
    for (const [name, value] of Object.entries({
      maxSequences,
      maxTokens,
      maxBlocksPerSequence,
      blockSize,
    })) {
      if (!Number.isSafeInteger(value) || value < 1 || value >= 2 ** 31) {
        throw invalidArgument(name, "an integer between 1 and 2^31 - 1", value);
      }
    }
    if (maxBlocksPerSequence * blockSize >= 2 ** 31) {
      throw invalidArgument(
        "maxBlocksPerSequence",
        "sequences of fewer than 2^31 tokens",
        maxBlocksPerSequence,
      );
    }
    this.maxSequences = maxSequences;
    this.maxTokens = maxTokens;
    this.maxBlocksPerSequence = maxBlocksPerSequence;
    this.blockSize = blockSize;
    this.#tokensWritten = maxTokens;
    const seqLens = align(4 * (maxSequences + 1));
    const slotMapping = seqLens + align(4 * maxSequences);
    const blockTable = slotMapping + align(8 * maxTokens);
    const bytes = blockTable + align(4 * maxSequences * maxBlocksPerSequence);
    this.#offsets = { seqLens, slotMapping, blockTable };
    this.#memory = device.empty([bytes], "uint8", { category: "batch" });
    try {
      this.#host = new ArrayBuffer(bytes);
    } catch (cause) {
      this.#memory.dispose();
      throw new RocmAttentionError(
        "ERR_OUT_OF_MEMORY",
        `the host has no ${bytes} bytes for a batch's metadata`,
        {
          cause,
        },
      );
    }
  }

  /** The sizes of the step that the last `update` announced. */
  get shape(): BatchShape {
    return this.#shape;
  }

  /** Tokens of the longest sequence that fits. */
  get maxSequenceLength(): number {
    return this.maxBlocksPerSequence * this.blockSize;
  }

  /**
   * @internal The shape that a captured call is made for: with it the kernels do what any step needs that a later
   * `update` may announce. From now on updates take only block ids and slots of a cache of `numBlocks` blocks.
   */
  captureShape(numBlocks: number): BatchShape {
    if (!this.#updated) {
      throw invalidArgument("batch", "an update() before a call with it is captured", "none");
    }
    this.#blocks = Math.min(this.#blocks, numBlocks);
    return {
      numSequences: this.maxSequences,
      numTokens: this.maxTokens,
      maxQueryLen: this.maxTokens,
      numDecodes: this.maxSequences,
      maxDecodeLen: this.maxSequenceLength,
      maxBlock: numBlocks - 1,
      maxSlot: numBlocks * this.blockSize - 1,
    };
  }

  get disposed(): boolean {
    return this.#memory.disposed;
  }

  get queryStartLocPointer(): bigint {
    return this.#memory.pointer;
  }
  get seqLensPointer(): bigint {
    return this.#memory.pointer + BigInt(this.#offsets.seqLens);
  }
  get slotMappingPointer(): bigint {
    return this.#memory.pointer + BigInt(this.#offsets.slotMapping);
  }
  get blockTablePointer(): bigint {
    return this.#memory.pointer + BigInt(this.#offsets.blockTable);
  }

  /**
   * Announces the next step. Everything is checked before anything is written; an error (ERR_INVALID_ARGUMENT) leaves the
   * batch as it was. The arrays may be reused when the call returns.
   */
  update(input: BatchUpdate, { stream }: { stream?: Stream } = {}): void {
    const target = this.device.streamOf(stream);
    const base = this.#memory.pointer; // throws where the batch was disposed of
    const shape = this.#check(input);
    this.#write(input, shape);
    this.#shape = this.#withSlots(shape);
    this.#updated = true;
    const { numSequences, numTokens } = shape;
    const ranges = [
      [0, 4 * (this.maxSequences + 1)],
      [this.#offsets.seqLens, 4 * this.maxSequences],
      [this.#offsets.slotMapping, 8 * Math.max(numTokens, this.#tokensWritten)],
      [this.#offsets.blockTable, 4 * numSequences * this.maxBlocksPerSequence],
    ] as const;
    this.#tokensWritten = numTokens;
    for (const [start, length] of ranges) {
      for (let piece = 0; piece < length; piece += PIECE_BYTES) {
        const bytes = new Uint8Array(this.#host, start + piece, Math.min(PIECE_BYTES, length - piece));
        enqueueWrite(target, base + BigInt(start + piece), bytes);
      }
    }
  }

  /** Frees the device memory after its last use. Idempotent. */
  dispose(): void {
    this.#memory.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #check(input: BatchUpdate): BatchShape {
    if (typeof input !== "object" || input === null) throw invalidArgument("input", "an object", input);
    const { queryStartLoc, seqLens, blockTable, slotMapping } = input;
    const numSequences = seqLens?.length;
    if (!(numSequences <= this.maxSequences)) {
      throw invalidArgument("seqLens", `the lengths of at most ${this.maxSequences} sequences`, numSequences);
    }
    if (queryStartLoc?.length !== numSequences + 1) {
      throw invalidArgument("queryStartLoc", `${numSequences + 1} entries`, queryStartLoc?.length);
    }
    if (blockTable?.length !== numSequences) {
      throw invalidArgument("blockTable", `${numSequences} rows`, blockTable?.length);
    }
    if (queryStartLoc[0] !== 0) throw invalidArgument("queryStartLoc[0]", "0", queryStartLoc[0]);
    let maxQueryLen = 0;
    let numDecodes = 0;
    let maxDecodeLen = 0;
    let maxBlock = -1;
    for (let s = 0; s < numSequences; s++) {
      const queryLen = queryStartLoc[s + 1]! - queryStartLoc[s]!;
      if (!Number.isInteger(queryStartLoc[s + 1]) || queryLen < 0) {
        throw invalidArgument(
          `queryStartLoc[${s + 1}]`,
          `an integer >= ${queryStartLoc[s]}`,
          queryStartLoc[s + 1],
        );
      }
      const length = seqLens[s]!;
      const row = blockTable[s]!;
      const longest = Math.min(row?.length, this.maxBlocksPerSequence) * this.blockSize;
      if (!Number.isInteger(length) || length < queryLen || !(length <= longest)) {
        throw invalidArgument(
          `seqLens[${s}]`,
          `an integer from ${queryLen} (its query tokens) to ${longest} (what its ${row?.length} blocks hold)`,
          length,
        );
      }
      for (let block = 0; block * this.blockSize < length; block++) {
        const id = row[block]!;
        if (!Number.isInteger(id) || id < 0 || id >= this.#blocks) {
          throw invalidArgument(
            `blockTable[${s}][${block}]`,
            `a block id (an integer from 0 to ${this.#blocks - 1})`,
            id,
          );
        }
        if (id > maxBlock) maxBlock = id;
      }
      if (queryLen > maxQueryLen) maxQueryLen = queryLen;
      if (queryLen === 1) {
        numDecodes++;
        if (length > maxDecodeLen) maxDecodeLen = length;
      }
    }
    const numTokens = queryStartLoc[numSequences]!;
    if (numTokens > this.maxTokens) {
      throw invalidArgument("queryStartLoc", `at most ${this.maxTokens} tokens in all`, numTokens);
    }
    if (slotMapping !== undefined) this.#checkSlots(slotMapping, numTokens);
    return { numSequences, numTokens, maxQueryLen, numDecodes, maxDecodeLen, maxBlock, maxSlot: -1 };
  }

  #checkSlots(slotMapping: ArrayLike<number> | BigInt64Array, numTokens: number): void {
    if (slotMapping?.length !== numTokens) {
      throw invalidArgument("slotMapping", `${numTokens} slots, one per token`, slotMapping?.length);
    }
    for (let token = 0; token < numTokens; token++) {
      const slot = Number(slotMapping[token]);
      const slots = Math.min(this.#blocks * this.blockSize, 2 ** 31);
      if (!Number.isInteger(slot) || slot < -1 || slot >= slots) {
        throw invalidArgument(
          `slotMapping[${token}]`,
          `a slot (an integer from 0 to ${slots - 1}) or -1`,
          slotMapping[token],
        );
      }
    }
  }

  #write({ queryStartLoc, seqLens, blockTable, slotMapping }: BatchUpdate, shape: BatchShape): void {
    const { numSequences, numTokens } = shape;
    // Behind the step lie sequences without tokens and tokens without slots: captured calls visit them all.
    const starts = new Int32Array(this.#host, 0, this.maxSequences + 1).fill(numTokens);
    starts.set(queryStartLoc);
    new Int32Array(this.#host, this.#offsets.seqLens, this.maxSequences).fill(0).set(seqLens);
    new BigInt64Array(this.#host, this.#offsets.slotMapping, this.maxTokens).fill(-1n, numTokens);
    const table = new Int32Array(this.#host, this.#offsets.blockTable);
    const slots = new BigInt64Array(this.#host, this.#offsets.slotMapping, numTokens);
    for (let s = 0; s < numSequences; s++) {
      const row = blockTable[s]!;
      const used = Math.ceil(seqLens[s]! / this.blockSize);
      for (let block = 0; block < used; block++) table[s * this.maxBlocksPerSequence + block] = row[block]!;
      if (slotMapping !== undefined) continue;
      let position = seqLens[s]! - (queryStartLoc[s + 1]! - queryStartLoc[s]!);
      for (let token = queryStartLoc[s]!; token < queryStartLoc[s + 1]!; token++, position++) {
        const block = row[Math.floor(position / this.blockSize)]!;
        slots[token] = BigInt(block * this.blockSize + (position % this.blockSize));
      }
    }
    if (slotMapping === undefined) return;
    for (let token = 0; token < numTokens; token++) slots[token] = BigInt(slotMapping[token]!);
  }

  #withSlots(shape: BatchShape): BatchShape {
    const slots = new BigInt64Array(this.#host, this.#offsets.slotMapping, shape.numTokens);
    return { ...shape, maxSlot: slots.reduce((most, slot) => Math.max(most, Number(slot)), -1) };
  }
}

/**
 * Makes room on the device for the metadata of steps of at most this size. One batch serves all layers of a model.
 * Blocks. ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY.
 */
export function createBatch(device: Device, limits: BatchLimits): Batch {
  return new Batch(device, limits);
}

/** Every part begins at a multiple of 64 bytes. */
function align(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}
