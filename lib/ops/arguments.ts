import type { Batch } from "../batch/batch.js";
import { type ResolvedConfig, usesCache } from "../config.js";
import type { Tensor } from "../device/tensor.js";
import { isFloat8 } from "../float8.js";
import type { LaunchPlan } from "../kernels/launch-plan.js";
import type { KvCacheLayer, LayerPart } from "../kv-cache/layer.js";
import type { AttentionCall } from "./call.js";

/** Rows of heads in memory, [rows, heads, headSize]: a tensor, or what has the same meaning. */
export interface Rows {
  readonly pointer: bigint;
  readonly strides: readonly number[];
}

/** Dense keys and values, and the cache that they go to or come from. */
export interface CacheAccess {
  readonly key: Rows | null;
  readonly value: Rows | null;
  readonly kScale: Tensor | number | null;
  readonly vScale: Tensor | number | null;
  /** null: an encoder's attention, which has none. */
  readonly cache: KvCacheLayer | null;
}

/** A call of attention, whose queries, keys, values and results may be others than the caller's. */
export type DenseCall = Omit<AttentionCall, "query" | "key" | "value" | "output" | "lse"> &
  Pick<CacheAccess, "key" | "value"> & {
    readonly query: Rows;
    readonly output: Rows & Pick<Tensor, "dtype">;
    readonly lse: Pick<Tensor, "pointer"> | null;
  };

/** Where a launch finds an argument that can change from call to call. */
type Source<Call> = (call: Call, batch: Batch, alibiSlopes: bigint) => bigint | number;

/** The arguments that differ from layer to layer of a step, by the names of manifests. */
const LAYER_SOURCES: Readonly<Record<string, Source<CacheAccess>>> = {
  key_cache: (access) => stored(access, "key").pointer,
  value_cache: (access) => stored(access, "value").pointer,
  stride_block: (access) => stored(access, "key").blockStride,
  stride_slot: (access) => stored(access, "key").strides[0]!,
  stride_head: (access) => stored(access, "key").strides[1]!,
  stride_key_block: ({ cache }) => cache!.part("key").blockStride,
  stride_value_block: (access) => stored(access, "value").blockStride,
  stride_value_slot: (access) => stored(access, "value").strides[0]!,
  stride_cached_value_head: (access) => stored(access, "value").strides[1]!,
  /** Slots of a value's element that lie side by side. */
  value_group: ({ cache }) => cache!.part("value").tensor.shape.at(-1)!,
  num_blocks: ({ cache }) => cache!.numBlocks,
  // Of a cache with a scale for each token and head; else nothing.
  key_scales: ({ cache }) => scalesOf(cache!, "keyScale")?.pointer ?? 0n,
  value_scales: ({ cache }) => scalesOf(cache!, "valueScale")?.pointer ?? 0n,
  stride_scale_block: ({ cache }) => cache!.part("keyScale").blockStride,
};

function scalesOf(cache: KvCacheLayer, name: "keyScale" | "valueScale"): LayerPart | null {
  return cache.layout.parts.some((part) => part.name === name) ? cache.part(name) : null;
}

/** The arguments of kernels that access a cache. A kernel gets those that it has. */
const CACHE_SOURCES: Readonly<Record<string, Source<CacheAccess>>> = {
  ...LAYER_SOURCES,
  key: ({ key }) => key!.pointer,
  stride_key_token: ({ key }) => key!.strides[0]!,
  stride_key_head: ({ key }) => key!.strides[1]!,
  value: ({ value }) => value!.pointer,
  stride_value_token: ({ value }) => value!.strides[0]!,
  stride_value_head: ({ value }) => value!.strides[1]!,
  // A scale is a number, or lies in memory: then the kernel does not look at the number.
  key_scale: ({ kScale }) => numberOf(kScale),
  key_scale_tensor: ({ kScale }) => pointerOf(kScale),
  value_scale: ({ vScale }) => numberOf(vScale),
  value_scale_tensor: ({ vScale }) => pointerOf(vScale),
};

/** The arguments that can change, by the names of manifests. A kernel gets those that it has. */
const SOURCES: Readonly<Record<string, Source<DenseCall>>> = {
  ...CACHE_SOURCES,
  query: ({ query }) => query.pointer,
  stride_query_token: ({ query }) => query.strides[0]!,
  stride_query_head: ({ query }) => query.strides[1]!,
  output: ({ output }) => output.pointer,
  stride_output_token: ({ output }) => output.strides[0]!,
  stride_output_head: ({ output }) => output.strides[1]!,
  lse: ({ lse }) => lse?.pointer ?? 0n,
  write_lse: ({ lse }) => (lse === null ? 0 : 1),
  sinks: ({ sinks }) => sinks?.pointer ?? 0n,
  alibi_slopes: (_, __, alibiSlopes) => alibiSlopes,
  output_scale: ({ outputScale }) => numberOf(outputScale),
  output_scale_tensor: ({ outputScale }) => pointerOf(outputScale),
  write_fp8: ({ output }) => (isFloat8(output.dtype) ? 1 : 0),
  query_start_loc: (_, batch) => batch.queryStartLocPointer,
  seq_lens: (_, batch) => batch.seqLensPointer,
  block_table: ({ cache }, batch) => (cache === null ? batch.queryStartLocPointer : batch.blockTablePointer),
  stride_table: ({ cache }, batch) => (cache === null ? 1 : batch.limits.maxBlocksPerSequence),
  slot_mapping: (_, batch) => batch.slotMappingPointer,
};

