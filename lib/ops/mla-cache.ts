import { checkInstance, checkOptions } from "../arguments.js";
import type { ComputeDType } from "../config.js";
import type { Stream } from "../device/stream.js";
import { Tensor } from "../device/tensor.js";
import { invalidArgument } from "../errors.js";
import { isFloat8 } from "../float8.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { type Operation, operationOn } from "../kernels/operation.js";
import { KvCacheLayer } from "../kv-cache/layer.js";
import { numberOf, pointerOf } from "./arguments.js";
import { checkMetadata } from "./cache-access.js";
import { checkRanges, type GatherCacheOptions } from "./gather.js";
import { checkScale, checkVectors } from "./operands.js";

/** Elements of a latent, and of the rotary part of its key. */
const [RANK, ROPE] = [512, 64];

/** New tokens' latents and rotary keys, and the slots of a layer's latent cache that they go to. */
export interface MlaCacheWriteOptions {
  /** [tokens, 512] in bfloat16 or float16, each dense. */
  latent: Tensor;
  /** [tokens, 64] */
  keyRope: Tensor;
  /** The layer's cache, of layout "latent". */
  cache: KvCacheLayer;
  /**
   * int64 [tokens] on the device: block x blockSize + place in the block. A token whose slot the cache does not have, such as
   * -1, is not written. Which of two tokens of one slot stays is not defined.
   */
  slotMapping: Tensor;
  /** Of an fp8 cache, which holds both divided by this, saturated. A positive number or float32 [1]; default 1. */
  kScale?: Tensor | number | undefined;
  /** Default: the device's default stream. */
  stream?: Stream | undefined;
}

/** Ranges of a layer's latent cache, and the dense tensors that they become: as {@link GatherCacheOptions}. */
export interface GatherMlaCacheOptions
  extends Pick<GatherCacheOptions, "cache" | "blockTable" | "starts" | "rowStarts" | "kScale" | "stream"> {
  /** [rows, 512] in bfloat16 or float16. Rows of no range, or of no block of the cache, stay as they are. */
  latent: Tensor;
  /** [rows, 64] */
  keyRope: Tensor;
}

/** Dense latents beside a cache, checked. */
interface LatentAccess {
  readonly latent: Tensor;
  readonly keyRope: Tensor;
  readonly cache: KvCacheLayer;
  readonly kScale: Tensor | number | null;
}

const WRITE_KEYS = ["latent", "keyRope", "cache", "slotMapping", "kScale", "stream"] as const;
const GATHER_KEYS = [
  "cache",
  "blockTable",
  "starts",
  "rowStarts",
  "latent",
  "keyRope",
  "kScale",
  "stream",
] as const;

/**
 * Writes latents and rotary keys to their slots of a cache of layout "latent". Enqueues and returns; may be captured. The first
 * call of a kind loads a kernel and blocks. ERR_INVALID_ARGUMENT, ERR_DISPOSED, ERR_NO_KERNELS_FOR_ARCH.
 */
export function concatAndCacheMla(options: MlaCacheWriteOptions): void {
  const { slotMapping, stream: named, ...given } = checkOptions(options, WRITE_KEYS);
  const slots = checkInstance(slotMapping, "slotMapping", Tensor);
  const access = checkAccess(given, slots.shape[0] ?? 0);
  const [tokens = 0] = checkMetadata(slots, "slotMapping", access.latent, "int64", 1).shape;
  const stream = access.latent.device.streamOf(named);
  if (tokens === 0) return;
  operationFor("concat_and_cache_mla", access).launch(
    access,
    { slot_mapping: slots.pointer },
    tokens,
    stream,
  );
}

/**
 * Makes dense latents and rotary keys of a range of positions of each sequence, of a cache of layout "latent"; times their scale,
 * where that is fp8. Else like {@link gatherCache}.
 */
export function gatherMlaCache(options: GatherMlaCacheOptions): void {
  const { blockTable, starts, rowStarts, stream: named, ...given } = checkOptions(options, GATHER_KEYS);
  const [rows = 0] = checkInstance(given.latent, "latent", Tensor).shape;
  const access = checkAccess(given, rows);
  const ranges = checkRanges({ blockTable, starts, rowStarts }, access.latent);
  const stream = access.latent.device.streamOf(named);
  if (rows === 0 || ranges.sequences === 0) return;
  const tables = {
    block_table: ranges.blockTable,
    stride_table: ranges.strideTable,
    starts: ranges.starts,
    row_starts: ranges.rowStarts,
    num_sequences: ranges.sequences,
  };
  operationFor("gather_mla_cache", access).launch(access, tables, rows, stream);
}

/** Checks an access to a latent cache, whose dense tensors have at least `rows` rows. */
function checkAccess(
  { cache: given, ...of }: Readonly<Partial<Record<keyof LatentAccess, unknown>>>,
  rows: number,
): LatentAccess {
  const cache = checkInstance(given, "cache", KvCacheLayer);
  cache.check();
  const { layout } = cache;
  if (layout.name !== "latent") throw invalidArgument("cache", "a layer of layout latent", layout.name);
  const { dtype } = checkInstance(of.latent, "latent", Tensor);
  const isScaled = isFloat8(layout.dtype);
  const taken = isScaled ? ["bfloat16", "float16"] : [layout.dtype];
  if (!taken.includes(dtype)) {
    throw invalidArgument("latent", `dtype ${taken.join(" or ")} for a cache of ${layout.dtype}`, dtype);
  }
  const at = cache.part("latent").tensor;
  const vectors = (value: unknown, name: string, size: number) =>
    checkVectors(value, name, at, { dtype, tokens: rows, size });
  return {
    cache,
    latent: vectors(of.latent, "latent", RANK),
    keyRope: vectors(of.keyRope, "keyRope", ROPE),
    kScale: checkScale(of.kScale, "kScale", at, isScaled || "the cache is not fp8"),
  };
}

/** An operation's kernel for an access, one workgroup a row. */
function operationFor(operation: string, { cache, latent }: LatentAccess) {
  const { blockSize, dtype } = cache.layout;
  const needs: Operation["needs"] = {
    ...{ dtype: latent.dtype as ComputeDType, kvCacheDtype: isFloat8(dtype) ? "fp8" : "auto" },
    ...{
      headSize: RANK + ROPE,
      blockSize,
      layout: "latent",
      queriesPerKv: 1,
      attentionType: "decoder",
      features: [],
    },
  } as const;
  return operationOn(latent.device, { operation, provider: "triton", needs }, (plan) =>
    bind(plan, blockSize),
  );
}

function bind(plan: LaunchPlan, blockSize: number) {
  plan.set({ block_size: blockSize });
  return {
    launch(
      { cache, latent, keyRope, kScale }: LatentAccess,
      tables: Readonly<Record<string, bigint | number>>,
      rows: number,
      stream: Stream,
    ): void {
      const { pointer, blockStride, strides } = cache.part("latent");
      plan.set({
        latent_cache: pointer,
        num_blocks: cache.numBlocks,
        stride_block: blockStride,
        stride_slot: strides[0]!,
        latent: latent.pointer,
        stride_latent_token: latent.strides[0]!,
        key_rope: keyRope.pointer,
        stride_key_rope_token: keyRope.strides[0]!,
        key_scale: numberOf(kScale),
        key_scale_tensor: pointerOf(kScale),
        ...tables,
      });
      plan.complete();
      plan.launch(stream, rows);
    },
  };
}
