import { checkInstance } from "../arguments.js";
import { Batch } from "../batch/batch.js";
import type { StepShape } from "../batch/step.js";
import { type AttentionType, type ResolvedConfig, usesCache } from "../config.js";
import type { Capture } from "../device/capture.js";
import type { Tensor } from "../device/tensor.js";
import { invalidArgument } from "../errors.js";
import { KvCacheLayer } from "../kv-cache/layer.js";
import type { CacheLayout } from "../kv-cache/layouts.js";
import { checkRows, checkTensor } from "../ops/operands.js";

/** What strides of keys and values that kernels take for a cache must stay below, in elements. */
const MAX_CACHE_STRIDE = 2 ** 20;

/** Checks the step's keys and values, of `tokens` tokens: both or neither, and both in an encoder. */
export function checkNewRows(
  given: { readonly key?: unknown; readonly value?: unknown },
  batch: Batch,
  config: ResolvedConfig,
  tokens: number,
): { key: Tensor | null; value: Tensor | null } {
  const isEncoder = !usesCache(config);
  if (given.key === undefined || given.value === undefined) {
    const missing = given.key === undefined ? "key" : "value";
    if (isEncoder) throw invalidArgument(missing, "the keys and values of an encoder", undefined);
    if (given.key === given.value) return { key: null, value: null };
    throw invalidArgument(missing, "key and value together, or neither", undefined);
  }
  const { dtype, numKvHeads: heads, headSize } = config;
  const maxTokenStride = isEncoder ? MAX_CACHE_STRIDE : 2 ** 31;
  const rows = { dtype, tokens, heads, headSize, maxTokenStride };
  const key = checkRows(given.key, "key", batch, rows);
  const value = checkRows(given.value, "value", batch, rows);
  if (config.attentionType !== "encoder_decoder" || tokens > 0 || key.shape[0] === 0) return { key, value };
  throw invalidArgument("key", "no rows, since the batch's step has no keySlotMapping", key.shape);
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

/** Checks that a batch belongs to an attention's device, type and blocks. */
export function checkBatch(value: unknown, device: unknown, config: ResolvedConfig): Batch {
  const batch = checkInstance(value, "batch", Batch);
  if (batch.device !== device) {
    throw invalidArgument("batch", "a batch on the attention's device", "one on another device");
  }
  void batch.queryStartLocPointer; // ERR_DISPOSED
  const { maxBlocksPerSequence, maxKeyTokens } = batch.limits;
  const isCross = config.attentionType === "encoder_decoder";
  if (usesCache(config) !== maxBlocksPerSequence > 0 || isCross !== maxKeyTokens > 0) {
    throw invalidArgument("batch", BATCH_FOR[config.attentionType], describeLimits(batch));
  }
  if (!usesCache(config)) return batch;
  if (batch.blockSize !== config.blockSize) {
    throw invalidArgument("batch", `blocks of ${config.blockSize} tokens`, batch.blockSize);
  }
  return batch;
}

const BATCH_FOR: Readonly<Record<AttentionType, string>> = {
  decoder: "a batch for self-attention (with blocks and without maxKeyTokens)",
  encoder_decoder: "a batch for cross attention (with maxKeyTokens)",
  encoder: "a batch for an encoder (with maxBlocksPerSequence: 0)",
  encoder_only: "a batch for an encoder (with maxBlocksPerSequence: 0)",
};

function describeLimits({ limits: { maxBlocksPerSequence, maxKeyTokens } }: Batch): string {
  return `maxBlocksPerSequence ${maxBlocksPerSequence}, maxKeyTokens ${maxKeyTokens}`;
}

/** Checks that a call's step is announced. Returns the shape that its tensors must have: any step's, where it is captured. */
export function checkStep(batch: Batch, capture: Capture | null): StepShape {
  if (capture === null) return batch.step.shape;
  if (batch.step.version > 0) return batch.largestShape;
  throw invalidArgument("batch", "a batch with a step to capture (call update() first)", "one without");
}

/** Checks that an encoder gets no cache. */
export function checkNoCache(value: unknown): null {
  if (value === undefined) return null;
  throw invalidArgument("cache", "undefined: an encoder has no cache", value);
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
