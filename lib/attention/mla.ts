import { checkOptions, checkPlain } from "../arguments.js";
import type { Batch } from "../batch/batch.js";
import { isMlaConfig, type MlaAttentionConfig, storesFloat8 } from "../config.js";
import type { Device } from "../device/device.js";
import { enqueueCopy } from "../device/enqueue.js";
import type { Stream } from "../device/stream.js";
import type { Tensor } from "../device/tensor.js";
import { invalidArgument } from "../errors.js";
import type { KvCacheLayer } from "../kv-cache/layer.js";
import { checkWeights, type MlaCall, MlaWeights } from "../ops/mla-call.js";
import { quantiseWeights } from "../ops/mla-weights.js";
import { checkLse, checkOutput, checkRows, checkScale, checkTensor, checkVectors } from "../ops/operands.js";
import { AttentionLifecycle, chooseBackend } from "./lifecycle.js";
import { checkBatch, checkCache, checkStep } from "./validate.js";

/** The tensors of one layer of latent attention in one step. */
export interface MlaForwardOptions {
  /** [tokens, numHeads, qkNopeHeadDim]: the part of the queries without position. */
  queryNope: Tensor;
  /**
   * [tokens, numHeads, qkRopeHeadDim]: their rotary part. Where both are parts of one tensor [tokens, numHeads, qkNopeHeadDim +
   * qkRopeHeadDim], as a projection leaves it, prefill through Composable Kernel reads that; else it copies them together first.
   */
  queryRope: Tensor;
  /** [tokens, kvLoraRank], normalised, with `keyRope`: written to the cache first. Without both: attends only. */
  latent?: Tensor | undefined;
  /** [tokens, qkRopeHeadDim]: the rotary part of the key, which all heads share. */
  keyRope?: Tensor | undefined;
  /** The layer's up-projection, of this attention's `prepareKvB`. */
  weights: MlaWeights;
  /** [tokens, numHeads, vHeadDim] in the attention's dtype. */
  output: Tensor;
  /** float32 [tokens, numHeads]: log(sum(exp(score))) of each row. */
  lse?: Tensor | undefined;
  /** Of an fp8 cache: the numbers in it times this are latents and rotary keys. float32 [1], or a number. Default 1. */
  kScale?: Tensor | number | undefined;
  /**
   * With an fp8 cache: queries of sequences with up to 8 new tokens, taken into latent space, are divided by this and rounded to
   * fp8, saturated, and so are softmax weights; those of other sequences stay as they are. float32 [1], or a number. Default:
   * none is rounded. Of ROCM_AITER_MLA with 128 heads on gfx942, and caches of up to 4 GiB a layer (ERR_BACKEND_UNSUPPORTED).
   */
  qScale?: Tensor | number | undefined;
  /** One layer of the cache of latents, of this attention's layout. */
  cache: KvCacheLayer;
  /** The step's metadata, as the last `batch.update` announced it. */
  batch: Batch;
  /** Default: the device's default stream. */
  stream?: Stream | undefined;
}

const FORWARD_KEYS = [
  ...(["queryNope", "queryRope", "latent", "keyRope", "weights", "output", "lse"] as const),
  ...(["kScale", "qScale", "cache", "batch", "stream"] as const),
];

