import { checkOptions, isArray } from "../arguments.js";
import type { Catalog, CatalogRow } from "../catalog/choose.js";
import { PUBLISHED_CATALOG } from "../catalog/published.js";
import type { AttentionConfig, BackendName, Environment, MlaAttentionConfig } from "../config.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";
import { layoutOf } from "./capabilities.js";
import { selectionContext } from "./context.js";
import { decide, hasAiter, type RequestedBackend } from "./decide.js";
import type { Explanation } from "./explanation.js";
import { errorOf, failure, failureOf, kernelFailure } from "./failure.js";
import { capabilitiesOf, invalidBackend, overridingBackend } from "./registry.js";
import { resolveConfig } from "./resolve-config.js";
import { upstreamRule } from "./rules.js";
import { reportVariables } from "./variable-report.js";
import { readFlags, readVariables, type SetVariables } from "./variables.js";

/** The input of a selection beside the configuration. */
export interface SelectionOptions {
  /** Where the variables are read when the configuration has no `env`. Default `process.env`. */
  env?: Environment | undefined;
  /** Selects for this device's target. */
  device?:
    | {
        /** The facts of the device that count here: a `Device` has them. */
        readonly info: {
          /** The target without its features: "gfx942". */
          readonly arch: string;
          /** The target as HIP gives it: "gfx942:sramecc+:xnack-". Default: `arch`. */
          readonly gcnArchName?: string;
        };
      }
    | undefined;
  /** Selects for this target: "gfx942". Default, without a device: gfx942. */
  arch?: string | undefined;
  /** The kernels to count on. Default: those that the packages of this version have. */
  catalog?: Catalog | undefined;
}

const OPTIONS = ["env", "device", "arch", "catalog"] as const;

/**
 * Says which backend runs a configuration, where the choice came from, and everything that was not chosen with its
 * reasons. Never throws: a wrong option or a failed selection stands in `error`.
 */
export function explain(
  config: AttentionConfig | MlaAttentionConfig,
  options: SelectionOptions = {},
): Explanation {
  const explanation: Explanation = {
    backend: null,
    rule: null,
    source: "default",
    error: null,
    config: null,
    target: { arch: "gfx942", from: "assumed" },
    kvCacheLayout: null,
    catalog: "none",
    candidates: [],
    variables: [],
    notes: [],
    phases: [],
  };
  try {
    const { env: environment = process.env, catalog, device, arch } = readOptions(options);
    const target = namedTarget(device, arch);
    if (target !== null) explanation.target = target;
    explanation.catalog = catalog.name;
    checkTarget(device, arch);
    const { env = environment, ...given } = readable(config, "config");
    explanation.config = resolveConfig(given as AttentionConfig);
    select(explanation, readVariables(env), catalog, device?.info.gcnArchName ?? explanation.target.arch);
  } catch (error) {
    if (!(error instanceof RocmAttentionError)) throw error;
    explanation.error = failureOf(error);
  }
  return explanation;
}

/** The backend that runs a configuration. Throws what the explanation's `error` says. */
export function selectBackend(
  config: AttentionConfig | MlaAttentionConfig,
  options: SelectionOptions = {},
): BackendName {
  const { backend, error } = explain(config, options);
  if (backend !== null) return backend;
  throw errorOf(error!);
}

/** A copy of an object whose properties can be read: reading a stranger's may throw anything. */
function readable<T>(value: T, argument: string): T {
  if (typeof value !== "object" || value === null) throw invalidArgument(argument, "an object", value);
  try {
    return { ...value };
  } catch {
    throw invalidArgument(argument, "an object whose properties can be read", value);
  }
}

function readOptions(options: SelectionOptions): SelectionOptions & { readonly catalog: Catalog } {
  const copy = readable(options ?? {}, "options");
  const { env, device, arch, catalog = PUBLISHED_CATALOG } = checkOptions(copy, OPTIONS) as SelectionOptions;
  if (!isCatalog(catalog)) throw invalidArgument("catalog", "a catalog of kernels", catalog);
  return { env, device, arch, catalog };
}

/** Lists of kernels whose rows have been looked at. */
const checkedKernels = new WeakSet<object>([PUBLISHED_CATALOG.kernels]);

function isCatalog(catalog: Partial<Catalog> | null): catalog is Catalog {
  const kernels = catalog?.kernels;
  if (typeof catalog?.name !== "string" || !isArray(kernels)) return false;
  if (checkedKernels.has(kernels)) return true;
  const isRow = (row: Partial<CatalogRow> | null | undefined) =>
    [row?.target, row?.provider, row?.operation].every((word) => typeof word === "string") &&
    typeof row?.serves?.features === "object" &&
    row.serves.features !== null;
  if (!Array.from(kernels).every(isRow)) return false;
  checkedKernels.add(kernels);
  return true;
}

/** The target that the caller has named, right or wrong; null: none. */
function namedTarget(
  device: SelectionOptions["device"],
  arch: SelectionOptions["arch"],
): Explanation["target"] | null {
  if (typeof device?.info?.arch === "string") return { arch: device.info.arch, from: "device" };
  return typeof arch === "string" ? { arch, from: "arch" } : null;
}

function checkTarget(device: SelectionOptions["device"], arch: SelectionOptions["arch"]): void {
  if (device !== undefined && arch !== undefined) {
    throw invalidArgument("arch", "either device or arch", arch);
  }
  if (device !== undefined && typeof device?.info?.arch !== "string") {
    throw invalidArgument("device", "a Device", device);
  }
  if (arch !== undefined && (typeof arch !== "string" || !/^gfx[0-9a-f]{3,5}(:.*)?$/.test(arch))) {
    throw invalidArgument("arch", 'a GPU target such as "gfx942"', arch);
  }
}

/** Fills the explanation in. Throws where the named backend does not exist, with all that is known by then standing in it. */
function select(explanation: Explanation, variables: SetVariables, catalog: Catalog, arch: string): void {
  const config = explanation.config!;
  const context = selectionContext(config, readFlags(variables), arch, catalog);
  const requested = namedBackend(config.backend, variables);
  if (requested !== null) explanation.source = requested.source;
  if (requested !== null && capabilitiesOf(requested.name) === undefined) {
    const where = { override: "overrideBackend", option: "the option backend" }[requested.source as string];
    throw invalidBackend(requested.name, where ?? requested.source, where && "backend");
  }
  explanation.rule = upstreamRule(config, context.flags, requested?.name ?? null, context.target, () =>
    hasAiter(capabilitiesOf("ROCM_AITER_MLA")!, context.kernels),
  );
  const decision = decide(context, requested);
  explanation.source = decision.source;
  explanation.candidates = decision.candidates;
  explanation.variables = reportVariables(context, requested, decision, variables);
  if (decision.chosen === null) {
    explanation.error = failure(decision, requested, context.target);
    return;
  }
  explanation.backend = decision.chosen.backend;
  explanation.phases = decision.phases;
  explanation.kvCacheLayout = layoutOf(capabilitiesOf(decision.chosen.backend)!, config, context.flags);
  const lack = kernelFailure(explanation);
  if (lack !== null) explanation.notes.push(`createAttention fails with ${lack.code}: ${lack.message}`);
}

function namedBackend(option: BackendName | null, variables: SetVariables): RequestedBackend | null {
  const forced = overridingBackend();
  if (forced !== null) return { name: forced, source: "override" };
  if (option !== null) return { name: option, source: "option" };
  const variable = variables.VLLM_ATTENTION_BACKEND;
  return variable === undefined ? null : { name: variable, source: "VLLM_ATTENTION_BACKEND" };
}
