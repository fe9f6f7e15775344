import type { ResolvedConfig } from "../config.js";
import { Tensor } from "../device/tensor.js";
import { type DType, itemSize } from "../dtype.js";
import { invalidArgument } from "../errors.js";
import { KvCacheLayer } from "../kv-cache/cache.js";
import { Batch } from "./batch.js";

/** Rows are loaded in pieces of 16 bytes. */
const ALIGNMENT_BYTES = 16;

interface Expected {
  dtype: DType;
  /** Tokens that the call may touch; a tensor may hold more (padding). */
  numTokens: number;
  heads: number;
  headSize: number;
}

/** Checks a tensor of token rows, [tokens, heads, headSize] with any aligned token stride. */
export function checkRows(value: unknown, argument: string, batch: Batch, expected: Expected): Tensor {
  const tensor = checkTensor(value, argument, batch, expected.dtype);
  const { numTokens, heads, headSize } = expected;
  const [tokens = -1, ...inner] = tensor.shape;
  if (inner.length !== 2 || tokens < numTokens || inner[0] !== heads || inner[1] !== headSize) {
    throw invalidArgument(argument, `shape [tokens >= ${numTokens}, ${heads}, ${headSize}]`, tensor.shape);
  }
  const multiple = ALIGNMENT_BYTES / itemSize(expected.dtype);
  const [token = 0, head = 0, element] = tensor.strides;
  const fits = (stride: number) => stride % multiple === 0 && stride < 2 ** 31;
  if (element !== 1 || !fits(head) || !fits(token)) {
    throw invalidArgument(
      argument,
      `strides [a multiple of ${multiple}, a multiple of ${multiple}, 1] (elements), each below 2^31`,
      tensor.strides,
    );
  }
  if (numTokens > 0 && tensor.pointer % BigInt(ALIGNMENT_BYTES) !== 0n) {
    throw invalidArgument(
      argument,
      `memory aligned to ${ALIGNMENT_BYTES} bytes`,
      `0x${tensor.pointer.toString(16)}`,
    );
  }
  return tensor;
}

/** Checks the tensor for the result: token rows, no two of which share memory. */
export function checkOutput(value: unknown, batch: Batch, expected: Expected): Tensor {
  const tensor = checkRows(value, "output", batch, expected);
  const [token = 0, head = 0] = tensor.strides;
  const { numTokens, heads, headSize } = expected;
  const headsWithinToken = head >= headSize && token >= (heads - 1) * head + headSize;
  const tokensWithinHead = token >= headSize && head >= (numTokens - 1) * token + headSize;
  if (numTokens > 1 ? headsWithinToken || tokensWithinHead : heads === 1 || head >= headSize) return tensor;
  throw invalidArgument("output", "strides by which rows do not overlap", tensor.strides);
}

/** Checks the tensor for log-sum-exp: float32 [tokens, heads], contiguous. */
export function checkLse(value: unknown, batch: Batch, numTokens: number, heads: number): Tensor {
  const tensor = checkTensor(value, "lse", batch, "float32");
  if (tensor.shape.length !== 2 || tensor.shape[0]! < numTokens || tensor.shape[1] !== heads) {
    throw invalidArgument("lse", `shape [tokens >= ${numTokens}, ${heads}]`, tensor.shape);
  }
  if (!tensor.contiguous) throw invalidArgument("lse", "a contiguous tensor", `strides ${tensor.strides}`);
  return tensor;
}

function checkTensor(value: unknown, argument: string, batch: Batch, dtype: DType): Tensor {
  if (!(value instanceof Tensor)) throw invalidArgument(argument, "a Tensor", value);
  void value.pointer; // ERR_DISPOSED
  if (value.device !== batch.device) {
    throw invalidArgument(argument, "a tensor on the attention's device", "one on another device");
  }
  if (value.dtype !== dtype) throw invalidArgument(argument, `dtype ${dtype}`, value.dtype);
  return value;
}

/** Checks that a batch belongs to an attention's device and blocks. */
export function checkBatch(value: unknown, device: unknown, config: ResolvedConfig): Batch {
  if (!(value instanceof Batch)) throw invalidArgument("batch", "a batch of createBatch", value);
  if (value.device !== device) {
    throw invalidArgument("batch", "a batch on the attention's device", "one on another device");
  }
  void value.queryStartLocPointer; // ERR_DISPOSED
  if (value.blockSize !== config.blockSize) {
    throw invalidArgument("batch", `blocks of ${config.blockSize} tokens`, value.blockSize);
  }
  return value;
}

/** Checks that a cache layer fits an attention, and that all blocks and slots of the step lie in it. */
export function checkCache(
  value: unknown,
  batch: Batch,
  config: ResolvedConfig,
  writes: boolean,
): KvCacheLayer {
  if (!(value instanceof KvCacheLayer)) {
    throw invalidArgument(
      "cache",
      "a layer of a KV cache (cache.layer(i) or attention.wrapKvCache(tensor))",
      value,
    );
  }
  const { numBlocks, layout, tensor } = value;
  void tensor.pointer; // ERR_DISPOSED
  if (tensor.device !== batch.device) {
    throw invalidArgument("cache", "a cache on the attention's device", "one on another device");
  }
  for (const key of ["blockSize", "numKvHeads", "headSize"] as const) {
    if (layout[key] !== config[key]) throw invalidArgument("cache", `${key} ${config[key]}`, layout[key]);
  }
  if (layout.dtype !== config.dtype) throw invalidArgument("cache", `dtype ${config.dtype}`, layout.dtype);
  if (batch.shape.maxBlock >= numBlocks) {
    throw invalidArgument("batch", `block ids below the cache's ${numBlocks} blocks`, batch.shape.maxBlock);
  }
  if (writes && batch.shape.maxSlot >= numBlocks * config.blockSize) {
    throw invalidArgument(
      "batch",
      `slots below the cache's ${numBlocks * config.blockSize}`,
      batch.shape.maxSlot,
    );
  }
  return value;
}
