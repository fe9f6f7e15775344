export { Attention, createAttention, type ForwardOptions } from "./attention/attention.js";
export { compileFlex } from "./attention/compile-flex.js";
export { createMlaAttention, MlaAttention, type MlaForwardOptions } from "./attention/mla.js";
export { registerBackend } from "./attention/registered.js";
export type { AttentionBackend, BackendContext, BackendFactory, RunContext } from "./backends/backend.js";
export { Batch, createBatch, type Derived, type DerivedSource } from "./batch/batch.js";
export type { BatchLimits, BatchUpdate, StepShape, StepView } from "./batch/step.js";
export type { Catalog, CatalogRow, Launch, Provider, Verified } from "./catalog/choose.js";
export type { Feature } from "./catalog/features.js";
export type { Kernarg, KernargType, KernelRow, Recipe } from "./catalog/manifest.js";
export type { FeatureLevel, Serves } from "./catalog/serves.js";
export type { Sizes } from "./catalog/sizes.js";
export {
  ATTENTION_TYPES,
  type AttentionConfig,
  type AttentionType,
  BACKEND_NAMES,
  type BackendName,
  type BuiltinBackendName,
  COMPUTE_DTYPES,
  type CommonConfig,
  type ComputeDType,
  type Environment,
  KV_CACHE_DTYPES,
  type KvCacheDType,
  type LatentSizes,
  type MlaAttentionConfig,
  type ResolvedCommon,
  type ResolvedConfig,
} from "./config.js";
export type { KernelFacts } from "./device/code-object.js";
export type { DeviceContext, DeviceInfo } from "./device/context.js";
export { Device, EMULATED_ARCHS, type EmulatedArch, type EmulatedDeviceOptions } from "./device/device.js";
export type { TypedArray } from "./device/elements.js";
export {
  type AllocationCounters,
  INSTRUCTION_CLASSES,
  type InstructionClass,
  type LaunchCounters,
  type MemoryCounters,
  type ProfileRow,
  setEmulatorOption,
  takeLaunchCounters,
  type WorkgroupCounters,
} from "./device/emulator.js";
export type { HostBytes } from "./device/host-bytes.js";
export { MEMORY_CATEGORIES, type MemoryCategory, type MemoryReport } from "./device/memory.js";
export type { Kernel, Module } from "./device/module.js";
export { peerCopy } from "./device/peer-copy.js";
export {
  type DeviceEvent,
  type DeviceWithStreams,
  type Graph,
  type LaunchOptions,
  Stream,
} from "./device/stream.js";
export { type FromPointerOptions, Tensor, type ViewOptions } from "./device/tensor.js";
export { DTYPES, type DType, itemSize } from "./dtype.js";
export { type ErrorCode, type ErrorDetails, RocmAttentionError } from "./errors.js";
export type { Readable } from "./flex/modifications.js";
export * as flex from "./flex/modifications.js";
export type { FlexType } from "./flex/operations.js";
export type { FlexPosition, FlexTexts, MaskMod, ScoreMod } from "./flex/trace.js";
export type { FlexOperand, FlexValue } from "./flex/value.js";
export type { Float8 } from "./float8.js";
export { bfloat16, float8, float16, type Numbers } from "./floats.js";
export type { ChosenKernels, ChosenLaunch } from "./kernels/chosen.js";
export type { LaunchPlan } from "./kernels/launch-plan.js";
export type { KernelSource } from "./kernels/sources.js";
export type { LocatedRow } from "./kernels/store.js";
export { type KernelLaunch, type LaunchListener, traceLaunches } from "./kernels/trace.js";
export type { BlockCopy } from "./kv-cache/block-copies.js";
export { type BatchInput, BlockPool, type PoolCounters, type SequenceId } from "./kv-cache/block-pool.js";
export { BlockStore } from "./kv-cache/block-store.js";
export { KvCache } from "./kv-cache/cache.js";
export { HostKvCache } from "./kv-cache/host-cache.js";
export { type CacheTensors, KvCacheLayer, type LayerPart } from "./kv-cache/layer.js";
export type { CacheLayout, CachePart, LayoutName, PartName } from "./kv-cache/layouts.js";
export type { ExtraKeys, TokenIds } from "./kv-cache/prefix-hash.js";
export { type Logger, type LogLevel, setLogger } from "./log.js";
export { type Metric, type MetricsListener, setMetrics } from "./metrics.js";
export { setAddon } from "./native-files.js";
export { type CacheWriteOptions, reshapeAndCache, reshapeAndCacheFlash } from "./ops/cache-write.js";
export type { AttentionCall } from "./ops/call.js";
export { type ConvertFp8Options, convertFp8 } from "./ops/convert-fp8.js";
export { type GatherCacheOptions, gatherCache } from "./ops/gather.js";
export {
  type AttentionState,
  type MergeAttentionStatesOptions,
  mergeAttentionStates,
} from "./ops/merge-states.js";
export {
  concatAndCacheMla,
  type GatherMlaCacheOptions,
  gatherMlaCache,
  type MlaCacheWriteOptions,
} from "./ops/mla-cache.js";
export { type MlaCall, MlaWeights } from "./ops/mla-call.js";
export type { QuantisedWeights } from "./ops/mla-weights.js";
export type { Capabilities, Capability, Exclusion, KernelChoice, Limits } from "./selection/capabilities.js";
export { explain, type SelectionOptions, selectBackend } from "./selection/explain.js";
export type {
  BackendOrigin,
  Candidate,
  Explanation,
  Failure,
  KernelStatus,
  LaunchReport,
  Phase,
  PhaseKernel,
  PhasePlan,
  Reason,
  VariableReport,
} from "./selection/explanation.js";
export type { OwnCapabilities } from "./selection/own-capabilities.js";
export { type BackendListing, listBackends, overrideBackend } from "./selection/registry.js";
export type { FlagName, VariableName } from "./selection/variables.js";
