import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { FURTHER_CATALOG, PUBLISHED_CATALOG } from "../../../lib/catalog/published.js";
import * as sizes from "../../../lib/catalog/sizes.js";
import { LAYOUT_SHAPES } from "../../../lib/kv-cache/layouts.js";
import { BUILTIN_BACKENDS } from "../../../lib/selection/backends.js";
import { VARIABLES } from "../../../lib/selection/variables.js";
import { backendsPage } from "../../../scripts/docs/backends.mjs";
import { environmentPage } from "../../../scripts/docs/environment.mjs";
import { overviewTable } from "../../../scripts/docs/overview.mjs";

function committed(name: string): string {
  return readFileSync(new URL(`../../../docs/${name}`, import.meta.url), "utf8");
}

describe("the generated documentation is what the tables say (node scripts/docs.mjs writes it anew)", () => {
  it("docs/backends.md", () => {
    const page = backendsPage(
      BUILTIN_BACKENDS,
      { published: PUBLISHED_CATALOG, further: FURTHER_CATALOG },
      sizes,
      LAYOUT_SHAPES,
    );
    expect(committed("backends.md")).toBe(page);
  });

  it("docs/environment.md", () => {
    expect(committed("environment.md")).toBe(environmentPage(VARIABLES));
  });

  it("the table at the top of README.md", () => {
    expect(committed("../README.md")).toContain(`\n${overviewTable(BUILTIN_BACKENDS, PUBLISHED_CATALOG)}\n`);
  });
});
