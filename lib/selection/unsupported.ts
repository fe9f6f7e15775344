import { FEATURE_NAMES } from "../catalog/features.js";
import { describeSizes, joinWithOr, matches, type Sizes } from "../catalog/sizes.js";
import { FP8_TARGETS, fp8Encoding, isTargetOf } from "../catalog/targets.js";
import { hasTokenScales, kindOf, type LatentSizes, type ResolvedConfig } from "../config.js";
import { type Capabilities, type Capability, type Limits, SHUFFLED } from "./capabilities.js";
import type { SelectionContext } from "./context.js";
import type { Reason } from "./explanation.js";

/**
 * The reasons for which a backend, or a kernel within it, cannot run a configuration on a target; none: it can. A kernel
 * names only the limits in which it is narrower than its backend.
 */
export function unsupported(
  limits: Partial<Limits>,
  { config, target, features }: SelectionContext,
): Reason[] {
  const reasons: Reason[] = [];
  const deny = (capability: Capability, message: string) => void reasons.push({ capability, message });
  const among = (
    capability: Capability,
    allowed: readonly string[] | undefined,
    received: string,
    what: string,
  ) => {
    if (allowed !== undefined && !allowed.includes(received)) {
      deny(capability, `takes ${what} ${joinWithOr(allowed)}, not ${received}`);
    }
  };
  const within = (capability: Capability, sizes: Sizes | undefined, received: number, what: string) => {
    if (sizes !== undefined && !matches(sizes, received)) {
      deny(capability, `takes ${what} ${describeSizes(sizes)}, not ${received}`);
    }
  };

  const kind = kindOf(config);
  if (limits.kind !== undefined && limits.kind !== kind) {
    const [ours, theirs] =
      kind === "mla" ? ["standard", "multi-head latent"] : ["multi-head latent", "standard"];
    deny("kind", `does ${ours} attention, not ${theirs} attention`);
  }
  if (limits.targets !== undefined && !isTargetOf(target, limits.targets)) {
    deny("targets", `runs on ${joinWithOr(limits.targets)}, not on ${target}`);
  }
  among("dtypes", limits.dtypes, config.dtype, "dtype");
  unsupportedCache(limits, config, target, deny);
  within("headSizes", limits.headSizes, config.headSize, "head size");
  unsupportedLatents(limits, config, deny);
  within("numHeads", limits.numHeads, config.numHeads, "query heads per GPU");
  within(
    "queriesPerKv",
    limits.queriesPerKv,
    config.numHeads / config.numKvHeads,
    "query heads per key-value head",
  );
  within("blockSizes", limits.blockSizes, config.blockSize, "block size");
  if (config.kvCacheLayout !== null) {
    among("kvCacheLayouts", limits.kvCacheLayouts, config.kvCacheLayout, "cache layout");
  }
  among("attentionTypes", limits.attentionTypes, config.attentionType, "attention type");
  for (const feature of features) {
    if (limits[feature] === false) deny(feature, `does not support ${FEATURE_NAMES[feature]}`);
  }
  if (limits.flex === false && config.flex !== null) {
    deny("flex", "does not support scoreMod and maskMod");
  }
  if (limits.batchInvariant === false && config.batchInvariant) {
    deny("batchInvariant", "splits its work by the batch, so it cannot be batch-invariant");
  }
  return reasons;
}

/** Names every size that differs: kernels are compiled for the sizes of one family of models. */
function unsupportedLatents(
  { latentSizes }: Partial<Limits>,
  { mla }: ResolvedConfig,
  deny: (capability: Capability, message: string) => void,
): void {
  if (latentSizes === undefined || mla === null) return;
  const names = Object.keys(latentSizes) as (keyof LatentSizes)[];
  const wrong = names.filter((name) => mla[name] !== latentSizes[name]);
  if (wrong.length === 0) return;
  const say = (sizes: LatentSizes) => wrong.map((name) => `${name} ${sizes[name]}`).join(", ");
  deny("latentSizes", `takes ${say(latentSizes)}, not ${say(mla)}`);
}

/** The reasons for which a backend cannot run a configuration though it takes each part of it. */
export function excluded(
  { exclusions = [] }: Pick<Capabilities, "exclusions">,
  { config, target, features }: SelectionContext,
): Reason[] {
  return exclusions
    .filter(
      (exclusion) =>
        (exclusion.targets === undefined || isTargetOf(target, exclusion.targets)) &&
        (exclusion.dtypes?.includes(config.dtype) ?? true) &&
        (exclusion.features?.every((feature) => features.includes(feature)) ?? true),
    )
    .map(({ capability, message }) => ({ capability, message }));
}

function unsupportedCache(
  limits: Partial<Limits>,
  { kvCacheDtype, kvCacheLayout, dtype }: ResolvedConfig,
  target: string,
  deny: (capability: Capability, message: string) => void,
): void {
  if (limits.kvCacheDtypes === undefined) return;
  if (!limits.kvCacheDtypes.includes(kvCacheDtype)) {
    deny("kvCacheDtypes", `takes KV cache dtype ${joinWithOr(limits.kvCacheDtypes)}, not ${kvCacheDtype}`);
  } else if (/^(fp8|int8)/.test(kvCacheDtype) && fp8Encoding(target) === null) {
    const stored = hasTokenScales(kvCacheDtype) ? kvCacheDtype : "fp8";
    deny("kvCacheDtypes", `stores ${stored} on ${joinWithOr(FP8_TARGETS)}, not on ${target}`);
  } else if (hasTokenScales(kvCacheDtype) && (kvCacheLayout ?? SHUFFLED) !== SHUFFLED) {
    deny("kvCacheLayouts", `stores ${kvCacheDtype} in cache layout ${SHUFFLED}, not in ${kvCacheLayout}`);
  } else if (kvCacheDtype === "bfloat16" && dtype !== "bfloat16") {
    deny("kvCacheDtypes", `stores bfloat16 for dtype bfloat16, not for ${dtype}`);
  }
}
