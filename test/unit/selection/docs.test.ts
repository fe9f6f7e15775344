import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { describeSizes } from "../../../lib/catalog/sizes.js";
import { BUILTIN_BACKENDS } from "../../../lib/selection/backends.js";
import { PUBLISHED_CATALOG } from "../../../lib/selection/published.js";
import { VARIABLES } from "../../../lib/selection/variables.js";
import { backendsPage } from "../../../scripts/docs/backends.mjs";
import { environmentPage } from "../../../scripts/docs/environment.mjs";

function committed(name: string): string {
  return readFileSync(new URL(`../../../docs/${name}`, import.meta.url), "utf8");
}

describe("the generated documentation is what the tables say (node scripts/docs.mjs writes it anew)", () => {
  it("docs/backends.md", () => {
    expect(committed("backends.md")).toBe(backendsPage(BUILTIN_BACKENDS, PUBLISHED_CATALOG, describeSizes));
  });

  it("docs/environment.md", () => {
    expect(committed("environment.md")).toBe(environmentPage(VARIABLES));
  });
});
