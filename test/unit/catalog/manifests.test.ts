import { describe, expect, it } from "vitest";
import { choose, kernelsFor } from "../../../lib/catalog/choose.js";
import { FEATURES, type Feature } from "../../../lib/catalog/features.js";
import { PUBLISHED_CATALOG } from "../../../lib/catalog/published.js";
import type { KernelNeeds } from "../../../lib/catalog/serves.js";
import { matches, type Sizes } from "../../../lib/catalog/sizes.js";
import { fp8Encoding, PACKAGED_TARGETS, targetOf } from "../../../lib/catalog/targets.js";
import { ATTENTION_TYPES, COMPUTE_DTYPES, KV_CACHE_DTYPES } from "../../../lib/config.js";
import { installedKernels } from "../../../lib/kernels/store.js";
import { LAYOUT_NAMES } from "../../../lib/kv-cache/layouts.js";
import { BUILTIN_BACKENDS } from "../../../lib/selection/backends.js";
import { PHASES } from "../../../lib/selection/capabilities.js";

/** The needs that decide about kernels: every 41st of the combinations that a table could tell apart, all of them in test:all. */
const CELLS: readonly KernelNeeds[] = product<KernelNeeds>({
  dtype: COMPUTE_DTYPES,
  kvCacheDtype: KV_CACHE_DTYPES,
  headSize: [32, 64, 80, 96, 128, 192, 256],
  blockSize: [8, 16, 32, 48],
  queriesPerKv: [1, 16],
  layout: LAYOUT_NAMES,
  attentionType: ATTENTION_TYPES,
  features: subsets(FEATURES),
}).filter((_, index) => process.env.ROCM_ATTENTION_TEST_ALL === "1" || index % 41 === 0);

/** Whether kernels for the needs are in a target's smoke set: plain ones, and general ones with fp8 where it has that. */
function isSmoke(target: string, provider: string, needs: KernelNeeds): boolean {
  const { dtype, kvCacheDtype, headSize, features, attentionType } = needs;
  const isStored = ["auto", "bfloat16"].includes(kvCacheDtype);
  const isFp8 = ["fp8", "fp8_e4m3"].includes(kvCacheDtype);
  const isPlain = isStored && features.length === 0 && attentionType === "decoder";
  const isGeneral = (fp8Encoding(target) === null ? isStored : isFp8) && features.includes("slidingWindow");
  const sizes = provider === "aiter" ? [80, 128] : [80, 96, 128];
  return dtype === "bfloat16" && sizes.includes(headSize as number) && (isPlain || isGeneral);
}

/** What programs call without an attention: no table limits it. */
const CALLED = {
  hip: ["reshape_and_cache", "reshape_and_cache_flash", "gather_cache", "copy_blocks", "convert_fp8"],
  triton: ["mla_weight_maxima", "mla_quantise_weights", "gather_mla_cache"],
};

const LAUNCHES = Object.values(BUILTIN_BACKENDS).flatMap((capabilities) =>
  PHASES.flatMap((phase) => capabilities[phase]).flatMap(({ launches, limits }) =>
    launches.map((launch) => ({ ...launch, limits: { ...capabilities, ...limits } })),
  ),
);

describe.each(PACKAGED_TARGETS)("the kernels that are built for %s", (target) => {
  const installed = installedKernels([target]);
  const built = kernelsFor(installed, target);
  const published = kernelsFor(PUBLISHED_CATALOG, target);
  const operations = new Map(LAUNCHES.map((launch) => [`${launch.provider} ${launch.operation}`, launch]));
  const isBuilt =
    targetOf(target)!.ciSet === "smoke"
      ? (provider: string) => (cell: KernelNeeds) => isSmoke(target, provider, cell)
      : () => () => true;

  it("are named by a backend's table, which accepts what each is made for", () => {
    for (const { id, provider, operation, serves } of installed.kernels) {
      if (operation === "merge_attention_states") continue; // a function of the package runs it
      if (CALLED[provider as keyof typeof CALLED]?.includes(operation)) continue;
      const { dtypes = [], kvCacheDtypes = [], headSizes, blockSizes, features } = serves;
      if (headSizes !== undefined && "pairs" in headSizes) continue; // of keys and values that latents expand to
      const claiming = LAUNCHES.filter(
        (launch) =>
          launch.provider === provider &&
          launch.operation === operation &&
          dtypes.every((dtype) => launch.limits.dtypes.some((own) => own === dtype)) &&
          kvCacheDtypes.every((dtype) => launch.limits.kvCacheDtypes.some((own) => own === dtype)) &&
          (headSizes === undefined ||
            ends(headSizes as Sizes).every((size) => matches(launch.limits.headSizes, size))) &&
          matches(launch.limits.blockSizes, smallest(blockSizes)) &&
          Object.entries(features).every(
            ([feature, level]) => level === "irrelevant" || launch.limits[feature as Feature],
          ),
      );
      expect(claiming, `the backends that run ${id}`).not.toEqual([]);
    }
  });

  it.each([...operations])("are those that are published, as far verified: %s", (_, launch) => {
    for (const cell of CELLS.filter(isBuilt(launch.provider))) {
      const [there, claimed] = [built, published].map((index) => {
        const { rows } = choose(index, launch, cell);
        const words = (rows ?? []).map(
          // The catalog knows no hashes, and so not which bytes have run on a GPU.
          ({ verified, ...row }) =>
            `${JSON.stringify((row as { tile?: object }).tile)} ${verified === "hardware" ? "emulator" : verified}`,
        );
        // Rows that are tuned for different chips are one in the catalog.
        return [...new Set(words)].sort();
      });
      const isInPart = launch.provider === "ck" && there!.length < claimed!.length; // CI builds some of them alone
      if (isInPart) expect(claimed, JSON.stringify(cell)).toEqual(expect.arrayContaining(there!));
      else if (String(claimed) !== String(there)) expect(claimed, JSON.stringify(cell)).toEqual(there);
    }
  });
});

/** The sizes of a list, or the first and last of a range. */
function ends(sizes: Sizes): readonly number[] {
  return "oneOf" in sizes ? sizes.oneOf : [sizes.min!, sizes.max!];
}

function smallest(sizes: Sizes | undefined): number {
  if (sizes === undefined) return 16;
  return "oneOf" in sizes ? sizes.oneOf[0]! : (sizes.multipleOf ?? sizes.min ?? 1);
}

function product<T extends object>(lists: { [Key in keyof T]: readonly T[Key][] }): T[] {
  let made: Partial<T>[] = [{}];
  for (const [key, values] of Object.entries(lists) as [keyof T, T[keyof T][]][]) {
    made = made.flatMap((partial) => values.map((value) => ({ ...partial, [key]: value })));
  }
  return made as T[];
}

function subsets<T>(values: readonly T[]): T[][] {
  let sets: T[][] = [[]];
  for (const value of values) sets = sets.flatMap((set) => [set, [...set, value]]);
  return sets;
}
