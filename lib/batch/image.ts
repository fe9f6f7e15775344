import { highestOfRows } from "../device/rows.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";
import { type BatchLimits, type CheckedStep, mostKeyTokens, type StepShape, type StepView } from "./step.js";

/** Byte offsets of a step's parts within its image, on the host as on the device. */
export interface ImageLayout {
  /** int32 [maxSequences + 1] stands at 0; int32 [maxSequences]; */
  readonly seqLens: number;
  /** int64 [most key tokens]; */
  readonly slotMapping: number;
  /** int32 [maxSequences, maxBlocksPerSequence]. */
  readonly blockTable: number;
  readonly bytes: number;
}

export function imageLayout(limits: Required<BatchLimits>): ImageLayout {
  const { maxSequences, maxBlocksPerSequence } = limits;
  const seqLens = align(4 * (maxSequences + 1));
  const slotMapping = seqLens + align(4 * maxSequences);
  const blockTable = slotMapping + align(8 * mostKeyTokens(limits));
  const bytes = blockTable + align(4 * maxSequences * maxBlocksPerSequence) + READ_AHEAD_BYTES;
  return { seqLens, slotMapping, blockTable, bytes };
}

/** Kernels that take several blocks at a time load ids behind a row's last one, and then do nothing with them. */
const READ_AHEAD_BYTES = 64;

/** Every part begins at a multiple of 64 bytes. */
function align(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}

/** A step's metadata on the host, byte for byte as the device gets it. */
export class StepImage {
  readonly buffer: ArrayBuffer;
  readonly #starts: Int32Array;
  readonly #lengths: Int32Array;
  readonly #slots: BigInt64Array;
  readonly #slotHalves: Int32Array;
  readonly #table: Int32Array;
  /** Blocks in use of each row. */
  readonly #used: Int32Array;
  #highestBlock = -1;
  #highestSlot = -1;

  /** ERR_OUT_OF_MEMORY. */
  constructor(
    private readonly limits: Required<BatchLimits>,
    layout: ImageLayout,
  ) {
    try {
      this.buffer = new ArrayBuffer(layout.bytes);
    } catch (cause) {
      const message = `the host has no ${layout.bytes} bytes for a batch's metadata`;
      throw new RocmAttentionError("ERR_OUT_OF_MEMORY", message, { cause });
    }
    this.#starts = new Int32Array(this.buffer, 0, limits.maxSequences + 1);
    this.#lengths = new Int32Array(this.buffer, layout.seqLens, limits.maxSequences);
    this.#slots = new BigInt64Array(this.buffer, layout.slotMapping, mostKeyTokens(limits));
    this.#slotHalves = new Int32Array(this.buffer, layout.slotMapping, 2 * mostKeyTokens(limits));
    this.#table = new Int32Array(this.buffer, layout.blockTable);
    this.#used = new Int32Array(limits.maxSequences);
  }

  /**
   * Overwrites the image, also where it refuses the step: a block id that is none below `blocks` (ERR_INVALID_ARGUMENT).
   * Behind the step lie sequences without tokens and tokens without slots: captured calls visit them.
   */
  write(step: CheckedStep, blocks: number): void {
    const { shape, queryStartLoc, seqLens, slotMapping } = step;
    this.#starts.fill(shape.tokens).set(queryStartLoc);
    this.#lengths.fill(0).set(seqLens);
    this.#highestBlock = this.#writeTable(step, blocks);
    this.#slots.fill(-1n, slotMapping?.length ?? shape.tokens);
    this.#highestSlot =
      slotMapping === null ? this.#deriveSlots(shape.sequences) : this.#writeSlots(slotMapping);
  }

  /** Copies the rows, and checks and ranks the copy: what is shared may change under a check. */
  #writeTable({ blockTable }: CheckedStep, blocks: number): number {
    const { maxBlocksPerSequence, blockSize } = this.limits;
    for (let s = 0; s < blockTable.length; s++) {
      const row = blockTable[s]!;
      const first = s * maxBlocksPerSequence;
      const used = Math.ceil(this.#lengths[s]! / blockSize);
      this.#used[s] = used;
      if (row instanceof Int32Array) {
        this.#table.set(row.length === used ? row : row.subarray(0, used), first);
      } else {
        for (let block = 0; block < used; block++)
          this.#table[first + block] = blockId(row, block, blocks, s);
      }
    }
    const highest = highestOfRows(this.#table, maxBlocksPerSequence, this.#used, blockTable.length);
    if (highest < blocks) return highest;
    for (let s = 0; s < blockTable.length; s++) {
      const first = s * maxBlocksPerSequence;
      const copy = this.#table.subarray(first, first + this.#used[s]!);
      for (let block = 0; block < copy.length; block++) blockId(copy, block, blocks, s);
    }
    return highest;
  }

  /** Slots behind the contexts. Gives the highest; -1 where there is none. */
  #deriveSlots(sequences: number): number {
    const { maxBlocksPerSequence, blockSize } = this.limits;
    let highest = -1;
    for (let s = 0; s < sequences; s++) {
      const end = this.#starts[s + 1]!;
      let position = this.#lengths[s]! - (end - this.#starts[s]!);
      for (let token = this.#starts[s]!; token < end; token++, position++) {
        const block = Math.floor(position / blockSize);
        const slot = this.#table[s * maxBlocksPerSequence + block]! * blockSize + (position % blockSize);
        this.#setSlot(token, slot);
        if (slot > highest) highest = slot;
      }
    }
    return highest;
  }

  #writeSlots(slots: ArrayLike<number>): number {
    let highest = -1;
    for (let token = 0; token < slots.length; token++) {
      const slot = slots[token]!;
      this.#setSlot(token, slot);
      if (slot > highest) highest = slot;
    }
    return highest;
  }

  /** Writes an int64 by its halves: a bigint would be allocated. */
  #setSlot(token: number, slot: number): void {
    this.#slotHalves[2 * token] = slot;
    this.#slotHalves[2 * token + 1] = Math.floor(slot / 2 ** 32);
  }

  view(version: number, shape: StepShape): StepView {
    return {
      version,
      shape,
      queryStartLoc: this.#starts.subarray(0, shape.sequences + 1),
      seqLens: this.#lengths.subarray(0, shape.sequences),
      blockTable: this.#table.subarray(0, shape.sequences * this.limits.maxBlocksPerSequence),
    };
  }

  /** The highest block id in use; -1 where there is none. */
  get highestBlock(): number {
    return this.#highestBlock;
  }

  /** The highest slot in use; -1 where there is none. */
  get highestSlot(): number {
    return this.#highestSlot;
  }
}

function blockId(row: ArrayLike<number>, block: number, blocks: number, s: number): number {
  const id = row[block]!;
  if (Number.isInteger(id) && id >= 0 && id < blocks) return id;
  throw invalidArgument(`blockTable[${s}][${block}]`, `a block id (an integer from 0 to ${blocks - 1})`, id);
}
