import { checkInstance, checkOptions } from "../arguments.js";
import type { Batch } from "../batch/batch.js";
import type { ResolvedConfig } from "../config.js";
import type { Stream } from "../device/stream.js";
import { Tensor } from "../device/tensor.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import type { KvCacheLayer } from "../kv-cache/layer.js";
import type { LayoutName } from "../kv-cache/layouts.js";
import { bindCache, type CacheAccess } from "./arguments.js";
import { checkAccess, checkMetadata, operationFor } from "./cache-access.js";

/** reshape_and_cache and reshape_and_cache_flash: writes each new token's key and value to its slot. */
export class CacheWrite {
  readonly #bind;
  readonly #setSlots;
  readonly #setTokens;
  readonly #tokens: number;
  readonly #gridY: number;

  constructor(
    private readonly plan: LaunchPlan,
    { numKvHeads, headSize, blockSize }: Pick<ResolvedConfig, "numKvHeads" | "headSize" | "blockSize">,
  ) {
    plan.set({ head_size: headSize, block_size: blockSize, row_elements: numKvHeads * headSize });
    this.#bind = bindCache(plan);
    this.#setSlots = plan.setter("slot_mapping");
    const { tokens = 1, heads = numKvHeads } = plan.row.tile;
    this.#tokens = tokens;
    this.#gridY = Math.ceil(numKvHeads / heads);
    this.#setTokens = plan.argumentNames.includes("num_tokens") ? plan.setter("num_tokens") : null;
    plan.complete();
  }

  launch(
    access: CacheAccess,
    { slotMappingPointer }: Pick<Batch, "slotMappingPointer">,
    tokens: number,
    stream: Stream,
  ): void {
    this.#bind(access);
    this.#setSlots(slotMappingPointer);
    this.#setTokens?.(tokens);
    this.plan.launch(stream, Math.ceil(tokens / this.#tokens), this.#gridY);
  }
}

/** New tokens' keys and values, and the slots of a layer's cache that they go to. */
export interface CacheWriteOptions {
  /** [tokens, numKvHeads, headSize] in bfloat16 or float16, heads dense, other strides in whole 16 bytes. */
  key: Tensor;
  /** As `key`: same shape, dtype and rules. */
  value: Tensor;
  /** The layer's cache, of a layout that the function takes. */
  cache: KvCacheLayer;
  /**
   * int64 [tokens] on the device: block x blockSize + place in the block. A token whose slot the cache does not have, such as
   * -1, is not written. Which of two tokens of one slot stays is not defined.
   */
  slotMapping: Tensor;
  /** Of an fp8 cache, which holds keys and values divided by these, saturated. A positive number or float32 [1]; default 1. */
  kScale?: Tensor | number | undefined;
  /** As `kScale`, of the values. */
  vScale?: Tensor | number | undefined;
  /** Default: the device's default stream. */
  stream?: Stream | undefined;
}

const KEYS = ["key", "value", "cache", "slotMapping", "kScale", "vScale", "stream"] as const;

/**
 * Writes keys and values to their slots of a cache of layout "split" or "shuffled". Enqueues and returns; may be captured.
 * The first call of a kind loads a kernel and blocks. ERR_INVALID_ARGUMENT, ERR_DISPOSED, ERR_NO_KERNELS_FOR_ARCH.
 */
export function reshapeAndCache(options: CacheWriteOptions): void {
  write("reshape_and_cache", ["split", "shuffled"], options);
}

/**
 * Writes keys and values to their slots of a cache of layout "paired" or "halves", whatever its strides: slots before heads
 * or heads before slots. Else like {@link reshapeAndCache}.
 */
export function reshapeAndCacheFlash(options: CacheWriteOptions): void {
  write("reshape_and_cache_flash", ["paired", "halves"], options);
}

function write(operation: string, layouts: readonly LayoutName[], options: CacheWriteOptions): void {
  const { slotMapping, stream: named, ...given } = checkOptions(options, KEYS);
  const slots = checkInstance(slotMapping, "slotMapping", Tensor);
  const access = checkAccess(given, layouts, slots.shape[0] ?? 0);
  const [tokens = 0] = checkMetadata(slots, "slotMapping", access.key, "int64", 1).shape;
  const stream = access.key.device.streamOf(named);
  if (tokens === 0) return;
  const operationOf = operationFor(operation, access, (plan, of) => new CacheWrite(plan, of));
  operationOf.launch(access, { slotMappingPointer: slots.pointer }, tokens, stream);
}
