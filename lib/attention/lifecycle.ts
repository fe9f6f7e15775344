import { checkInstance, checkInteger, checkOptions, checkPlain, PackageObject } from "../arguments.js";
import type { AttentionBackend } from "../backends/backend.js";
import type { Batch, Derived } from "../batch/batch.js";
import { fp8Encoding } from "../catalog/targets.js";
import {
  type AttentionConfig,
  type BackendName,
  hasTokenScales,
  type MlaAttentionConfig,
  type ResolvedConfig,
  storesFloat8,
  usesCache,
} from "../config.js";
import type { Capture } from "../device/capture.js";
import { Device } from "../device/device.js";
import type { Stream } from "../device/stream.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";
import { ChosenKernels } from "../kernels/chosen.js";
import { kernelsForDevice, otherContracts } from "../kernels/store.js";
import { blocksIn } from "../kv-cache/block-store.js";
import { KvCache } from "../kv-cache/cache.js";
import { type CacheTensors, type KvCacheLayer, wrapLayer } from "../kv-cache/layer.js";
import { type CacheLayout, isLayoutName, makeLayout } from "../kv-cache/layouts.js";
import { Workspace } from "../ops/workspace.js";
import { explain } from "../selection/explain.js";
import type { Explanation } from "../selection/explanation.js";
import { errorOf, kernelFailure } from "../selection/failure.js";
import { announce } from "./announce.js";
import { makeBackend } from "./registered.js";
import { checkBatch } from "./validate.js";

/** A backend that was chosen and made for a configuration on a device. */
export interface Chosen<Call> {
  readonly device: Device;
  readonly explanation: Explanation;
  readonly config: ResolvedConfig;
  readonly backend: AttentionBackend<Call>;
}

/** An attention's state for one batch. */
interface Prepared {
  readonly derived: unknown;
  readonly metadata: readonly Derived[];
  readonly workspace: Workspace;
  /** The plan of the step of that version. */
  plan: unknown;
  version: number;
  /** The plan of every capture: for the largest step. Made when first needed. */
  capturedPlan?: { readonly plan: unknown };
}

/** The life of an attention, whatever its calls are: caches, batches, workspace, plans, disposal. */
export abstract class AttentionLifecycle<Call> extends PackageObject {
  /** The device whose tensors, caches and batches it takes. */
  readonly device: Device;
  /** The name of the backend that runs it. */
  readonly backend: BackendName;
  /** Why that backend runs it: every candidate with its reasons, the kernels of each phase, what variables did. */
  readonly explanation: Explanation;
  /** The options with every default filled in. */
  readonly config: ResolvedConfig;
  /** @internal */
  protected readonly runner: AttentionBackend<Call>;
  readonly #prepared = new Map<Batch, Prepared>();
  #disposed = false;

  /** @internal */
  constructor({ device, explanation, config, backend }: Chosen<Call>) {
    super();
    this.device = device;
    this.backend = explanation.backend!;
    this.explanation = explanation;
    this.config = Object.freeze(config);
    this.runner = backend;
  }

  /** The cache's layout: names, shapes and dtypes of its parts. */
  get kvCacheLayout(): CacheLayout {
    return this.runner.cacheLayout;
  }

  /** Bytes of one block of one layer. */
  get kvCacheBytesPerBlock(): number {
    return this.runner.cacheLayout.bytesPerBlock;
  }

  /** Whether `dispose()` has been called, or the device was closed: it cannot be used any more. */
  get disposed(): boolean {
    return this.#disposed || this.device.closed;
  }

