import { isBuiltinBackend } from "./backends.js";
import type { BackendName, BuiltinBackendName, ResolvedConfig } from "./config.js";
import { isGfx9 } from "./targets.js";
import { type FlagName, type Flags, VARIABLES } from "./variables.js";

/** A backend that selection may choose by itself, and the flags that must all be on for it. */
interface Automatic {
  readonly backend: BuiltinBackendName;
  readonly flags: readonly FlagName[];
}

/** vLLM's order; the last needs no flag: the default. */
const AUTOMATIC: Readonly<Record<"standard" | "mla", readonly Automatic[]>> = {
  standard: [
    {
      backend: "ROCM_AITER_UNIFIED_ATTN",
      flags: ["VLLM_ROCM_USE_AITER", "VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION"],
    },
    { backend: "ROCM_AITER_FA", flags: ["VLLM_ROCM_USE_AITER", "VLLM_ROCM_USE_AITER_MHA"] },
    { backend: "ROCM_ATTN", flags: ["VLLM_V1_USE_PREFILL_DECODE_ATTENTION"] },
    { backend: "TRITON_ATTN", flags: [] },
  ],
  mla: [
    { backend: "ROCM_AITER_MLA", flags: ["VLLM_ROCM_USE_AITER", "VLLM_ROCM_USE_AITER_MLA"] },
    { backend: "TRITON_MLA", flags: [] },
  ],
};

/** A backend in the order in which selection considers them. */
export interface Considered {
  backend: BackendName;
  /** What let it be considered: the flags that are not on by themselves, or "default"; null: nothing did. */
  source: string | null;
  /** What to set for it to be considered, where nothing lets it. */
  enable: string | null;
}

/** The candidates of an automatic choice in vLLM's order, those too that the flags do not enable. */
export function considered(config: ResolvedConfig, flags: Flags): Considered[] {
  const kind = config.mla === null ? "standard" : "mla";
  return AUTOMATIC[kind].map(({ backend, flags: required }) => {
    const off = required.filter((name) => !flags[name]);
    if (off.length === 0) return { backend, source: deciding(required), enable: null };
    if (backend === "ROCM_AITER_MLA" && config.blockSize === 1) {
      return { backend, source: "block size 1", enable: null };
    }
    return { backend, source: null, enable: off.map((name) => `${name}=1`).join(" and ") };
  });
}

/** Those that something lets be considered; the default is always among them. */
export function enabled(config: ResolvedConfig, flags: Flags): Considered[] {
  return considered(config, flags).filter(({ source }) => source !== null);
}

function deciding(required: readonly FlagName[]): string {
  const names = required.filter((name) => !VARIABLES[name].default);
  return names.length === 0 ? "default" : names.join(" and ");
}

/**
 * What vLLM (v0.12) answers from the same words. It validates next to nothing, so the answer may be unable to run; null
 * where it raises an error. It looks for AITER only before ROCM_AITER_MLA.
 */
export function upstreamRule(
  config: ResolvedConfig,
  flags: Flags,
  explicit: BackendName | null,
  arch: string,
  aiterMlaInstalled: () => boolean,
): BackendName | null {
  const gfx9 = isGfx9(arch);
  if (config.mla !== null) {
    const wanted =
      explicit ??
      ((flags.VLLM_ROCM_USE_AITER && flags.VLLM_ROCM_USE_AITER_MLA && gfx9 && aiterMlaInstalled()) ||
      config.blockSize === 1
        ? "ROCM_AITER_MLA"
        : "TRITON_MLA");
    if (wanted === "TRITON_MLA") return config.blockSize === 1 ? null : wanted;
    return wanted === "ROCM_AITER_MLA" || !isBuiltinBackend(wanted) ? wanted : null;
  }
  if (explicit !== null) {
    if (explicit === "ROCM_AITER_FA") return gfx9 ? explicit : null;
    return explicit === "ROCM_AITER_MLA" || explicit === "TRITON_MLA" ? null : explicit;
  }
  return enabled(config, flags).find(({ backend }) => backend !== "ROCM_AITER_FA" || gfx9)!.backend;
}
