import { checkInstance } from "../arguments.js";
import { joinWithOr } from "../catalog/sizes.js";
import type { ComputeDType, KvCacheDType } from "../config.js";
import { Tensor } from "../device/tensor.js";
import type { DType } from "../dtype.js";
import { invalidArgument } from "../errors.js";
import { isFloat8 } from "../float8.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import { type Operation, operationOn } from "../kernels/operation.js";
import { KvCacheLayer } from "../kv-cache/layer.js";
import { type CacheLayout, headsOf, type LayoutName } from "../kv-cache/layouts.js";
import type { CacheAccess } from "./arguments.js";
import { checkRows, checkScale, checkTensor, type OnDevice } from "./operands.js";

/** A cache and dense keys and values beside it, as a program hands them in. */
interface GivenAccess {
  readonly key?: unknown;
  readonly value?: unknown;
  readonly cache?: unknown;
  readonly kScale?: unknown;
  readonly vScale?: unknown;
}

/** An access that has passed all checks. */
export interface CheckedAccess extends CacheAccess {
  readonly key: Tensor;
  readonly value: Tensor;
  readonly cache: KvCacheLayer;
  readonly numKvHeads: number;
  readonly headSize: number;
  /** How the cache stores its elements, as kernels know it. */
  readonly stored: KvCacheDType;
}

const DTYPES = ["bfloat16", "float16"] as const;

/** Checks an access to a cache of one of these layouts, whose dense tensors have at least `rows` rows. */
export function checkAccess(
  { cache: given, ...of }: GivenAccess,
  layouts: readonly LayoutName[],
  rows: number,
): CheckedAccess {
  const cache = checkInstance(given, "cache", KvCacheLayer);
  cache.check();
  const { layout } = cache;
  const heads = headsOf(layout);
  if (heads === null || !layouts.some((name) => name === layout.name)) {
    throw invalidArgument("cache", `a layer of layout ${joinWithOr(layouts)}`, layout.name);
  }
  const { dtype } = checkInstance(of.key, "key", Tensor);
  const stored = storedBy(layout);
  const taken = stored !== "auto" ? DTYPES : DTYPES.filter((each) => each === layout.dtype);
  if (!taken.some((each) => each === dtype)) {
    throw invalidArgument("key", `dtype ${joinWithOr(taken)} for a cache of ${layout.dtype}`, dtype);
  }
  const at = cache.part("key").tensor;
  const { numKvHeads, headSize } = heads;
  const expected = { dtype, tokens: rows, heads: numKvHeads, headSize };
  const hasScales = stored === "fp8" || "the cache is not fp8 with one scale";
  return {
    key: checkRows(of.key, "key", at, expected),
    value: checkRows(of.value, "value", at, expected),
    kScale: checkScale(of.kScale, "kScale", at, hasScales),
    vScale: checkScale(of.vScale, "vScale", at, hasScales),
    cache,
    numKvHeads,
    headSize,
    stored,
  };
}

function storedBy({ dtype, parts }: CacheLayout): KvCacheDType {
  if (parts.length > 2) return isFloat8(dtype) ? "fp8_per_token" : "int8_per_token";
  return isFloat8(dtype) ? "fp8" : "auto";
}

/** What `make` makes of the kernel of an operation for such an access. */
export function operationFor<Made>(
  operation: string,
  { key, cache, numKvHeads, headSize, stored }: CheckedAccess,
  make: (plan: LaunchPlan, of: { numKvHeads: number; headSize: number; blockSize: number }) => Made,
): Made {
  const { name: layout, blockSize } = cache.layout;
  const needs: Operation["needs"] = {
    ...{ dtype: key.dtype as ComputeDType, kvCacheDtype: stored, headSize, blockSize, layout },
    ...{ queriesPerKv: 1, attentionType: "decoder", features: [] },
  };
  return operationOn(key.device, { operation, needs, constants: [numKvHeads] }, (plan) =>
    make(plan, { numKvHeads, headSize, blockSize }),
  );
}

/** Checks a contiguous tensor of metadata, whose elements are taken on trust. */
export function checkMetadata(
  value: unknown,
  argument: string,
  at: OnDevice,
  dtype: DType,
  dimensions: number,
): Tensor {
  const tensor = checkTensor(value, argument, at, dtype);
  if (tensor.shape.length !== dimensions) {
    throw invalidArgument(argument, `a tensor of ${dimensions} dimensions`, tensor.shape);
  }
  if (!tensor.contiguous) throw invalidArgument(argument, "a contiguous tensor", `strides ${tensor.strides}`);
  if (tensor.shape.some((size) => size >= 2 ** 31)) {
    throw invalidArgument(argument, "dimensions below 2^31", tensor.shape);
  }
  return tensor;
}