  /**
   * Allocates a cache of `numBlocks` blocks for each of `layers` layers (default 1). Blocks. Refused, like `blocksThatFit` and
   * `wrapKvCache`, by an encoder, which has no cache. ERR_INVALID_ARGUMENT, ERR_OUT_OF_MEMORY, and ERR_BACKEND_UNSUPPORTED, as by
   * `wrapKvCache`, for more blocks than the backend's kernels reach.
   */
  createKvCache(options: { numBlocks: number; layers?: number }): KvCache {
    this.#checkUsesCache();
    if (options === undefined) throw invalidArgument("options", "an object with numBlocks, layers", options);
    const { numBlocks, layers = 1 } = checkOptions(options, ["numBlocks", "layers"]);
    if ((numBlocks as number) > this.#mostBlocks) throw this.#beyondReach("numBlocks", numBlocks as number);
    return new KvCache(this.device, this.kvCacheLayout, numBlocks as number, layers as number);
  }

  /**
   * The most blocks of a cache of `layers` layers that take at most `bytes`, and that the backend's kernels reach. Default: of what
   * the device has free now.
   */
  blocksThatFit(options: { layers: number; bytes?: number }): number {
    this.#checkUsesCache();
    if (options === undefined) throw invalidArgument("options", "an object with layers, bytes", options);
    const { layers, bytes = this.device.memory().free } = checkOptions(options, ["layers", "bytes"]);
    const count = checkInteger(layers, "layers", 1, 2 ** 31 - 1);
    const fitting = blocksIn(checkInteger(bytes, "bytes", 0), this.kvCacheLayout, count);
    return Math.min(fitting, this.#mostBlocks);
  }

  /** Uses tensors [numBlocks, ...] of the layout's parts, { key, value } or { latent }, as one layer's cache. */
  wrapKvCache(tensors: CacheTensors): KvCacheLayer {
    this.#checkUsesCache();
    const layer = wrapLayer(tensors, this.kvCacheLayout);
    const { name } = this.kvCacheLayout.parts[0]!;
    if (layer.maxPartBytes > (this.runner.maxPartBytes ?? Number.POSITIVE_INFINITY)) {
      throw this.#beyondReach(name, layer.numBlocks);
    }
    if (layer.part(name).tensor.device === this.device) return layer;
    throw invalidArgument(name, "a tensor on the attention's device", "one on another device");
  }

  /**
   * Lets this attention and a batch meet: allocates workspace and derives the metadata that the backend needs of the
   * batch's steps, of the current one at once. `forward` does it at first use; before a capture it must have been done.
   * ERR_OUT_OF_MEMORY.
   */
  prepare(batch: Batch, options: { stream?: Stream } = {}): void {
    this.check();
    const given = checkOptions(options, ["stream"]);
    const stream = this.device.streamOf(given.stream as Stream | undefined);
    this.#prepare(checkBatch(batch, this.device, this.config), stream).workspace.at(stream, stream.capture);
  }

  /**
   * Does ahead what the first call with a batch would: `prepare`, behind which `createAttention` has loaded the kernels
   * already. Settles when the device is ready. Errors: those of `prepare`, and what went wrong on the device.
   */
  async warmUp(batch: Batch, options: { stream?: Stream } = {}): Promise<void> {
    this.prepare(batch, options);
    await (options.stream ?? this.device.defaultStream).synchronize();
  }

  /** Frees workspace and derived metadata after their last use. Caches and batches live on. Idempotent. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const prepared of this.#prepared.values()) end(prepared);
    this.#prepared.clear();
    this.runner.dispose();
  }

  /** The end of a `using` declaration: as `dispose()`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Throws unless the attention may be used, as far as the device's own checks do not say. */
  protected checkDisposed(): void {
    if (!this.#disposed) return;
    throw new RocmAttentionError("ERR_DISPOSED", "the attention was used after its dispose()");
  }

  /** Throws unless the attention and its device may be used. */
  protected check(): void {
    this.checkDisposed();
    this.device.check();
  }

  /** The most blocks of a layer that the backend's kernels reach. */
  get #mostBlocks(): number {
    const { cacheLayout, maxPartBytes = Number.POSITIVE_INFINITY } = this.runner;
    return Math.floor(maxPartBytes / Math.max(...cacheLayout.parts.map(({ bytes }) => bytes)));
  }

  #beyondReach(argument: string, numBlocks: number): RocmAttentionError {
    const { blockSize } = this.kvCacheLayout;
    return new RocmAttentionError(
      "ERR_BACKEND_UNSUPPORTED",
      `${this.backend}'s kernels for block size ${blockSize} reach ${this.#mostBlocks} blocks of a layer, not ${numBlocks}`,
      { argument },
    );
  }

  /** Throws unless the attention may be used and attends to a cache. */
  #checkUsesCache(): void {
    this.check();
    if (usesCache(this.config)) return;
    const { attentionType } = this.config;
    throw invalidArgument(
      "attentionType",
      "decoder or encoder_decoder for a KV cache: an encoder attends to the keys and values of the call",
      attentionType,
    );
  }