/** DeepSeek's multi-head latent attention over a paged cache of latents, run by the backend that selection chose. */
export class MlaAttention extends AttentionLifecycle<MlaCall> {
  get #sizes() {
    return this.config.mla!;
  }

  /**
   * Copies the up-projection of one layer's latents, [numHeads * (qkNopeHeadDim + vHeadDim), kvLoraRank] in the attention's dtype
   * as checkpoints have `kv_b_proj`, to where `forward` takes it from; once for each layer. With VLLM_ROCM_USE_AITER and
   * VLLM_ROCM_USE_AITER_FP8BMM on, where the GPU has fp8, rounds it to that too, for the products of decodes.
   * ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY.
   */
  prepareKvB(tensor: Tensor, options: { stream?: Stream } = {}): MlaWeights {
    this.check();
    const given = checkOptions(options, ["stream"]);
    const stream = this.device.streamOf(given.stream as Stream | undefined);
    const { numHeads, dtype } = this.config;
    const { kvLoraRank, qkNopeHeadDim, vHeadDim } = this.#sizes;
    const source = checkTensor(tensor, "tensor", { device: this.device }, dtype);
    const rows = numHeads * (qkNopeHeadDim + vHeadDim);
    if (String(source.shape) !== String([rows, kvLoraRank])) {
      throw invalidArgument("tensor", `shape [${rows}, ${kvLoraRank}]`, source.shape);
    }
    if (!source.contiguous)
      throw invalidArgument("tensor", "a contiguous tensor", `strides ${source.strides}`);
    const kvB = this.device.empty([numHeads, qkNopeHeadDim + vHeadDim, kvLoraRank], dtype);
    try {
      enqueueCopy(stream, kvB.pointer, source.pointer, source.byteLength);
      return new MlaWeights(
        kvB,
        this.runner.takesQuantisedWeights ? quantiseWeights(this.device, kvB, stream) : null,
      );
    } catch (error) {
      kvB.dispose();
      throw error;
    }
  }

  /**
   * Writes the step's latents and rotary keys to the cache and attends, in stream order; returns when all is enqueued. Arguments
   * are checked before that, and a wrong one (ERR_INVALID_ARGUMENT, ERR_DISPOSED) changes nothing. Latents must be
   * finite. While `stream` is captured, the batch must be one of decodes (`maxQueryLen` of at most 8) that `prepare` has seen,
   * and tensors must have `batch.maxTokens` rows; between launches of the graph `batch.update` may announce any step.
   */
  forward(options: MlaForwardOptions): void {
    this.check();
    if (options === undefined)
      throw invalidArgument("options", "an object with queryNope, queryRope, ...", options);
    const given = checkOptions(options, FORWARD_KEYS);
    const { numHeads, dtype, kvCacheDtype } = this.config;
    const isFloat8 = storesFloat8(kvCacheDtype);
    const { kvLoraRank, qkNopeHeadDim, qkRopeHeadDim, vHeadDim } = this.#sizes;
    const stream = this.device.streamOf(given.stream as Stream | undefined);
    const batch = checkBatch(given.batch, this.device, this.config);
    const { capture } = stream; // a native call: asked once
    const { tokens } = checkStep(batch, capture);
    const rows = (headSize: number) => ({ dtype, tokens, heads: numHeads, headSize });
    const queryNope = checkRows(given.queryNope, "queryNope", batch, rows(qkNopeHeadDim));
    const queryRope = checkRows(given.queryRope, "queryRope", batch, rows(qkRopeHeadDim));
    const output = checkOutput(given.output, "output", batch, rows(vHeadDim));
    if ((given.latent === undefined) !== (given.keyRope === undefined)) {
      const missing = given.latent === undefined ? "latent" : "keyRope";
      throw invalidArgument(missing, "latent and keyRope together, or neither", undefined);
    }
    const vectors = (value: unknown, name: string, size: number) =>
      value === undefined ? null : checkVectors(value, name, batch, { dtype, tokens, size });
    const latent = vectors(given.latent, "latent", kvLoraRank);
    const keyRope = vectors(given.keyRope, "keyRope", qkRopeHeadDim);
    const weights = this.#checkWeights(given.weights);
    const lse = given.lse === undefined ? null : checkLse(given.lse, "lse", batch, tokens, numHeads);
    const kScale = checkScale(given.kScale, "kScale", batch, isFloat8 || "the cache is not fp8");
    const qScale = checkScale(
      given.qScale,
      "qScale",
      batch,
      isFloat8 ? (this.runner.takesQueryScale ?? `${this.backend} takes none`) : "the cache is not fp8",
    );
    const cache = checkCache(given.cache, batch, this.kvCacheLayout, latent !== null);
    const call = { queryNope, queryRope, latent, keyRope, weights, output, lse, kScale, qScale, cache };
    this.enqueue(call, batch, cache, stream, capture);
  }

  #checkWeights(value: unknown): MlaWeights {
    const weights = checkWeights(value);
    const { numHeads, dtype } = this.config;
    checkTensor(weights.kvB, "weights", { device: this.device }, dtype);
    if (this.runner.takesQuantisedWeights && weights.quantised === null) {
      throw invalidArgument(
        "weights",
        "weights of this attention's prepareKvB, in fp8 for its products",
        "weights without",
      );
    }
    if (weights.kvB.shape[0] === numHeads) return weights;
    throw invalidArgument("weights", `those of ${numHeads} heads`, weights.kvB.shape[0]);
  }
}

/**
 * Chooses a backend for a configuration of latent attention and makes its attention on a device, one for all layers; loads the
 * kernels, so it blocks. Errors as `createAttention`.
 */
export function createMlaAttention(device: Device, config: MlaAttentionConfig): MlaAttention {
  checkPlain(config, "config");
  if (!isMlaConfig(config)) {
    throw invalidArgument("config", "the options of latent attention, kvLoraRank among them", config);
  }
  return new MlaAttention(chooseBackend(device, config));
}
