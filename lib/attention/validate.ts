import { checkInstance } from "../arguments.js";
import { Batch } from "../batch/batch.js";
import type { ResolvedConfig } from "../config.js";
import type { Tensor } from "../device/tensor.js";
import { invalidArgument } from "../errors.js";
import { KvCacheLayer } from "../kv-cache/layer.js";
import type { CacheLayout } from "../kv-cache/layouts.js";
import { checkRows, checkTensor, type ExpectedRows } from "../ops/operands.js";

/** Checks the tensor for the result: token rows, no two of which share memory. */
export function checkOutput(value: unknown, batch: Batch, expected: ExpectedRows): Tensor {
  const tensor = checkRows(value, "output", batch, expected);
  const token = tensor.strides[0]!;
  const head = tensor.strides[1]!;
  const { tokens, heads, headSize } = expected;
  const headsWithinToken = head >= headSize && token >= (heads - 1) * head + headSize;
  const tokensWithinHead = token >= headSize && head >= (tokens - 1) * token + headSize;
  if (tokens > 1 ? headsWithinToken || tokensWithinHead : heads === 1 || head >= headSize) return tensor;
  throw invalidArgument("output", "strides by which rows do not overlap", tensor.strides);
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
