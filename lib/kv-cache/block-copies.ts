import { enqueueCopy } from "../device/enqueue.js";
import type { Stream } from "../device/stream.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { findOperation, needsOf } from "../kernels/operation.js";
import type { CacheLayout, CachePart } from "./layouts.js";

/** One block to copy onto another, in every layer. */
export interface BlockCopy {
  /** The id of the block that is read. */
  readonly from: number;
  /** The id of the block that is overwritten. */
  readonly to: number;
}

/** A part's place in the memory of a layer. */
export interface Region {
  readonly part: CachePart;
  readonly byteOffset: number;
  /** From a block to the next. */
  readonly blockBytes: number;
}

/** The memory of a cache's blocks, on the device or on the host. */
export interface Blocks {
  readonly device: object;
  readonly layout: CacheLayout;
  readonly layers: number;
  readonly layerBytes: number;
  readonly regions: readonly Region[];
  /** Of the first layer. */
  readonly pointer: bigint;
}

/** Bytes that the kernel moves at once: all of a cache's lengths are multiples of it, or copies go one by one. */
const PIECE_BYTES = 16;

/** A stretch of every block that is copied as a whole. */
interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly blockBytes: number;
  readonly bytes: number;
}

/** Enqueues copies of blocks in every layer, as if in the order given: one launch, where none depends on another. */
export function enqueueBlockCopies(
  from: Blocks,
  to: Blocks,
  copies: readonly BlockCopy[],
  stream: Stream,
): void {
  const needed = from === to ? copies.filter((copy) => copy.from !== copy.to) : copies;
  if (needed.length === 0) return;
  const stretches = stretchesOf(from, to);
  const lengths = [from.layerBytes, to.layerBytes, ...stretches.flatMap((each) => Object.values(each))];
  const kernel = lengths.every((bytes) => bytes % PIECE_BYTES === 0)
    ? findOperation(
        from.device,
        { operation: "copy_blocks", needs: needsOf("bfloat16") },
        (plan) => new CopyBlocks(plan),
      )
    : null;
  if (kernel === null) {
    copyOneByOne(from, to, stretches, needed, stream);
    return;
  }
  for (const group of independent(needed, from === to, kernel.mostPairs)) {
    kernel.launch(from, to, stretches, group, stream);
  }
}

/** A block's parts, or the block, where its parts lie side by side. */
function stretchesOf(from: Blocks, to: Blocks): readonly Stretch[] {
  const { interleaved, bytesPerBlock } = from.layout;
  const regions = interleaved ? from.regions.slice(0, 1) : from.regions;
  return regions.map(({ byteOffset, blockBytes, part }: Region, index) => ({
    from: byteOffset,
    to: to.regions[index]!.byteOffset,
    blockBytes,
    bytes: interleaved ? bytesPerBlock : part.bytes,
  }));
}

/** Groups of copies in their order, in none of which a block is written twice, or read and written. */
function* independent(
  copies: readonly BlockCopy[],
  areOfOneMemory: boolean,
  most: number,
): Generator<readonly BlockCopy[]> {
  let group: BlockCopy[] = [];
  const read = new Set<number>();
  const written = new Set<number>();
  for (const copy of copies) {
    const meets = areOfOneMemory && (written.has(copy.from) || read.has(copy.to));
    if (meets || written.has(copy.to) || group.length === most) {
      yield group;
      group = [];
      read.clear();
      written.clear();
    }
    group.push(copy);
    read.add(copy.from);
    written.add(copy.to);
  }
  yield group;
}

/** Where there is no kernel: on other targets, and where those of this package are not installed. */
function copyOneByOne(
  from: Blocks,
  to: Blocks,
  stretches: readonly Stretch[],
  copies: readonly BlockCopy[],
  stream: Stream,
): void {
  const [source, target] = [from.pointer, to.pointer];
  for (let layer = 0; layer < from.layers; layer++) {
    for (const copy of copies) {
      for (const stretch of stretches) {
        const first =
          source + BigInt(layer * from.layerBytes + stretch.from + copy.from * stretch.blockBytes);
        const last = target + BigInt(layer * to.layerBytes + stretch.to + copy.to * stretch.blockBytes);
        enqueueCopy(stream, last, first, stretch.bytes);
      }
    }
  }
}

/** copy_blocks: a workgroup for each 16 KB of a part of a block and a layer. */
class CopyBlocks {
  readonly #pairs: Int32Array;
  readonly #lists;
  readonly #set;
  readonly #piecesOfWorkgroup: number;

  constructor(private readonly plan: LaunchPlan) {
    this.#pairs = plan.list("pairs") as Int32Array;
    this.#lists = {
      from: plan.list("from_parts") as BigInt64Array,
      to: plan.list("to_parts") as BigInt64Array,
      blocks: plan.list("block_strides") as BigInt64Array,
      pieces: plan.list("part_pieces") as Int32Array,
    };
    this.#set = {
      from: plan.setter("from"),
      to: plan.setter("to"),
      fromLayer: plan.setter("from_layer"),
      toLayer: plan.setter("to_layer"),
      parts: plan.setter("num_parts"),
    };
    this.#piecesOfWorkgroup = plan.row.tile.pieces!;
    plan.complete();
  }

  get mostPairs(): number {
    return this.#pairs.length / 2;
  }

  launch(
    from: Blocks,
    to: Blocks,
    stretches: readonly Stretch[],
    copies: readonly BlockCopy[],
    stream: Stream,
  ): void {
    this.#set.from(from.pointer);
    this.#set.to(to.pointer);
    this.#set.fromLayer(from.layerBytes / PIECE_BYTES);
    this.#set.toLayer(to.layerBytes / PIECE_BYTES);
    this.#set.parts(stretches.length);
    for (const [index, stretch] of stretches.entries()) {
      this.#lists.from[index] = BigInt(stretch.from / PIECE_BYTES);
      this.#lists.to[index] = BigInt(stretch.to / PIECE_BYTES);
      this.#lists.blocks[index] = BigInt(stretch.blockBytes / PIECE_BYTES);
      this.#lists.pieces[index] = stretch.bytes / PIECE_BYTES;
    }
    for (const [index, copy] of copies.entries()) {
      this.#pairs[2 * index] = copy.from;
      this.#pairs[2 * index + 1] = copy.to;
    }
    const pieces = Math.max(...stretches.map(({ bytes }) => bytes)) / PIECE_BYTES;
    const workgroups = Math.ceil(pieces / this.#piecesOfWorkgroup);
    this.plan.launch(stream, workgroups, copies.length, from.layers * stretches.length);
  }
}
