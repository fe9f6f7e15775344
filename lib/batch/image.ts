import { RocmAttentionError } from "../errors.js";
import type { BatchLimits, CheckedStep, StepShape, StepView } from "./step.js";

/** Byte offsets of a step's parts within its image, on the host as on the device. */
export interface ImageLayout {
  /** int32 [maxSequences + 1] stands at 0; int32 [maxSequences]; */
  readonly seqLens: number;
  /** int64 [maxTokens]; */
  readonly slotMapping: number;
  /** int32 [maxSequences, maxBlocksPerSequence]. */
  readonly blockTable: number;
  readonly bytes: number;
}

export function imageLayout(limits: Required<BatchLimits>): ImageLayout {
  const { maxSequences, maxTokens, maxBlocksPerSequence } = limits;
  const seqLens = align(4 * (maxSequences + 1));
  const slotMapping = seqLens + align(4 * maxSequences);
  const blockTable = slotMapping + align(8 * maxTokens);
  const bytes = blockTable + align(4 * maxSequences * maxBlocksPerSequence);
  return { seqLens, slotMapping, blockTable, bytes };
}

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
  readonly #table: Int32Array;

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
    this.#slots = new BigInt64Array(this.buffer, layout.slotMapping, limits.maxTokens);
    this.#table = new Int32Array(this.buffer, layout.blockTable);
  }

  /** Overwrites the image. Behind the step lie sequences without tokens and tokens without slots: captured calls visit them. */
  write({ shape, queryStartLoc, seqLens, blockTable, slotMapping }: CheckedStep): void {
    const { maxBlocksPerSequence, blockSize } = this.limits;
    this.#starts.fill(shape.tokens).set(queryStartLoc);
    this.#lengths.fill(0).set(seqLens);
    this.#slots.fill(-1n, shape.tokens);
    for (let s = 0; s < shape.sequences; s++) {
      const row = blockTable[s]!;
      const first = s * maxBlocksPerSequence;
      const used = Math.ceil(seqLens[s]! / blockSize);
      for (let block = 0; block < used; block++) this.#table[first + block] = row[block]!;
      if (slotMapping !== null) continue;
      const end = queryStartLoc[s + 1]!;
      let position = seqLens[s]! - (end - queryStartLoc[s]!);
      for (let token = queryStartLoc[s]!; token < end; token++, position++) {
        const block = row[Math.floor(position / blockSize)]!;
        this.#slots[token] = BigInt(block * blockSize + (position % blockSize));
      }
    }
    if (slotMapping === null) return;
    for (let token = 0; token < shape.tokens; token++) this.#slots[token] = BigInt(slotMapping[token]!);
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

  /** The highest slot in use; -1 where there is none. */
  highestSlot(tokens: number): number {
    let highest = -1n;
    for (let token = 0; token < tokens; token++) {
      if (this.#slots[token]! > highest) highest = this.#slots[token]!;
    }
    return Number(highest);
  }
}
