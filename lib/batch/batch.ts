import { checkInstance, checkInteger, checkOptions, PackageObject } from "../arguments.js";
import type { Capture } from "../device/capture.js";
import { Device } from "../device/device.js";
import { enqueueWrite } from "../device/enqueue.js";
import type { Stream } from "../device/stream.js";
import type { Tensor } from "../device/tensor.js";
import { PIECE_BYTES } from "../device/transfer.js";
import { invalidArgument } from "../errors.js";
import { type ImageLayout, imageLayout, StepImage } from "./image.js";
import {
  type BatchLimits,
  type BatchUpdate,
  checkStep,
  mostKeyTokens,
  type StepShape,
  type StepView,
} from "./step.js";

/** Device metadata that a backend derives from every step: expanded block tables, work lists, block masks. */
export interface DerivedSource {
  /** Device memory for any step that the batch admits, in bytes. */
  readonly bytes: number;
  /** Refuses a step by throwing, before anything of it is written. */
  check?(step: StepView): void;
  /** Writes the step's metadata and returns how many bytes of `into` it filled. */
  fill?(step: StepView, into: Uint8Array): number;
  /** Enqueues kernels that complete it, behind the batch's own writes and those of `fill`. */
  enqueue?(step: StepView, pointer: bigint, stream: Stream, batch: Batch): void;
}

/** Derived metadata on the device; its address stays, `update` changes what lies there. */
export interface Derived {
  /** Device address of `bytes` bytes. */
  readonly pointer: bigint;
  /** Ends the derivation and frees its memory after the last use. */
  dispose(): void;
}

interface Registered {
  readonly source: DerivedSource;
  readonly memory: Tensor;
  readonly host: Uint8Array;
}

/** Bytes that are rather written along than left out by a second write. */
const GAP_BYTES = 16 << 10;

const LIMITS = [
  ...(["maxSequences", "maxTokens", "maxBlocksPerSequence"] as const),
  ...(["maxKeyTokens", "maxQueryLen", "blockSize"] as const),
];

/**
 * The metadata of a step on the device, for all layers and all kinds of attention: addresses stay, `update` changes what
 * lies there, in stream order. queryStartLoc int32 [maxSequences + 1], seqLens int32 [maxSequences], blockTable int32
 * [maxSequences, maxBlocksPerSequence], slotMapping int64 [maxTokens, or maxKeyTokens in cross attention].
 */
export class Batch extends PackageObject {
  /** The largest step that it holds. */
  readonly limits: Readonly<Required<BatchLimits>>;
  readonly #layout: ImageLayout;
  readonly #memory: Tensor;
  readonly #pointers;
  /** The step's image, and the one that the next step is written to. */
  #images: [current: StepImage, spare: StepImage];
  #step: StepView;
  /** Key tokens whose slots on the device may be other than -1. */
  #slotsWritten: number;
  readonly #derived = new Set<Registered>();
  /** For each capture the blocks of the smallest cache that it uses: replays check nothing any more. */
  readonly #captured = new Set<{ blocks: number }>();
  readonly #ofCapture = new WeakMap<Capture, { blocks: number }>();

  /** @internal */
  constructor(
    /** The device on which its steps lie. */
    readonly device: Device,
    limits: Required<BatchLimits>,
  ) {
    super();
    this.limits = Object.freeze(limits);
    this.#slotsWritten = mostKeyTokens(limits);
    this.#layout = imageLayout(limits);
    this.#memory = device.empty([this.#layout.bytes], "uint8", { category: "batch" });
    const { seqLens, slotMapping, blockTable } = this.#layout;
    const at = (offset: number) => this.#memory.pointer + BigInt(offset);
    this.#pointers = { seqLens: at(seqLens), slotMapping: at(slotMapping), blockTable: at(blockTable) };
    try {
      this.#images = [new StepImage(limits, this.#layout), new StepImage(limits, this.#layout)];
    } catch (error) {
      this.#memory.dispose();
      throw error;
    }
    const empty = { sequences: 0, tokens: 0, keyTokens: 0, maxQueryLen: 0, maxSeqLen: 0, decodes: 0 };
    this.#step = this.#images[0].view(0, empty);
  }

  /** The step that the last `update` announced. */
  get step(): StepView {
    return this.#step;
  }

