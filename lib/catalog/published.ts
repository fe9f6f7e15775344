import type { CatalogRow } from "./choose.js";
import folded from "./published.json" with { type: "json" };

/** A row of published.json: kernels that are alike but for their target. */
interface PublishedRow extends Omit<CatalogRow, "target"> {
  readonly targets: readonly string[];
}

/** The kernels that the packages of this version hold, as `kernels/build --catalog` writes them down. */
export const PUBLISHED_KERNELS: readonly CatalogRow[] = (folded.kernels as unknown as PublishedRow[]).flatMap(
  ({ targets, ...row }) => targets.map((target) => ({ target, ...row })),
);
