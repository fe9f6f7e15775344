import { isGfx9 } from "../catalog/targets.js";
import { type BackendName, type BuiltinBackendName, kindOf, type ResolvedConfig } from "../config.js";
import { isBuiltinBackend } from "./backends.js";
import { type FlagName, type Flags, VARIABLES } from "./variables.js";

/** A backend that selection may choose by itself. */
export interface Automatic {
  readonly backend: BuiltinBackendName;
  /** The flags that must all be on for it. */
  readonly flags: readonly FlagName[];
  /** Those of them that are not on by themselves, as a choice's source; "default" where there are none. */
  readonly source: string;
}

/** vLLM's order; the last needs no flag: the default. */
const AUTOMATIC: Readonly<Record<"standard" | "mla", readonly Automatic[]>> = {
  standard: [
    automatic("ROCM_AITER_UNIFIED_ATTN", "VLLM_ROCM_USE_AITER", "VLLM_ROCM_USE_AITER_UNIFIED_ATTENTION"),
    automatic("ROCM_AITER_FA", "VLLM_ROCM_USE_AITER", "VLLM_ROCM_USE_AITER_MHA"),
    automatic("ROCM_ATTN", "VLLM_V1_USE_PREFILL_DECODE_ATTENTION"),
    automatic("TRITON_ATTN"),
  ],
  mla: [
    automatic("ROCM_AITER_MLA", "VLLM_ROCM_USE_AITER", "VLLM_ROCM_USE_AITER_MLA"),
    automatic("TRITON_MLA"),
  ],
};

function automatic(backend: BuiltinBackendName, ...flags: FlagName[]): Automatic {
  const source = flags.filter((name) => !VARIABLES[name].default).join(" and ");
  return { backend, flags, source: source || "default" };
}

/** The candidates of an automatic choice in vLLM's order, those too that nothing enables. */
export function automaticFor(config: ResolvedConfig): readonly Automatic[] {
  return AUTOMATIC[kindOf(config)];
}

/** The reason for which a candidate is considered: its flags, "block size 1" or "default"; null: none. */
export function sourceOf(
  { backend, flags, source }: Automatic,
  { blockSize }: ResolvedConfig,
  values: Flags,
): string | null {
  if (flags.every((name) => values[name])) return source;
  return backend === "ROCM_AITER_MLA" && blockSize === 1 ? "block size 1" : null;
}

/** The flags to set for a candidate to be considered. */
export function flagsToSet({ flags }: Automatic, values: Flags): string {
  return flags
    .filter((name) => !values[name])
    .map((name) => `${name}=1`)
    .join(" and ");
}

/** The candidates that something lets be considered; the default is always among them. */
export function enabled(config: ResolvedConfig, flags: Flags): BuiltinBackendName[] {
  return automaticFor(config)
    .filter((candidate) => sourceOf(candidate, config, flags) !== null)
    .map(({ backend }) => backend);
}

/**
 * The answer of vLLM (v0.12) to the same words. It validates next to nothing, so the answer may be unable to run; null
 * where it raises an error. It looks for AITER only before ROCM_AITER_MLA.
 */
export function upstreamRule(
  config: ResolvedConfig,
  flags: Flags,
  requested: BackendName | null,
  target: string,
  aiterMlaInstalled: () => boolean,
): BackendName | null {
  const gfx9 = isGfx9(target);
  if (config.mla !== null) {
    const wanted =
      requested ??
      ((flags.VLLM_ROCM_USE_AITER && flags.VLLM_ROCM_USE_AITER_MLA && gfx9 && aiterMlaInstalled()) ||
      config.blockSize === 1
        ? "ROCM_AITER_MLA"
        : "TRITON_MLA");
    if (wanted === "TRITON_MLA") return config.blockSize === 1 ? null : wanted;
    return wanted === "ROCM_AITER_MLA" || !isBuiltinBackend(wanted) ? wanted : null;
  }
  if (requested !== null) {
    if (requested === "ROCM_AITER_FA") return gfx9 ? requested : null;
    return requested === "ROCM_AITER_MLA" || requested === "TRITON_MLA" ? null : requested;
  }
  return enabled(config, flags).find((backend) => backend !== "ROCM_AITER_FA" || gfx9)!;
}