/**
 * Keys or values as kernels of a cache find them. Those of an encoder's call are taken for a cache, too: each sequence is one
 * block of it, a block begins at any token, and queryStartLoc is the block table.
 */
function stored(
  { cache, key, value }: CacheAccess,
  name: "key" | "value",
): Pick<LayerPart, "pointer" | "strides" | "blockStride"> {
  if (cache !== null) return cache.part(name);
  const { pointer, strides } = (name === "key" ? key : value)!;
  return { pointer, strides, blockStride: strides[0]! };
}

/** The number of a scale, where it does not lie in memory. */
export function numberOf(scale: Tensor | number | null): number {
  return typeof scale === "number" ? scale : 1;
}

/** The address of a scale in memory; 0n: it is a number. */
export function pointerOf(scale: Tensor | number | null): bigint {
  return scale === null || typeof scale === "number" ? 0n : scale.pointer;
}

/** The largest window that kernels count in: no sequence is longer. */
const NO_WINDOW = 2 ** 31 - 1;
/** Tokens of an encoder's one block: no sequence is longer, and parts of keys do not cross its end. */
const ONE_BLOCK = 2 ** 30;

/** Arguments that stay the same for an attention. Our kernels compute in base 2; those that do not have names of their own. */
function constants(config: ResolvedConfig): Record<string, number> {
  const { numHeads, numKvHeads, headSize, blockSize, scale, logitsSoftCap, slidingWindow } = config;
  const window = Math.min(slidingWindow ?? NO_WINDOW, NO_WINDOW);
  return {
    scale: scale * Math.LOG2E,
    softmax_scale: scale,
    soft_cap: (logitsSoftCap ?? 0) * Math.LOG2E,
    logits_soft_cap: logitsSoftCap ?? 0,
    has_soft_cap: logitsSoftCap === null ? 0 : 1,
    window,
    // Keys that a query sees ahead of itself: in an encoder its window reaches as far ahead as back.
    ahead: config.attentionType === "decoder" ? 0 : window - 1,
    group: numHeads / numKvHeads,
    num_heads: numHeads,
    num_kv_heads: numKvHeads,
    head_size: headSize,
    block_size: usesCache(config) ? blockSize : ONE_BLOCK,
    row_elements: numKvHeads * headSize,
  };
}

/**
 * Sets a plan's constants and returns the function that sets everything else that a call and a batch decide; it takes the
 * address of the attention's ALiBi slopes too, 0n for none. The launch's own arguments remain to the operation.
 */
export function bindArguments(
  plan: LaunchPlan,
  config: ResolvedConfig,
): (call: DenseCall, batch: Batch, alibiSlopes?: bigint) => void {
  plan.set(constants(config));
  const bind = bindSources(plan, SOURCES, LAYER_SOURCES);
  return (call, batch, alibiSlopes = 0n) => bind(call, batch, alibiSlopes);
}

/** The function that sets what an access to a cache decides. */
export function bindCache(plan: LaunchPlan): (access: CacheAccess) => void {
  return bindSources(plan, CACHE_SOURCES) as (access: CacheAccess) => void;
}

/**
 * The function that sets those arguments of a plan that `sources` name, from what it is called with. Where a call differs from
 * the one before in its cache alone, as the calls of a step's layers do, only those that `ofLayer` names are set again.
 */
export function bindSources<Call extends object, Metadata>(
  plan: LaunchPlan,
  sources: Readonly<Record<string, (call: Call, batch: Batch, metadata: Metadata) => bigint | number>>,
  ofLayer: object = sources,
): (call: Call, batch: Batch, metadata: Metadata) => void {
  const names = plan.argumentNames.filter((name) => Object.hasOwn(sources, name));
  const setterOf = (name: string) => ({ set: plan.setter(name), source: sources[name]! });
  const everyLayer = names.filter((name) => Object.hasOwn(ofLayer, name)).map(setterOf);
  const once = names.filter((name) => !Object.hasOwn(ofLayer, name)).map(setterOf);
  let last: { call: Call; batch: Batch; metadata: Metadata } | null = null;
  return (call, batch, metadata) => {
    const { length } = everyLayer;
    for (let index = 0; index < length; index++) {
      const { set, source } = everyLayer[index]!;
      set(source(call, batch, metadata));
    }
    if (once.length === 0) return;
    if (last !== null && last.batch === batch && last.metadata === metadata && isAlike(last.call, call))
      return;
    for (const { set, source } of once) set(source(call, batch, metadata));
    last = { call, batch, metadata };
  };
}

/** Whether two calls differ in nothing but their cache. */
function isAlike<Call extends object>(one: Call, other: Call): boolean {
  for (const name in one) {
    if (name !== "cache" && one[name] !== other[name]) return false;
  }
  return true;
}
