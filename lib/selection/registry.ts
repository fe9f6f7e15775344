import { BACKEND_NAMES, type BackendName } from "../config.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";
import { BUILTIN_BACKENDS, isBuiltinBackend, OTHER_VLLM_BACKENDS } from "./backends.js";
import type { Capabilities } from "./capabilities.js";
import type { BackendOrigin } from "./explanation.js";
import { completeCapabilities, type OwnCapabilities } from "./own-capabilities.js";

/** A backend by its name now, and its origin: this package or the program. */
export interface Backend {
  readonly name: BackendName;
  readonly capabilities: Capabilities;
  readonly origin: BackendOrigin;
}

/** A backend as listings show it. */
export interface BackendListing {
  /** The backend's name. */
  name: BackendName;
  /** What it takes, and by which kernels; frozen. */
  capabilities: Capabilities;
  /** Whose it is: the package's or the program's. */
  origin: BackendOrigin;
  /** `overrideBackend` has forced it for the whole process. */
  overriding: boolean;
}

/** The program's registrations, oldest first. */
let registrations: readonly Backend[] = [];
/** Every backend by its name: the package's, then the program's. Made anew whenever the registrations change. */
let backends = current();
let forced: BackendName | null = null;

function current(): ReadonlyMap<BackendName, Backend> {
  const builtin = BACKEND_NAMES.map((name) => ({
    name,
    capabilities: deepFrozen(BUILTIN_BACKENDS[name]),
    origin: "builtin" as const,
  }));
  return new Map([...builtin, ...registrations].map((backend) => [backend.name, backend]));
}

/** Tables are handed out by listings: nobody may change what selection reads. */
function deepFrozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const entry of Object.values(value)) deepFrozen(entry);
  return Object.freeze(value);
}

function keepRegistrations(kept: readonly Backend[]): void {
  registrations = kept;
  backends = current();
}

/**
 * Makes a backend known to selection, or replaces one; a later registration hides an earlier one of the same name.
 * Returns the function that undoes it. Backends of other names are chosen only by name.
 */
export function registerCapabilities(name: string, capabilities: OwnCapabilities): () => void {
  if (typeof name !== "string" || !/^[A-Z][A-Z0-9_]*$/.test(name)) {
    throw invalidArgument("name", "capital letters, digits and underscores", name);
  }
  const backend: Backend = {
    name,
    capabilities: deepFrozen(completeCapabilities(capabilities)),
    origin: isBuiltinBackend(name) ? "replaced" : "registered",
  };
  keepRegistrations([...registrations, backend]);
  return () => keepRegistrations(registrations.filter((other) => other !== backend));
}

/** Forces a backend for every selection in this process from now on; null lets selection choose again. Returns what was forced before. */
export function overrideBackend(name: BackendName | null): BackendName | null {
  if (name !== null && typeof name !== "string") {
    throw invalidArgument("name", "the name of a backend, or null", name);
  }
  if (name !== null && capabilitiesOf(name) === undefined) {
    throw invalidBackend(name, "overrideBackend", "name");
  }
  const before = forced;
  forced = name;
  return before;
}

/** The backend that `overrideBackend` has forced. */
export function overridingBackend(): BackendName | null {
  return forced;
}

/** Every backend by its name: the latest registration's, or the package's own. */
export function backendsByName(): ReadonlyMap<BackendName, Backend> {
  return backends;
}

/** The capabilities in force under a name. */
export function capabilitiesOf(name: BackendName): Capabilities | undefined {
  return backends.get(name)?.capabilities;
}

/** The names that can be asked for: the package's, then those registered. */
export function backendNames(): BackendName[] {
  return [...backends.keys()];
}

/** Every backend with what is in force for it. */
export function listBackends(): BackendListing[] {
  return [...backends.values()].map((backend) => ({ ...backend, overriding: forced === backend.name }));
}

/** ERR_INVALID_BACKEND for a name that nobody has: the valid names, and the one that was probably meant. */
export function invalidBackend(name: string, where: string, argument?: string): RocmAttentionError {
  const names = backendNames();
  const nearest = nearestName(name, names);
  const other = OTHER_VLLM_BACKENDS.get(name);
  const hint =
    name === ""
      ? " An empty value is not the same as none: unset it to let selection choose."
      : other !== undefined
        ? ` vLLM has ${name}, this package has not.${other && ` ${other}`}`
        : nearest === null
          ? ""
          : ` Did you mean ${nearest}?${nearest.toLowerCase() === name.trim().toLowerCase() ? " Names are written exactly so." : ""}`;
  return new RocmAttentionError(
    "ERR_INVALID_BACKEND",
    `Invalid value ${JSON.stringify(name)} for ${where}.${hint} Valid names: ${names.join(", ")}.`,
    argument === undefined ? {} : { argument },
  );
}

/** The name that begins so, else one within a third of the letters' changes; case and a "_VLLM_V1" behind it set aside. */
export function nearestName(name: string, names: readonly string[]): string | null {
  const spelled = (word: string) =>
    word
      .trim()
      .toUpperCase()
      .replaceAll("-", "_")
      .replace(/_VLLM_V1$/, "");
  const wanted = spelled(name);
  const longer = names.find((candidate) => wanted.length > 3 && spelled(candidate).startsWith(wanted));
  if (longer !== undefined) return longer;
  let best: string | null = null;
  let bestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of names) {
    const distance = editDistance(wanted, spelled(candidate));
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance];
  }
  return wanted === "" ? null : best;
}

/** Levenshtein's distance; a very long text is not worth measuring. */
function editDistance(from: string, to: string): number {
  if (from.length > 2 * to.length + 8) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
