import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { xcdsToDealTo } from "../../../lib/ops/xcds.js";

describe("the XCDs that workgroups are dealt to", () => {
  it("are as the grid deals them where each KV head then has as few as all of them at work allow", () => {
    const dealt = (heads: number, xcds: number) => xcdsToDealTo({ groups: heads, stride: heads, xcds });
    expect([1, 2, 4, 8, 16, 32].map((heads) => dealt(heads, 8))).toEqual([1, 1, 1, 1, 1, 1]);
    expect([3, 5, 6, 7, 10, 12, 20].map((heads) => dealt(heads, 8))).toEqual([8, 8, 8, 8, 8, 8, 8]);
    expect([1, 2, 3, 6, 12].map((heads) => dealt(heads, 6))).toEqual([1, 1, 1, 1, 1]);
    expect([4, 8].map((heads) => dealt(heads, 6))).toEqual([6, 6]);
  });

  it("are as the grid deals them where there is one alone", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 128 }), (heads) => {
        expect(xcdsToDealTo({ groups: heads, stride: heads, xcds: 1 })).toBe(1);
      }),
    );
  });

  it("are dealt in the grid's order only where neighbours of a group meet on few", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 128 }), fc.constantFrom(1, 2, 4, 6, 8), (heads, xcds) => {
        if (xcdsToDealTo({ groups: heads, stride: heads, xcds }) !== 1) return;
        const seen = new Set(Array.from({ length: 64 }, (_, member) => (member * heads) % xcds));
        expect(seen.size).toBeLessThanOrEqual(Math.max(1, Math.ceil(xcds / heads)));
      }),
    );
  });
});