  /** The most query tokens of a step: rows of the tensors of captured calls. */
  get maxTokens(): number {
    return this.limits.maxTokens;
  }
  /** Tokens of a cache block. */
  get blockSize(): number {
    return this.limits.blockSize;
  }

  /** The largest of every size that a step may have: captured calls are made for it. */
  get largestShape(): StepShape {
    const { maxSequences, maxTokens, maxQueryLen, maxBlocksPerSequence, blockSize } = this.limits;
    return {
      sequences: maxSequences,
      tokens: maxTokens,
      keyTokens: mostKeyTokens(this.limits),
      maxQueryLen,
      maxSeqLen: maxBlocksPerSequence > 0 ? maxBlocksPerSequence * blockSize : maxQueryLen,
      decodes: maxSequences,
    };
  }

  /** @internal The highest block id and slot of the step; -1 where there is none. */
  get highestBlock(): number {
    return this.#images[0].highestBlock;
  }
  /** @internal */
  get highestSlot(): number {
    return this.#images[0].highestSlot;
  }

  /** Whether `dispose()` has been called, or the device was closed: it cannot be used any more. */
  get disposed(): boolean {
    return this.#memory.disposed;
  }

  /** Device address of int32 [maxSequences + 1]; entries behind the step's last are its number of tokens. */
  get queryStartLocPointer(): bigint {
    return this.#memory.pointer;
  }
  /** Device address of int32 [maxSequences]; 0 behind the step's last sequence. */
  get seqLensPointer(): bigint {
    this.#memory.check();
    return this.#pointers.seqLens;
  }
  /** Device address of int64 [maxTokens, or maxKeyTokens in cross attention]; -1: not written. */
  get slotMappingPointer(): bigint {
    this.#memory.check();
    return this.#pointers.slotMapping;
  }
  /** Device address of int32 [maxSequences, maxBlocksPerSequence]; entries behind a sequence's last block mean nothing. */
  get blockTablePointer(): bigint {
    this.#memory.check();
    return this.#pointers.blockTable;
  }

