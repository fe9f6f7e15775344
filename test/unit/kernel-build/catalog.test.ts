import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, it } from "vitest";
import { root } from "../../../scripts/setup/paths.mjs";
import { runBuilder } from "../../support/builder.js";

it("lib/catalog/published.json is what the providers publish (else run: kernels/build --catalog)", () => {
  const committed = readFileSync(join(root, "lib/catalog/published.json"), "utf8");
  const text = runBuilder(
    `
from kernels.builder import catalog
from kernels.aiter import provider as aiter
from kernels.ck import provider as ck
from kernels.hip import provider as hip
from kernels.triton import provider as triton
print(json.dumps(catalog.text((ck, aiter, triton, hip), input)))`,
    { input: committed },
  );
  expect(committed).toBe(text);
});

/** A row that is a single combination, with some of its keys absent. */
const single = fc.record({
  targets: fc.constantFrom(["gfx90a"], ["gfx942"]),
  operation: fc.constantFrom("attend", "merge"),
  serves: fc.record(
    {
      dtypes: fc.constantFrom(["bfloat16"], ["float16"]),
      headSizes: fc.constantFrom({ oneOf: [64] }, { oneOf: [128] }, { pairs: [[192, 128]] }, { min: 32 }),
      blockSizes: fc.constantFrom({ oneOf: [16] }, { oneOf: [32] }, { multipleOf: 16 }),
      layouts: fc.constantFrom(["paired"], ["halves"], ["paired", "halves"]),
    },
    { requiredKeys: ["dtypes"] },
  ),
});

interface Row {
  readonly targets: readonly string[];
  readonly operation: string;
  readonly serves: Readonly<Record<string, unknown>>;
}

/** The combinations of a row's lists, as texts. */
function combinations({ targets, operation, serves }: Row): string[] {
  const axes = Object.entries({ targets, ...serves }).map(([key, value]) => {
    if (Array.isArray(value)) return value.map((each) => [key, each]);
    const [[rule, sizes]] = Object.entries(value as object) as [[string, unknown]];
    return Array.isArray(sizes) ? sizes.map((each) => [key, rule, each]) : [[key, value]];
  });
  let made: unknown[][] = [[operation]];
  for (const axis of axes) made = made.flatMap((partial) => axis.map((value) => [...partial, value]));
  return made.map((parts) => JSON.stringify(parts.map((part) => JSON.stringify(part)).sort()));
}

it("folded rows stand for the combinations of the rows that they were made from, and for no other", () => {
  const tables = fc.sample(fc.array(single, { maxLength: 40 }), 200) as Row[][];
  const folded = runBuilder(
    "from kernels.builder import catalog\nprint(json.dumps([catalog.fold(rows) for rows in input]))",
    { input: tables },
  ) as Row[][];
  for (const [index, rows] of tables.entries()) {
    const [before, after] = [rows, folded[index]!].map((each) => new Set(each.flatMap(combinations)));
    expect([...after!].sort()).toEqual([...before!].sort());
  }
  // What one list tells apart is one row.
  const full = ["gfx90a", "gfx942"].flatMap((target) =>
    [64, 128].flatMap((size) =>
      ["bfloat16", "float16"].map((dtype) => ({
        targets: [target],
        operation: "attend",
        serves: { dtypes: [dtype], headSizes: { oneOf: [size] } },
      })),
    ),
  );
  expect(
    runBuilder("from kernels.builder import catalog\nprint(json.dumps(catalog.fold(input)))", {
      input: full,
    }),
  ).toEqual([
    {
      targets: ["gfx90a", "gfx942"],
      operation: "attend",
      serves: { dtypes: ["bfloat16", "float16"], headSizes: { oneOf: [64, 128] } },
    },
  ]);
});
