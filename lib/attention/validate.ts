import { checkInstance } from "../arguments.js";
import { Batch } from "../batch/batch.js";
import type { ResolvedConfig } from "../config.js";
import { Tensor } from "../device/tensor.js";
import { type DType, itemSize } from "../dtype.js";
import { invalidArgument } from "../errors.js";
import { KvCacheLayer } from "../kv-cache/layer.js";
import type { CacheLayout } from "../kv-cache/layouts.js";

/** Rows are loaded in pieces of 16 bytes, or of 8 elements where these are less. */
const ALIGNMENT_BYTES = 16;
const PIECE_ELEMENTS = 8;

interface Expected {
  dtype: DType;
  /** Tokens that the call may touch; a tensor may hold more (padding). */
  tokens: number;
  heads: number;
  headSize: number;
}

/** Checks a tensor of token rows, [tokens, heads, headSize] with any aligned token stride. */
export function checkRows(value: unknown, argument: string, batch: Batch, expected: Expected): Tensor {
  const tensor = checkTensor(value, argument, batch, expected.dtype);
  const { tokens, heads, headSize } = expected;
  const { shape, strides } = tensor;
  if (shape.length !== 3 || shape[0]! < tokens || shape[1] !== heads || shape[2] !== headSize) {
    throw invalidArgument(argument, `shape [tokens >= ${tokens}, ${heads}, ${headSize}]`, shape);
  }
  const multiple = Math.min(PIECE_ELEMENTS, ALIGNMENT_BYTES / itemSize(expected.dtype));
  if (strides[2] !== 1 || !isStride(strides[1]!, multiple) || !isStride(strides[0]!, multiple)) {
    throw invalidArgument(
      argument,
      `strides [a multiple of ${multiple}, a multiple of ${multiple}, 1] (elements), each below 2^31`,
      strides,
    );
  }
  if (tokens > 0 && tensor.alignment % ALIGNMENT_BYTES !== 0) {
    throw invalidArgument(
      argument,
      `memory aligned to ${ALIGNMENT_BYTES} bytes`,
      `0x${tensor.pointer.toString(16)}`,
    );
  }
  return tensor;
}

function isStride(stride: number, multiple: number): boolean {
  return stride % multiple === 0 && stride < 2 ** 31;
}

/** Checks the tensor for the result: token rows, no two of which share memory. */
export function checkOutput(value: unknown, batch: Batch, expected: Expected): Tensor {
  const tensor = checkRows(value, "output", batch, expected);
  const token = tensor.strides[0]!;
  const head = tensor.strides[1]!;
  const { tokens, heads, headSize } = expected;
  const headsWithinToken = head >= headSize && token >= (heads - 1) * head + headSize;
  const tokensWithinHead = token >= headSize && head >= (tokens - 1) * token + headSize;
  if (tokens > 1 ? headsWithinToken || tokensWithinHead : heads === 1 || head >= headSize) return tensor;
  throw invalidArgument("output", "strides by which rows do not overlap", tensor.strides);
}

/** Checks the tensor for log-sum-exp: float32 [tokens, heads], contiguous. */
export function checkLse(value: unknown, batch: Batch, tokens: number, heads: number): Tensor {
  const tensor = checkTensor(value, "lse", batch, "float32");
  if (tensor.shape.length !== 2 || tensor.shape[0]! < tokens || tensor.shape[1] !== heads) {
    throw invalidArgument("lse", `shape [tokens >= ${tokens}, ${heads}]`, tensor.shape);
  }
  if (!tensor.contiguous) throw invalidArgument("lse", "a contiguous tensor", `strides ${tensor.strides}`);
  return tensor;
}

/** Checks the sinks: [numHeads] in the attention's dtype, where the configuration has them and only there. */
export function checkSinks(value: unknown, batch: Batch, config: ResolvedConfig): Tensor | null {
  if (!config.sinks) {
    if (value === undefined) return null;
    throw invalidArgument("sinks", "undefined (the attention was made without sinks: true)", value);
  }
  const tensor = checkTensor(value, "sinks", batch, config.dtype);
  if (tensor.shape.length !== 1 || tensor.shape[0] !== config.numHeads) {
    throw invalidArgument("sinks", `shape [${config.numHeads}]`, tensor.shape);
  }
  if (!tensor.contiguous) throw invalidArgument("sinks", "a contiguous tensor", `strides ${tensor.strides}`);
  return tensor;
}

/** Checks a scale: a positive number or a tensor float32 [1]. `taken`: whether there is anything to scale, or why not. */
export function checkScale(
  value: unknown,
  argument: string,
  batch: Batch,
  taken: true | string,
): Tensor | number | null {
  if (value === undefined) return null;
  if (taken !== true) throw invalidArgument(argument, `undefined (${taken})`, value);
  if (typeof value === "number") {
    if (Number.isFinite(Math.fround(value)) && Math.fround(value) > 0) return value;
    throw invalidArgument(argument, "a positive number within float32's range", value);
  }
  const tensor = checkTensor(value, argument, batch, "float32");
  if (tensor.shape.length !== 1 || tensor.shape[0] !== 1) {
    throw invalidArgument(argument, "shape [1]", tensor.shape);
  }
  return tensor;
}

function checkTensor(value: unknown, argument: string, batch: Batch, dtype: DType): Tensor {
  const tensor = checkInstance(value, argument, Tensor);
  void tensor.pointer; // ERR_DISPOSED
  if (tensor.device !== batch.device) {
    throw invalidArgument(argument, "a tensor on the attention's device", "one on another device");
  }
  if (tensor.dtype !== dtype) throw invalidArgument(argument, `dtype ${dtype}`, tensor.dtype);
  return tensor;
}

/** Checks that a batch belongs to an attention's device and blocks. */
export function checkBatch(value: unknown, device: unknown, config: ResolvedConfig): Batch {
  const batch = checkInstance(value, "batch", Batch);
  if (batch.device !== device) {
    throw invalidArgument("batch", "a batch on the attention's device", "one on another device");
  }
  void batch.queryStartLocPointer; // ERR_DISPOSED
  if (batch.blockSize !== config.blockSize) {
    throw invalidArgument("batch", `blocks of ${config.blockSize} tokens`, batch.blockSize);
  }
  return batch;
}

/** Checks that a cache layer has an attention's layout, and that all blocks and slots of the step lie in it. */
export function checkCache(value: unknown, batch: Batch, wanted: CacheLayout, writes: boolean): KvCacheLayer {
  const cache = checkInstance(value, "cache", KvCacheLayer);
  cache.check();
  const { numBlocks, layout } = cache;
  if (cache.device !== batch.device) {
    throw invalidArgument("cache", "a cache on the attention's device", "one on another device");
  }
  if (layout !== wanted && describeLayout(layout) !== describeLayout(wanted)) {
    throw invalidArgument("cache", `the layout ${describeLayout(wanted)}`, describeLayout(layout));
  }
  if (batch.highestBlock >= numBlocks) {
    throw invalidArgument("batch", `block ids below the cache's ${numBlocks} blocks`, batch.highestBlock);
  }
  if (writes && batch.highestSlot >= numBlocks * layout.blockSize) {
    throw invalidArgument(
      "batch",
      `slots below the cache's ${numBlocks * layout.blockSize}`,
      batch.highestSlot,
    );
  }
  return cache;
}

/** "paired with key bfloat16 [16, 2, 128], value bfloat16 [16, 2, 128]" */
function describeLayout({ name, parts }: CacheLayout): string {
  return `${name} with ${parts.map((part) => `${part.name} ${part.dtype} [${part.shape.join(", ")}]`).join(", ")}`;
}
