import { checkInstance, checkInteger, checkOptions, isArray, PackageObject } from "../arguments.js";
import type { DeviceWithStreams, Stream } from "../device/stream.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";
import { type BlockCopy, enqueueBlockCopies, type Region } from "./block-copies.js";
import type { CacheLayout } from "./layouts.js";

/** Parts of a layer begin at multiples of this. */
const ALIGNMENT_BYTES = 64;

/** The blocks of all layers of a model's cache in one allocation, on the device or on the host. */
export abstract class BlockStore extends PackageObject {
  /** Blocks of a layer. */
  readonly numBlocks: number;
  /** How a block lies in memory. */
  readonly layout: CacheLayout;
  /** Layers, each with as many blocks. */
  readonly layers: number;
  /** @internal */
  readonly regions: readonly Region[];
  /** @internal */
  readonly layerBytes: number;

  /** @internal */
  constructor(
    /** The device that it was made for. */
    readonly device: DeviceWithStreams,
    layout: CacheLayout,
    numBlocks: number,
    layers: number,
  ) {
    super();
    this.layout = layout;
    this.numBlocks = checkInteger(numBlocks, "numBlocks", 1, 2 ** 31 - 1);
    this.layers = checkInteger(layers, "layers", 1, 2 ** 31 - 1);
    const { regions, bytes } = regionsOf(layout, numBlocks);
    if (!Number.isSafeInteger(bytes * layers)) {
      const message = `a cache of ${layers} x ${numBlocks} blocks has more bytes than can be counted`;
      throw new RocmAttentionError("ERR_OUT_OF_MEMORY", message, { argument: "numBlocks" });
    }
    this.regions = regions;
    this.layerBytes = bytes;
  }

  /** @internal The address of the first layer, for as long as it may be used. */
  abstract get pointer(): bigint;
  /** Whether `dispose()` has been called, or the device was closed: it cannot be used any more. */
  abstract get disposed(): boolean;
  /** Frees the memory after its last use; returns at once. Idempotent. */
  abstract dispose(): void;

  /**
   * Enqueues copies of whole blocks of this cache, `from`, onto blocks of another, `to`, in every layer, as if in the order
   * given; the other is of the same layout, layers and device. Returns when all is enqueued, and may be captured: the blocks'
   * contents may be overwritten by what is enqueued on the stream after it. ERR_INVALID_ARGUMENT, ERR_DISPOSED.
   */
  swapBlocks(copies: readonly BlockCopy[], target: BlockStore, options?: { stream?: Stream }): void {
    const other = checkInstance(
      target,
      "target",
      BlockStore as unknown as { name: string; prototype: BlockStore },
    );
    const stream = this.device.streamOf(checkOptions(options, ["stream"]).stream);
    if (other.device !== this.device) {
      throw invalidArgument("target", "a cache on the same device", "one on another device");
    }
    if (other.layers !== this.layers) {
      throw invalidArgument("target", `a cache of ${this.layers} layers`, other.layers);
    }
    if (String(shapesOf(other.layout)) !== String(shapesOf(this.layout))) {
      throw invalidArgument(
        "target",
        `a cache of the layout ${this.layout.name} in the same sizes`,
        other.layout.name,
      );
    }
    const checked = checkCopies(copies, this.numBlocks, other.numBlocks);
    void [this.pointer, other.pointer]; // ERR_DISPOSED
    enqueueBlockCopies(this, other, checked, stream);
  }

  /** The end of a `using` declaration: as `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}

function checkCopies(copies: unknown, numFrom: number, numTo: number): readonly BlockCopy[] {
  if (!isArray(copies)) throw invalidArgument("copies", "an array of { from, to }", copies);
  const checked: BlockCopy[] = [];
  for (let index = 0; index < copies.length; index++) {
    const at = `copies[${index}]`;
    if (copies[index] === undefined) throw invalidArgument(at, "an object with from, to", undefined);
    const { from, to } = checkOptions(copies[index], ["from", "to"], at);
    checked.push({
      from: checkInteger(from, `${at}.from`, 0, numFrom - 1),
      to: checkInteger(to, `${at}.to`, 0, numTo - 1),
    });
  }
  return checked;
}

function shapesOf({ name, interleaved, parts }: CacheLayout): unknown[] {
  return [name, interleaved, ...parts.map(({ name, dtype, shape }) => [name, dtype, ...shape])];
}

/** The most blocks with which a cache of `layers` layers takes at most `bytes`. */
export function blocksIn(bytes: number, layout: CacheLayout, layers: number): number {
  let blocks = Math.floor(bytes / (layers * layout.bytesPerBlock));
  // Parts begin at aligned addresses, which may cost the last block its room.
  while (blocks > 0 && layers * regionsOf(layout, blocks).bytes > bytes) blocks--;
  return Math.min(blocks, 2 ** 31 - 1);
}

/** Where the parts of a layer lie: those of a block side by side, or each part's blocks in a region of their own. */
function regionsOf(layout: CacheLayout, numBlocks: number): { regions: Region[]; bytes: number } {
  let end = 0;
  const regions = layout.parts.map((part): Region => {
    const byteOffset = end;
    const blockBytes = layout.interleaved ? layout.bytesPerBlock : part.bytes;
    end += layout.interleaved ? part.bytes : align(numBlocks * part.bytes);
    return { part, byteOffset, blockBytes };
  });
  return { regions, bytes: align(layout.interleaved ? numBlocks * layout.bytesPerBlock : end) };
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
}
