import type { Catalog, CatalogRow } from "./choose.js";
import folded from "./published.json" with { type: "json" };

/** A row of published.json: kernels that are alike but for their target. */
interface FoldedRow extends Omit<CatalogRow, "target"> {
  readonly targets: readonly string[];
  /** Of kernels that the packages do not hold: the set that has them. */
  readonly set?: string;
}

const ROWS = folded.kernels as unknown as FoldedRow[];
const unfolded = (rows: readonly FoldedRow[]): CatalogRow[] =>
  rows.flatMap(({ targets, set, ...row }) => targets.map((target) => ({ target, ...row })));

/** The kernels that the packages of this version hold, as `kernels/build --catalog` writes them down. */
export const PUBLISHED_CATALOG: Catalog = {
  name: "published",
  kernels: unfolded(ROWS.filter(({ set }) => set === undefined)),
};

/** The kernels that a clone can build beyond those. */
export const FURTHER_CATALOG: Catalog = {
  name: "full",
  kernels: unfolded(ROWS.filter(({ set }) => set === "full")),
};