  /** @internal Enqueues a call that has passed all checks. `capture`: the stream's. */
  protected enqueue(
    call: Call,
    batch: Batch,
    cache: KvCacheLayer | null,
    stream: Stream,
    capture: Capture | null,
  ): void {
    const prepared = this.#prepared.get(batch) ?? this.#prepareForCall(batch, stream, capture);
    if (capture !== null && cache !== null) batch.limitBlocks(cache.numBlocks, capture);
    const plan = capture === null ? this.#planOfStep(prepared, batch) : this.#planOfCapture(prepared, batch);
    const workspace = prepared.workspace.at(stream, capture);
    const at = { batch, derived: prepared.derived, workspace, stream };
    stream.together(() => this.runner.run(call, plan, at));
  }

  #prepareForCall(batch: Batch, stream: Stream, capture: Capture | null): Prepared {
    if (capture === null) return this.#prepare(batch, stream);
    throw invalidArgument(
      "batch",
      "a batch that attention.prepare(batch) has seen before the capture",
      batch,
    );
  }

  #prepare(batch: Batch, stream: Stream): Prepared {
    const known = this.#prepared.get(batch);
    if (known !== undefined) return known;
    for (const [other, prepared] of this.#prepared) {
      if (!other.disposed) continue;
      end(prepared);
      this.#prepared.delete(other);
    }
    const metadata: Derived[] = [];
    const { workspaceBytes, derived } = this.runner.prepare(batch.limits, (source) => {
      const made = batch.derive(source, { stream });
      metadata.push(made);
      return made;
    });
    const workspace = new Workspace(this.device, workspaceBytes);
    const prepared: Prepared = { derived, metadata, workspace, plan: null, version: -1 };
    this.#prepared.set(batch, prepared);
    return prepared;
  }

  /** One plan serves all layers of a step. */
  #planOfStep(prepared: Prepared, batch: Batch): unknown {
    const { step } = batch;
    if (prepared.version === step.version) return prepared.plan;
    prepared.plan = this.runner.plan(step.shape, step);
    prepared.version = step.version;
    return prepared.plan;
  }

  #planOfCapture(prepared: Prepared, batch: Batch): unknown {
    prepared.capturedPlan ??= { plan: this.runner.plan(batch.largestShape, null) };
    return prepared.capturedPlan.plan;
  }
}

function end({ metadata, workspace }: Prepared): void {
  for (const derived of metadata) derived.dispose();
  workspace.dispose();
}

/** Chooses a backend for a configuration and makes it. Loads its kernels, so it blocks. Throws the explanation's error. */
export function chooseBackend<Call>(
  device: Device,
  options: AttentionConfig | MlaAttentionConfig,
): Chosen<Call> {
  checkInstance(device, "device", Device).check();
  checkPlain(options, "config");
  const { arch, gcnArchName } = device.info;
  const catalog = kernelsForDevice(gcnArchName, options.env);
  const explanation = explain(options, { device, catalog });
  const { backend: name, error, config, phases } = explanation;
  if (name === null) throw errorOf(error!);
  const lack = kernelFailure(explanation);
  if (lack !== null) {
    const notes = otherContracts(arch, options.env).map((note) => `. ${note}`);
    throw errorOf({ ...lack, message: lack.message + notes.join("") });
  }
  const launches = phases.flatMap(({ kernels }) => kernels.flatMap((kernel) => kernel.launches));
  const kernels = new ChosenKernels(device, catalog, launches, options.env);
  const layout = cacheLayoutFor(explanation.kvCacheLayout, config!, arch);
  const backend = makeBackend<Call>(name, { device, config: config!, kernels, layout });
  explanation.notes.push(...(backend.notes ?? []));
  announce(explanation);
  return { device, explanation, config: config!, backend };
}

/** The layout of that name for a configuration; null where this package has none of that name. */
function cacheLayoutFor(name: string | null, config: ResolvedConfig, arch: string): CacheLayout | null {
  if (name === null || !isLayoutName(name)) return null;
  const { blockSize, numKvHeads, headSize, kvCacheDtype } = config;
  const dtype = storesFloat8(kvCacheDtype)
    ? fp8Encoding(arch)!
    : kvCacheDtype === "int8_per_token"
      ? "int8"
      : config.dtype;
  const scales = hasTokenScales(kvCacheDtype);
  const layout = makeLayout(name, { blockSize, numKvHeads, headSize, dtype, scales });
  if (layout !== null) return layout;
  throw new RocmAttentionError(
    "ERR_BACKEND_UNSUPPORTED",
    `the cache layout ${name} takes head and block sizes in groups of 16 bytes, not head size ${headSize} and block size ${blockSize} in ${dtype}`,
  );
}
