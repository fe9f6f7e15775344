import { checkOptions, checkPlain } from "../arguments.js";
import type { Batch } from "../batch/batch.js";
import { fp8Encoding } from "../catalog/targets.js";
import { type AttentionConfig, hasTokenScales, isMlaConfig, storesFloat8, usesCache } from "../config.js";
import type { Device } from "../device/device.js";
import type { Stream } from "../device/stream.js";
import type { Tensor } from "../device/tensor.js";
import { invalidArgument } from "../errors.js";
import type { Float8 } from "../float8.js";
import type { KvCacheLayer } from "../kv-cache/layer.js";
import type { AttentionCall } from "../ops/call.js";
import { checkLse, checkOutput, checkRows, checkScale } from "../ops/operands.js";
import { capabilitiesOf } from "../selection/registry.js";
import { AttentionLifecycle, type Chosen, chooseBackend } from "./lifecycle.js";
import { checkBatch, checkCache, checkNewRows, checkNoCache, checkSinks, checkStep } from "./validate.js";

/** The tensors of one layer in one step, and where they stand: in a cache, in a batch, on a stream. */
export interface ForwardOptions {
  /** [tokens, numHeads, headSize] in the attention's dtype, tokens as `batch` says or more (padding is not read). */
  query: Tensor;
  /**
   * [tokens, numKvHeads, headSize], with `value`: written to the cache first. Without both: attends only. In cross attention
   * of the encoder's tokens, as many as `keySlotMapping`. An encoder has no cache and attends to these.
   */
  key?: Tensor | undefined;
  /** As `key`, and given with it. */
  value?: Tensor | undefined;
  /** [tokens, numHeads, headSize] in the attention's dtype, or in fp8 (`outputScale`). A row without keys becomes 0. */
  output: Tensor;
  /** float32 [tokens, numHeads]: log(sum(exp(score))) of each row, -inf without keys. Not of every backend. */
  lse?: Tensor | undefined;
  /** [numHeads] in the attention's dtype, of a configuration with `sinks`: one more logit in each row's sum. */
  sinks?: Tensor | undefined;
  /** Of an fp8 cache: the numbers in it times these are the keys and values. float32 [1], or a number. Default 1. */
  kScale?: Tensor | number | undefined;
  /** As `kScale`, of the values. */
  vScale?: Tensor | number | undefined;
  /**
   * Makes the output fp8, in the encoding of the GPU: its numbers times this are the result, and what is too large for them
   * saturates. float32 [1], or a number.
   */
  outputScale?: Tensor | number | undefined;
  /** One layer of the cache, of this attention's layout. Encoders have none. */
  cache?: KvCacheLayer | undefined;
  /** The step's metadata, as the last `batch.update` announced it. */
  batch: Batch;
  /** Default: the device's default stream. */
  stream?: Stream | undefined;
}

const FORWARD_KEYS = [
  ...(["query", "key", "value", "output", "lse", "sinks"] as const),
  ...(["kScale", "vScale", "outputScale", "cache", "batch", "stream"] as const),
];

/** Attention of one shape over a paged KV cache, run by the backend that selection chose. */
export class Attention extends AttentionLifecycle<AttentionCall> {
  readonly #writesLse: boolean;
  /** The dtype of an output with a scale; null: the backend writes none. */
  readonly #fp8Output: Float8 | null;
  /** Whether an output may have a scale, or why not. */
  readonly #takesOutputScale: true | string;
  /** Whether the cache's numbers have scales, or why not. */
  readonly #takesCacheScales: true | string;

  /** @internal */
  constructor(chosen: Chosen<AttentionCall>) {
    super(chosen);
    const { lse, fp8Output } = capabilitiesOf(this.backend)!;
    this.#writesLse = lse;
    const { arch } = this.device.info;
    this.#fp8Output = fp8Output === true ? fp8Encoding(arch) : null;
    this.#takesOutputScale = this.#fp8Output !== null || `${this.backend} writes no fp8 on ${arch}`;
    const { kvCacheDtype } = this.config;
    const hasFp8Cache = usesCache(this.config) && storesFloat8(kvCacheDtype);
    this.#takesCacheScales = hasTokenScales(kvCacheDtype)
      ? "each token of the cache has scales of its own"
      : hasFp8Cache || "the cache is not fp8";
  }

  /**
   * Writes the step's keys and values to the cache and attends, in stream order; returns when all is enqueued. Arguments are
   * checked before that, and a wrong one (ERR_INVALID_ARGUMENT, ERR_DISPOSED) changes nothing. The batch's last `update`
   * says which tokens belong to which sequence. Values must be finite: a NaN or an infinity in a token's value may
   * reach other rows of its own sequence (0 x NaN is NaN), never another sequence.
   *
   * While `stream` is captured the call is laid out for every step that the batch admits: `prepare` has seen the batch,
   * tensors must have `batch.maxTokens` rows, and between launches of the graph `batch.update` may announce any other
   * step, whose rows alone are then written. The batch, the cache and the tensors must live as long as the graph.
   */
  forward(options: ForwardOptions): void {
    this.checkDisposed();
    if (options === undefined) throw invalidArgument("options", "an object with query, output, ...", options);
    const given = checkOptions(options, FORWARD_KEYS);
    const { numHeads, headSize, dtype } = this.config;
    const stream = this.device.streamOf(given.stream as Stream | undefined);
    const batch = checkBatch(given.batch, this.device, this.config);
    const { capture } = stream; // a native call: asked once
    const { tokens, keyTokens } = checkStep(batch, capture);
    const rows = { dtype, tokens, heads: numHeads, headSize };
    const query = checkRows(given.query, "query", batch, rows);
    const outputScale = checkScale(given.outputScale, "outputScale", batch, this.#takesOutputScale);
    const outputRows = outputScale === null ? rows : { ...rows, dtype: this.#fp8Output! };
    const output = checkOutput(given.output, "output", batch, outputRows);
    const { key, value } = checkNewRows(given, batch, this.config, keyTokens);
    if (given.lse !== undefined && !this.#writesLse) {
      throw invalidArgument("lse", `undefined (${this.backend} does not compute it)`, given.lse);
    }
    const lse = given.lse === undefined ? null : checkLse(given.lse, "lse", batch, tokens, numHeads);
    const sinks = checkSinks(given.sinks, batch, this.config);
    const kScale = checkScale(given.kScale, "kScale", batch, this.#takesCacheScales);
    const vScale = checkScale(given.vScale, "vScale", batch, this.#takesCacheScales);
    const cache = usesCache(this.config)
      ? checkCache(given.cache, batch, this.kvCacheLayout, key !== null)
      : checkNoCache(given.cache);
    const call = { query, key, value, output, lse, sinks, kScale, vScale, outputScale, cache };
    this.enqueue(call, batch, cache, stream, capture);
  }
}

/**
 * Chooses a backend for a configuration and makes its attention on a device; loads the kernels, so it blocks.
 * Errors: ERR_INVALID_ARGUMENT, those of the selection (ERR_INVALID_BACKEND, ERR_BACKEND_UNSUPPORTED, ERR_NO_BACKEND,
 * ERR_AITER_NOT_INSTALLED), ERR_NO_KERNELS_FOR_ARCH, ERR_KERNEL_CORRUPT, ERR_KERNEL_UNTRUSTED.
 */
export function createAttention(device: Device, config: AttentionConfig): Attention {
  checkPlain(config, "config");
  if (isMlaConfig(config)) {
    throw invalidArgument("config", "the options of multi-head attention", "kvLoraRank, an option of MLA");
  }
  return new Attention(chooseBackend(device, config));
}
