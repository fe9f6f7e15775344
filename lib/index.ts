export { Attention, createAttention, type ForwardOptions } from "./attention/attention.js";
export { type BackendFactory, registerBackend } from "./attention/backends.js";
export {
  Batch,
  type BatchLimits,
  type BatchShape,
  type BatchUpdate,
  createBatch,
} from "./attention/batch.js";
export type { AttentionBackend, ForwardCall } from "./backends/backend.js";
export type { Catalog, CatalogKernel, Provider, Verified } from "./catalog/choose.js";
export {
  ATTENTION_TYPES,
  type AttentionConfig,
  type AttentionType,
  BACKEND_NAMES,
  type BackendName,
  type BuiltinBackendName,
  COMPUTE_DTYPES,
  type ComputeDType,
  type Environment,
  KV_CACHE_DTYPES,
  type KvCacheDType,
  type MlaAttentionConfig,
  type ResolvedConfig,
} from "./config.js";
export {
  INSTRUCTION_CLASSES,
  type InstructionClass,
  type LaunchCounters,
  type MemoryCounters,
  type ProfileRow,
  takeLaunchCounters,
} from "./device/counters.js";
export {
  Device,
  type DeviceInfo,
  EMULATED_ARCHS,
  type EmulatedArch,
  type EmulatedDeviceOptions,
} from "./device/device.js";
export type { TypedArray } from "./device/elements.js";
export { setEmulatorOption } from "./device/emulator.js";
export type { DeviceEvent } from "./device/event.js";
export type { Graph } from "./device/graph.js";
export { MEMORY_CATEGORIES, type MemoryCategory, type MemoryReport } from "./device/memory.js";
export type { Kernel, KernelFacts, Module } from "./device/module.js";
export { peerCopy } from "./device/peer-copy.js";
export { type LaunchOptions, Stream } from "./device/stream.js";
export { type FromPointerOptions, Tensor, type ViewOptions } from "./device/tensor.js";
export type { HostBytes } from "./device/transfer.js";
export { DTYPES, type DType, itemSize } from "./dtype.js";
export { type ErrorCode, type ErrorDetails, RocmAttentionError } from "./errors.js";
export { type KernelLaunch, type LaunchListener, traceLaunches } from "./kernels/trace.js";
export { type BatchInput, BlockPool, type SequenceId } from "./kv-cache/block-pool.js";
export { type BlockCopy, type CacheLayout, KvCache, KvCacheLayer } from "./kv-cache/cache.js";
export { type Logger, type LogLevel, setLogger } from "./log.js";
export type { Capabilities } from "./selection/capabilities.js";
export { explain, type SelectionOptions, selectBackend } from "./selection/explain.js";
export type {
  BackendOrigin,
  Candidate,
  Explanation,
  LaunchReport,
  Phase,
  PhaseKernel,
  PhasePlan,
  Reason,
  VariableReport,
} from "./selection/explanation.js";
export type { OwnCapabilities } from "./selection/own-capabilities.js";
export { type BackendListing, listBackends, overrideBackend } from "./selection/registry.js";