  /**
   * Announces the next step. Everything is checked before anything is written; an error (ERR_INVALID_ARGUMENT) leaves the
   * batch as it was. The arrays may be reused when the call returns.
   */
  update(input: BatchUpdate, options: { stream?: Stream } = {}): void {
    const stream = this.#streamOf(options);
    void this.#memory.pointer; // ERR_DISPOSED
    const bounds = { ...this.limits, blocks: this.#blocks() };
    const step = checkStep(input, bounds);
    const [current, next] = this.#images;
    next.write(step, bounds.blocks);
    const view = next.view(this.#step.version + 1, step.shape);
    for (const { source } of this.#derived) source.check?.(view);
    const filled = [...this.#derived].map((derived) => [derived, fill(derived, view)] as const);

    this.#images = [next, current];
    this.#step = view;
    this.#enqueue(stream);
    for (const [derived, bytes] of filled) enqueueDerived(derived, bytes, view, stream, this);
  }

  /**
   * Derives metadata of every step from now on, of the current one at once. A step that `check` or `fill` refuses by
   * throwing leaves the batch as it was. ERR_OUT_OF_MEMORY.
   */
  derive(source: DerivedSource, options: { stream?: Stream } = {}): Derived {
    const stream = this.#streamOf(options);
    void this.#memory.pointer; // ERR_DISPOSED
    const memory = this.device.empty([source.bytes], "uint8", { category: "batch" });
    const registered = { source, memory, host: new Uint8Array(source.fill === undefined ? 0 : source.bytes) };
    try {
      if (this.#step.version > 0) {
        source.check?.(this.#step);
        enqueueDerived(registered, fill(registered, this.#step), this.#step, stream, this);
      }
    } catch (error) {
      memory.dispose();
      throw error;
    }
    this.#derived.add(registered);
    const dispose = () => {
      this.#derived.delete(registered);
      memory.dispose();
    };
    return { pointer: memory.pointer, dispose };
  }

  /** @internal Until the capture's graph ends, updates take only block ids and slots of a cache of `numBlocks` blocks. */
  limitBlocks(numBlocks: number, capture: Capture): void {
    const known = this.#ofCapture.get(capture);
    if (known !== undefined) {
      known.blocks = Math.min(known.blocks, numBlocks);
      return;
    }
    const limit = { blocks: numBlocks };
    this.#ofCapture.set(capture, limit);
    this.#captured.add(limit);
    const limits = this.#captured;
    capture.own({ dispose: () => void limits.delete(limit) });
  }

  /** Frees the device memory after its last use. Idempotent. */
  dispose(): void {
    for (const { memory } of this.#derived) memory.dispose();
    this.#derived.clear();
    this.#memory.dispose();
  }

  /** The end of a `using` declaration: as `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #blocks(): number {
    let blocks = 2 ** 31;
    for (const limit of this.#captured) blocks = Math.min(blocks, limit.blocks);
    return blocks;
  }

  #streamOf(options: unknown): Stream {
    const stream = this.device.streamOf(checkOptions(options, ["stream"]).stream as Stream | undefined);
    if (stream.capture === null) return stream;
    throw invalidArgument(
      "stream",
      "a stream that is not captured: a graph repeats launches, not a step",
      stream,
    );
  }

  #enqueue(stream: Stream): void {
    const { slotMapping, blockTable } = this.#layout;
    const { sequences, keyTokens } = this.#step.shape;
    const slotsEnd = slotMapping + 8 * Math.max(keyTokens, this.#slotsWritten);
    const tableEnd = blockTable + 4 * sequences * this.limits.maxBlocksPerSequence;
    this.#slotsWritten = keyTokens;
    if (blockTable - slotsEnd <= GAP_BYTES) {
      this.#writeImage(stream, 0, tableEnd);
    } else {
      this.#writeImage(stream, 0, slotsEnd);
      this.#writeImage(stream, blockTable, tableEnd);
    }
  }

  #writeImage(stream: Stream, start: number, end: number): void {
    const bytes = new Uint8Array(this.#images[0].buffer, start, end - start);
    write(stream, this.#memory.pointer + BigInt(start), bytes);
  }
}

function fill({ source, host }: Registered, step: StepView): number {
  const bytes = source.fill?.(step, host) ?? 0;
  return checkInteger(bytes, "the bytes that fill returns", 0, host.byteLength);
}

function enqueueDerived(
  { source, memory, host }: Registered,
  bytes: number,
  step: StepView,
  stream: Stream,
  batch: Batch,
): void {
  write(stream, memory.pointer, host.subarray(0, bytes));
  source.enqueue?.(step, memory.pointer, stream, batch);
}

function write(stream: Stream, to: bigint, bytes: Uint8Array): void {
  for (let start = 0; start < bytes.byteLength; start += PIECE_BYTES) {
    enqueueWrite(stream, to + BigInt(start), bytes.subarray(start, start + PIECE_BYTES));
  }
}

/**
 * Makes room on the device for the metadata of steps of at most this size. One batch serves all layers of a model.
 * Blocks. ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY.
 */
export function createBatch(device: Device, limits: BatchLimits): Batch {
  checkInstance(device, "device", Device).check();
  if (limits === undefined) throw invalidArgument("limits", `an object with ${LIMITS.join(", ")}`, limits);
  const given = checkOptions(limits, LIMITS, "limits");
  const size = (
    name: (typeof LIMITS)[number],
    { least = 1, byDefault }: { least?: number; byDefault?: number } = {},
  ) => checkInteger(given[name] === undefined ? byDefault : given[name], name, least, 2 ** 31 - 1);
  const maxTokens = size("maxTokens");
  const maxBlocksPerSequence = size("maxBlocksPerSequence", { least: 0 });
  const maxKeyTokens = size("maxKeyTokens", { least: 0, byDefault: 0 });
  if (maxKeyTokens > 0 && maxBlocksPerSequence === 0) {
    throw invalidArgument("maxKeyTokens", "0 in a batch without blocks", maxKeyTokens);
  }
  const blockSize = size("blockSize", { byDefault: 16 });
  if (maxBlocksPerSequence * blockSize >= 2 ** 31) {
    const expected = "sequences of fewer than 2^31 tokens";
    throw invalidArgument("maxBlocksPerSequence", expected, maxBlocksPerSequence);
  }
  const maxQueryLen = Math.min(size("maxQueryLen", { byDefault: maxTokens }), maxTokens);
  const maxSequences = size("maxSequences");
  return new Batch(device, {
    ...{ maxSequences, maxTokens, maxBlocksPerSequence },
    ...{ maxKeyTokens, maxQueryLen, blockSize },
  });
}
