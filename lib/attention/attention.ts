import type { AttentionBackend } from "../backends/backend.js";
import { type AttentionConfig, type BackendName, isMlaConfig, type ResolvedConfig } from "../config.js";
import { Device } from "../device/device.js";
import type { Stream } from "../device/stream.js";
import type { Tensor } from "../device/tensor.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";
import { ChosenKernels } from "../kernels/chosen.js";
import { kernelsForDevice, otherContracts } from "../kernels/store.js";
import { bytesPerBlock, type CacheLayout, KvCache, type KvCacheLayer, wrapLayer } from "../kv-cache/cache.js";
import { explain } from "../selection/explain.js";
import type { Explanation } from "../selection/explanation.js";
import { errorOf, kernelFailure } from "../selection/failure.js";
import { capabilitiesOf } from "../selection/registry.js";
import { announce } from "./announce.js";
import { makeBackend } from "./backends.js";
import type { Batch } from "./batch.js";
import { checkBatch, checkCache, checkLse, checkOutput, checkRows } from "./validate.js";

/** The tensors of one layer in one step, and where they stand: in a cache, in a batch, on a stream. */
export interface ForwardOptions {
  /** [tokens, numHeads, headSize] in the attention's dtype, tokens as `batch` says or more (padding is not read). */
  query: Tensor;
  /** [tokens, numKvHeads, headSize], with `value`: written to the cache first. Without both: attends only. */
  key?: Tensor | undefined;
  value?: Tensor | undefined;
  /** [tokens, numHeads, headSize]. A row without keys becomes 0. */
  output: Tensor;
  /** float32 [tokens, numHeads]: log(sum(exp(score))) of each row, -inf without keys. Not of every backend. */
  lse?: Tensor | undefined;
  cache: KvCacheLayer;
  batch: Batch;
  /** Default: the device's default stream. */
  stream?: Stream | undefined;
}

const FORWARD_KEYS = new Set(["query", "key", "value", "output", "lse", "cache", "batch", "stream"]);

/** Attention of one shape over a paged KV cache, run by the backend that selection chose. */
export class Attention {
  readonly device: Device;
  readonly backend: BackendName;
  readonly explanation: Explanation;
  /** Bytes of one block of one layer. */
  readonly kvCacheBytesPerBlock: number;
  readonly #config: ResolvedConfig;
  readonly #layout: CacheLayout;
  readonly #runner: AttentionBackend;
  readonly #writesLse: boolean;
  #disposed = false;

