import { checkInstance, checkOptions, PackageObject } from "../arguments.js";
import { contiguousStrides } from "../device/layout.js";
import { Tensor } from "../device/tensor.js";
import { itemSize } from "../dtype.js";
import { invalidArgument } from "../errors.js";
import type { CacheLayout, CachePart, PartName } from "./layouts.js";

/** One part of a layer's cache, as kernels address it. */
export interface LayerPart {
  /** Of the first block. */
  readonly pointer: bigint;
  /** Elements from one to the next in each dimension of the part's shape, without the blocks. */
  readonly strides: readonly number[];
  /** Elements from a block to the next. */
  readonly blockStride: number;
  /** [numBlocks, ...the part's shape]. */
  readonly tensor: Tensor;
}

/** One layer's paged keys and values. Block 0 is a block like any other. */
export class KvCacheLayer extends PackageObject {
  /** The device on which it lies. */
  readonly device: Tensor["device"];
  /** Blocks of the layer. */
  readonly numBlocks: number;
  /** Bytes of the largest part from its first block to the end of its last: some kernels' addresses end before. */
  readonly maxPartBytes: number;
  readonly #parts: ReadonlyMap<PartName, LayerPart>;

  /** @internal `tensors`: one for each part of the layout. `isCleared`: the memory began as zeros. */
  constructor(
    /** How a block lies in memory: names, shapes and dtypes of its parts. */
    readonly layout: CacheLayout,
    private readonly tensors: readonly Tensor[],
    /** @internal */
    readonly isCleared = false,
  ) {
    super();
    this.device = tensors[0]!.device;
    this.numBlocks = tensors[0]!.shape[0]!;
    this.maxPartBytes = Math.max(...tensors.map(({ byteLength }) => byteLength));
    this.#parts = new Map(
      tensors.map((tensor, index) => {
        const [blockStride, ...strides] = tensor.strides as [number, ...number[]];
        return [layout.parts[index]!.name, { pointer: tensor.pointer, strides, blockStride, tensor }];
      }),
    );
  }

  /** @internal Throws unless all parts may be used now. */
  check(): void {
    for (let index = 0; index < this.tensors.length; index++) this.tensors[index]!.check();
  }

  /** A part of the layout by its name. ERR_INVALID_ARGUMENT where the layout has none of that name. */
  part(name: PartName): LayerPart {
    const part = this.#parts.get(name);
    if (part !== undefined) return part;
    throw invalidArgument("name", `one of ${[...this.#parts.keys()].join(", ")}`, name);
  }
}

/** Tensors that hold one layer's cache, by part: { key, value } or { latent }, and scales where the layout has them. */
export type CacheTensors = Partial<Record<PartName, Tensor>>;

/** Uses tensors that something else has allocated as one layer's cache. Throws ERR_INVALID_ARGUMENT. */
export function wrapLayer(tensors: unknown, layout: CacheLayout): KvCacheLayer {
  const names = layout.parts.map(({ name }) => name);
  if (tensors === undefined) throw invalidArgument("tensors", `an object with ${names.join(", ")}`, tensors);
  const given = checkOptions(tensors, names, "tensors");
  const parts = layout.parts.map((part) => checkPart(given[part.name], part, layout));
  const [first] = parts as [Tensor];
  const shapes = layout.parts.map(({ shape }) => String(shape));
  for (const [index, tensor] of parts.entries()) {
    const name = names[index]!;
    if (tensor.shape[0] !== first.shape[0]) {
      throw invalidArgument(name, `${first.shape[0]} blocks, as ${names[0]} has`, tensor.shape[0]);
    }
    if (tensor.device !== first.device) {
      throw invalidArgument(name, `a tensor on the device of ${names[0]}`, "one on another device");
    }
    // Kernels take one set of strides for parts of one shape.
    const alike = shapes.indexOf(shapes[index]!);
    const { strides } = parts[alike]!;
    if (tensor.strides.some((stride, axis) => stride !== strides[axis])) {
      throw invalidArgument(name, `strides ${strides.join(", ")}, as ${names[alike]} has`, tensor.strides);
    }
  }
  return new KvCacheLayer(layout, parts);
}

/** Within a block kernels count by 32-bit offsets from its first element. */
const MAX_STRIDE_IN_BLOCK = 2 ** 20;

function checkPart(value: unknown, { name, dtype, shape }: CachePart, { strided }: CacheLayout): Tensor {
  const tensor = checkInstance(value, name, Tensor);
  const [numBlocks, ...inner] = tensor.shape;
  if (!(numBlocks! > 0) || inner.length !== shape.length || inner.some((size, i) => size !== shape[i])) {
    throw invalidArgument(name, `shape [numBlocks, ${shape.join(", ")}]`, tensor.shape);
  }
  if (tensor.dtype !== dtype) throw invalidArgument(name, `dtype ${dtype}`, tensor.dtype);
  if (!strided && String(tensor.strides.slice(1)) !== String(contiguousStrides(shape))) {
    throw invalidArgument(name, "blocks that are dense inside", `strides ${tensor.strides}`);
  }
  const alignment = Math.min(8, 16 / itemSize(dtype));
  const [blockStride, ...strides] = tensor.strides as [number, ...number[]];
  const last = strides.pop();
  const areRegular = strides.every((stride) => stride % alignment === 0 && stride < MAX_STRIDE_IN_BLOCK);
  if (last !== 1 || blockStride % alignment !== 0 || blockStride >= 2 ** 31 || !areRegular) {
    throw invalidArgument(
      name,
      `a dense last dimension and other strides that are multiples of ${alignment}, within a block below 2^20 (elements)`,
      tensor.strides,
    );
  }
  if (tensor.pointer % 16n !== 0n) throw invalidArgument(name, "memory aligned to 16 bytes", tensor.pointer);
  return tensor;
}
