import { type FeatureLevel, type KernelNeeds, type Serves, serves, unmetNeeds } from "./serves.js";
import { bareTarget } from "./targets.js";

/** The maker of a kernel: our HIP C++, our Triton sources, CK-tile, or AITER (its assembly, its Triton). */
export const PROVIDERS = ["hip", "triton", "ck", "aiter"] as const;
/** A maker of kernels: our HIP C++, our Triton, Composable Kernel ("ck"), or AITER. */
export type Provider = (typeof PROVIDERS)[number];

/** How far a kernel's numbers are proven on a target. */
export const VERIFIED = ["none", "emulator", "hardware"] as const;
/** How far a kernel is proven: "none", on the "emulator", or on "hardware". */
export type Verified = (typeof VERIFIED)[number];

/** A kernel by what it does and who made it, as backends name it. */
export interface Launch {
  /** The maker of the kernel. */
  readonly provider: Provider;
  /** The work of the kernel: "unified_attention_2d", "reshape_and_cache". */
  readonly operation: string;
  /** Where a provider makes it in more than one way: "asm", "triton". */
  readonly variant?: string;
}

/** The part of a kernel's row that choosing needs; a row of a manifest has all of it. */
export interface CatalogRow {
  /** The GPU target that it is built for: "gfx942". */
  readonly target: string;
  /** The maker of the kernel, a {@link Provider}. */
  readonly provider: string;
  /** The work of the kernel: "unified_attention_2d", "reshape_and_cache". */
  readonly operation: string;
  /** The way in which it is made, where a provider has more than one: "asm", "triton". */
  readonly variant?: string;
  /** Of an installed kernel. */
  readonly id?: string;
  /** The configurations that it can run. */
  readonly serves: Serves;
  /** How far its numbers are proven on this target. */
  readonly verified: Verified;
}

/** A set of kernels to choose from: those on this machine, or those of this version's packages. */
export interface Catalog<Row extends CatalogRow = CatalogRow> {
  /** "installed" or "published". */
  readonly name: string;
  /** The kernels, of one target or of several. */
  readonly kernels: readonly Row[];
}

/** The kernels for one target by provider and operation. */
export type KernelIndex = ReadonlyMap<string, ReadonlyMap<string, readonly CatalogRow[]>>;

const indexes = new WeakMap<readonly CatalogRow[], Map<string, KernelIndex>>();

/** The kernels of the catalog that run on a target: "gfx942:sramecc+:xnack-" is served by kernels for "gfx942" too. */
export function kernelsFor({ kernels }: Catalog, arch: string): KernelIndex {
  const byTarget = indexes.get(kernels) ?? new Map<string, KernelIndex>();
  const index = byTarget.get(arch) ?? indexKernels(kernels, arch);
  indexes.set(kernels, byTarget.set(arch, index));
  return index;
}

function indexKernels(kernels: readonly CatalogRow[], arch: string): KernelIndex {
  const bare = bareTarget(arch);
  const index = new Map<string, Map<string, CatalogRow[]>>();
  for (const kernel of kernels.filter(({ target }) => target === arch || target === bare)) {
    const ofProvider = index.get(kernel.provider) ?? new Map<string, CatalogRow[]>();
    const rows = ofProvider.get(kernel.operation) ?? [];
    rows.push(kernel);
    index.set(kernel.provider, ofProvider.set(kernel.operation, rows));
  }
  return index;
}

/** The kernels of a launch; undefined where the catalog has none of its operation. */
export function kernelsOf(
  index: KernelIndex,
  { provider, operation, variant }: Launch,
): readonly CatalogRow[] | undefined {
  const rows = index.get(provider)?.get(operation);
  return variant === undefined ? rows : rows?.filter((row) => row.variant === variant);
}

/**
 * The kernels that run a launch: the best that serve the needs, by id, which differ in tile or reach alone; the step
 * decides among them. Or the needs that no kernel of the launch takes.
 */
export type Choice =
  | { readonly rows: readonly CatalogRow[] }
  | { readonly rows: null; readonly unmet: readonly string[] };

/**
 * Chooses: made for the very block size before made for any, features compiled in before those of run time, and kernels
 * without a feature before those that have it and are not asked for it.
 */
export function choose(index: KernelIndex, launch: Launch, needs: KernelNeeds): Choice {
  const rows = kernelsOf(index, launch) ?? [];
  const serving = rows.filter((row) => serves(row.serves, needs));
  if (serving.length === 0) {
    const unmet =
      rows.length === 0
        ? []
        : unmetNeeds(
            rows.map((row) => row.serves),
            needs,
          );
    return { rows: null, unmet };
  }
  if (serving.length === 1) return { rows: serving };
  const ranks = serving.map((row) => rankOf(row.serves));
  const best = Math.max(...ranks);
  const chosen = serving.filter((_, index) => ranks[index] === best);
  return { rows: chosen.sort((one, other) => ((one.id ?? "") < (other.id ?? "") ? -1 : 1)) };
}

function rankOf({ blockSizes, features }: Serves): number {
  const isExact = blockSizes !== undefined && "oneOf" in blockSizes;
  const count = (wanted: FeatureLevel) => Object.values(features).filter((level) => level === wanted).length;
  return (isExact ? 100 : 0) + count("compiled") - count("runtime");
}