  /** @internal */
  constructor(device: Device, explanation: Explanation, config: ResolvedConfig, runner: AttentionBackend) {
    const { blockSize, numKvHeads, headSize, dtype } = config;
    this.device = device;
    this.backend = explanation.backend!;
    this.explanation = explanation;
    this.#config = config;
    this.#runner = runner;
    this.#writesLse = capabilitiesOf(this.backend)!.lse;
    this.#layout = { blockSize, numKvHeads, headSize, dtype };
    this.kvCacheBytesPerBlock = bytesPerBlock(this.#layout);
  }

  /** Allocates a cache of `numBlocks` blocks for each of `layers` layers. Blocks. ERR_OUT_OF_MEMORY. */
  createKvCache(options: { numBlocks: number; layers?: number }): KvCache {
    this.#check();
    const { numBlocks, layers = 1 } = options ?? {};
    return new KvCache(this.device, this.#layout, numBlocks, layers);
  }

  /** Uses a tensor [numBlocks, 2, blockSize, numKvHeads, headSize] as one layer's cache. */
  wrapKvCache(tensor: Tensor): KvCacheLayer {
    this.#check();
    const layer = wrapLayer(tensor, this.#layout);
    if (tensor.device === this.device) return layer;
    throw invalidArgument("tensor", "a tensor on the attention's device", "one on another device");
  }

  /**
   * Writes the step's keys and values to the cache and attends, in stream order; returns when all is enqueued. Arguments are
   * checked before that, and a wrong one (ERR_INVALID_ARGUMENT, ERR_DISPOSED) changes nothing. Which tokens belong to
   * which sequence says the batch's last `update`.
   *
   * While `stream` is captured the call is laid out for every step that the batch admits: tensors must have
   * `batch.maxTokens` rows, and between launches of the graph `batch.update` may announce any other step, whose
   * rows alone are then written. The batch, the cache, the tensors and this attention must live as long as the graph.
   */
  forward(options: ForwardOptions): void {
    this.#check();
    if (typeof options !== "object" || options === null)
      throw invalidArgument("options", "an object", options);
    for (const key of Object.keys(options)) {
      if (!FORWARD_KEYS.has(key)) {
        throw invalidArgument("options", `only ${[...FORWARD_KEYS].join(", ")}`, key);
      }
    }
    const { numHeads, numKvHeads, headSize, dtype } = this.#config;
    const stream = this.device.streamOf(options.stream);
    const batch = checkBatch(options.batch, this.device, this.#config);
    const captured = stream.capture !== null;
    const numTokens = captured ? batch.maxTokens : batch.shape.numTokens;
    const rows = { dtype, numTokens, heads: numHeads, headSize };
    const query = checkRows(options.query, "query", batch, rows);
    const output = checkOutput(options.output, batch, rows);
    if ((options.key === undefined) !== (options.value === undefined)) {
      const missing = options.key === undefined ? "key" : "value";
      throw invalidArgument(missing, "key and value together, or neither", undefined);
    }
    const newRows = { ...rows, heads: numKvHeads };
    const key = options.key === undefined ? null : checkRows(options.key, "key", batch, newRows);
    const value = options.value === undefined ? null : checkRows(options.value, "value", batch, newRows);
    if (options.lse !== undefined && !this.#writesLse) {
      throw invalidArgument("lse", `undefined (${this.backend} does not compute it)`, options.lse);
    }
    const lse = options.lse === undefined ? null : checkLse(options.lse, batch, numTokens, numHeads);
    const cache = checkCache(options.cache, batch, this.#config, key !== null);
    const shape = captured ? batch.captureShape(cache.numBlocks) : batch.shape;
    this.#runner.forward({ query, key, value, output, lse, cache, batch, shape, stream });
  }

  /** Frees the attention's scratch after its last use. Caches and batches live on. Idempotent. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#runner.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #check(): void {
    if (this.#disposed)
      throw new RocmAttentionError("ERR_DISPOSED", "the attention was used after its dispose()");
    this.device.check();
  }
}

/**
 * Chooses a backend for a configuration and makes its attention on a device; loads the kernels, so it blocks.
 * Errors: ERR_INVALID_ARGUMENT, those of the selection (ERR_INVALID_BACKEND, ERR_BACKEND_UNSUPPORTED, ERR_NO_BACKEND,
 * ERR_AITER_NOT_INSTALLED), ERR_NO_KERNELS_FOR_ARCH, ERR_KERNEL_CORRUPT.
 */
export function createAttention(device: Device, config: AttentionConfig): Attention {
  if (!(device instanceof Device)) throw invalidArgument("device", "a Device", device);
  device.check();
  if (typeof config === "object" && config !== null && isMlaConfig(config)) {
    throw invalidArgument("config", "the options of multi-head attention", "kvLoraRank, an option of MLA");
  }
  const catalog = kernelsForDevice(device.info.gcnArchName, config?.env);
  const explanation = explain(config, { device, catalog });
  const { backend, error, config: resolved } = explanation;
  if (backend === null) throw errorOf(error!);
  const lack = kernelFailure(explanation);
  if (lack !== null) {
    const notes = otherContracts(device.info.arch, config.env).map((note) => `. ${note}`);
    throw errorOf({ ...lack, message: lack.message + notes.join("") });
  }
  const launches = explanation.phases.flatMap(({ kernels }) => kernels.flatMap((kernel) => kernel.launches));
  const kernels = new ChosenKernels(device, catalog, launches);
  const runner = makeBackend(backend, device, resolved!, kernels);
  const attention = new Attention(device, explanation, resolved!, runner);
  announce(explanation);
  return attention;
}
