import type { AttentionBackend } from "../backends/backend.js";
import { TritonAttention } from "../backends/triton-attn.js";
import type { BackendName, ResolvedConfig } from "../config.js";
import type { Device } from "../device/device.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";
import type { ChosenKernels } from "../kernels/chosen.js";
import { BUILTIN_BACKENDS } from "../selection/backends.js";
import type { Capabilities } from "../selection/capabilities.js";
import type { OwnCapabilities } from "../selection/own-capabilities.js";
import { capabilitiesOf, registerCapabilities } from "../selection/registry.js";

/** Makes what runs one attention. What it throws comes out of `createAttention`. */
export type BackendFactory = (
  device: Device,
  config: ResolvedConfig,
  kernels: ChosenKernels,
) => AttentionBackend;

/** Factories by capability table; a planned backend has none. */
const factories = new WeakMap<Capabilities, BackendFactory>([
  [BUILTIN_BACKENDS.TRITON_ATTN, (device, config, kernels) => new TritonAttention(device, config, kernels)],
]);

/**
 * Adds a backend, or replaces one of this package, in this thread: selection knows it by its `capabilities`, and where it
 * chooses it, `createAttention` calls the factory. A backend of a new name is chosen only by name (`backend`,
 * VLLM_ATTENTION_BACKEND, `overrideBackend`). Returns the function that undoes it; attentions made before live on.
 * ERR_INVALID_ARGUMENT.
 */
export function registerBackend(
  name: string,
  capabilities: OwnCapabilities,
  factory: BackendFactory,
): () => void {
  if (typeof factory !== "function") throw invalidArgument("factory", "a function", factory);
  const undo = registerCapabilities(name, capabilities);
  factories.set(capabilitiesOf(name)!, factory);
  return undo;
}

/** Makes the backend that selection chose. ERR_NO_KERNELS_FOR_ARCH where this version only plans it. */
export function makeBackend(
  name: BackendName,
  device: Device,
  config: ResolvedConfig,
  kernels: ChosenKernels,
): AttentionBackend {
  const factory = factories.get(capabilitiesOf(name)!);
  if (factory === undefined) {
    throw new RocmAttentionError("ERR_NO_KERNELS_FOR_ARCH", `this version has no kernels for ${name} yet`);
  }
  const backend: Partial<AttentionBackend> | null | undefined = factory(device, config, kernels);
  if (typeof backend?.forward === "function" && typeof backend.dispose === "function") {
    return backend as AttentionBackend;
  }
  throw invalidArgument("factory", `an object with forward and dispose from ${name}'s`, backend);
}
