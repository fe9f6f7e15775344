import type { AttentionBackend, BackendContext, BackendFactory } from "../backends/backend.js";
import { BACKEND_FACTORIES } from "../backends/index.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";
import { BUILTIN_BACKENDS } from "../selection/backends.js";
import type { Capabilities } from "../selection/capabilities.js";
import type { OwnCapabilities } from "../selection/own-capabilities.js";
import { capabilitiesOf, registerCapabilities } from "../selection/registry.js";

/** Factories by capability table. */
const factories = new WeakMap<Capabilities, BackendFactory>(
  Object.entries(BACKEND_FACTORIES).map(([name, factory]) => [
    BUILTIN_BACKENDS[name as keyof typeof BUILTIN_BACKENDS],
    factory,
  ]),
);

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
export function makeBackend<Call>(name: string, context: BackendContext): AttentionBackend<Call> {
  const factory = factories.get(capabilitiesOf(name)!);
  if (factory === undefined) {
    throw new RocmAttentionError("ERR_NO_KERNELS_FOR_ARCH", `this version has no kernels for ${name} yet`);
  }
  const backend: Partial<AttentionBackend<Call>> | null | undefined = factory(context);
  const argument = `the backend of ${name}`;
  for (const method of ["prepare", "plan", "run", "dispose"] as const) {
    if (typeof backend?.[method] === "function") continue;
    throw invalidArgument(argument, "an object with cacheLayout, prepare, plan, run and dispose", backend);
  }
  const layout: unknown = backend?.cacheLayout;
  if (typeof layout !== "object" || layout === null || !("parts" in layout)) {
    throw invalidArgument(`${argument}: cacheLayout`, "a cache layout", layout);
  }
  return backend as AttentionBackend<Call>;
}
