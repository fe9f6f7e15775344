import { describe, expect, it } from "vitest";
import {
  type CatalogKernel,
  type KernelNeeds,
  kernelsFor,
  kernelsOf,
  suiting,
} from "../../../lib/catalog/choose.js";
import { FEATURES, type Feature } from "../../../lib/catalog/features.js";
import { matches } from "../../../lib/catalog/sizes.js";
import { PACKAGED_TARGETS } from "../../../lib/catalog/targets.js";
import { ATTENTION_TYPES, COMPUTE_DTYPES, KV_CACHE_DTYPES } from "../../../lib/config.js";
import { findKernelFolder } from "../../../lib/kernels/store.js";
import { BUILTIN_BACKENDS } from "../../../lib/selection/backends.js";
import { PHASES } from "../../../lib/selection/capabilities.js";
import { catalogOfManifests } from "../../../lib/selection/installed.js";
import { PUBLISHED_CATALOG } from "../../../lib/selection/published.js";

/** What decides about kernels, in all combinations that a table could tell apart. */
const CELLS: readonly KernelNeeds[] = product({
  dtype: COMPUTE_DTYPES,
  kvCacheDtype: KV_CACHE_DTYPES,
  headSize: [32, 64, 80, 96, 128, 192, 256],
  blockSize: [8, 16, 32, 48],
  attentionType: ATTENTION_TYPES,
  features: subsets(FEATURES),
});

/** The sets that the set-up of the tests builds: for gfx942 all, for the others what proves that a target works. */
const BUILT: Readonly<Record<string, (cell: KernelNeeds) => boolean>> = {
  gfx942: () => true,
  gfx950: isSmoke,
  gfx90a: isSmoke,
};

function isSmoke({ dtype, headSize, blockSize, features }: KernelNeeds): boolean {
  return dtype === "bfloat16" && headSize === 128 && blockSize === 16 && features.length === 0;
}

const LAUNCHES = Object.values(BUILTIN_BACKENDS).flatMap((capabilities) =>
  PHASES.flatMap((phase) => capabilities[phase]).flatMap(({ launches, limits }) =>
    launches.map((launch) => ({ ...launch, limits: { ...capabilities, ...limits } })),
  ),
);

it("every packaged target has kernels", () => {
  expect([...PACKAGED_TARGETS].sort()).toEqual([...PACKAGED_TARGETS].sort());
});

describe.each(PACKAGED_TARGETS)("the kernels that are built for %s", (target) => {
  const folder = findKernelFolder(target)!;
  const built = kernelsFor(catalogOfManifests([folder.manifest]), target);
  const published = kernelsFor(PUBLISHED_CATALOG, target);
  const operations = new Map(LAUNCHES.map((launch) => [`${launch.provider} ${launch.operation}`, launch]));

  it("are named by a backend's table, which accepts what each is made for", () => {
    for (const { id, provider, operation, capabilities } of folder.manifest.kernels) {
      const claiming = LAUNCHES.filter(
        (launch) =>
          launch.provider === provider &&
          launch.operation === operation &&
          capabilities.dtypes.every((dtype) => launch.limits.dtypes.some((own) => own === dtype)) &&
          capabilities.kvCacheDtypes.every((dtype) =>
            launch.limits.kvCacheDtypes.some((own) => own === dtype),
          ) &&
          capabilities.headSizes.every((size) => matches(launch.limits.headSizes, size)) &&
          matches(launch.limits.blockSizes, capabilities.blockSize ?? 16) &&
          capabilities.features.every((feature) => launch.limits[feature as Feature]),
      );
      expect(claiming, `the backends that run ${id}`).not.toEqual([]);
    }
  });

  it.each([...operations])("are those that the tables call available, as far verified: %s", (_, launch) => {
    for (const cell of CELLS.filter(BUILT[target]!)) {
      const [there, claimed] = [built, published].map((index) => {
        const rows: readonly CatalogKernel[] = suiting(kernelsOf(index, launch) ?? [], cell);
        return [...new Set(rows.map(({ verified }) => verified))].sort();
      });
      if (String(claimed) !== String(there)) expect(claimed, JSON.stringify(cell)).toEqual(there);
    }
  });
});

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
