import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Float8, fromFloat8, toFloat8 } from "../../lib/float8.js";

const dtypes: Float8[] = ["float8_e4m3fn", "float8_e4m3fnuz"];
const allBits = Array.from({ length: 256 }, (_, bits) => bits);

describe("fromFloat8", () => {
  it("has the encodings' corners", () => {
    const corners = (dtype: Float8) =>
      [0x00, 0x80, 0x01, 0x08, 0x7e, 0x7f, 0xff].map((bits) => fromFloat8(dtype, bits));
    expect(corners("float8_e4m3fn")).toEqual([0, -0, 2 ** -9, 2 ** -6, 448, Number.NaN, Number.NaN]);
    expect(corners("float8_e4m3fnuz")).toEqual([0, Number.NaN, 2 ** -10, 2 ** -7, 224, 240, -240]);
  });

  it("is an error for other dtypes", () => {
    expect(() => fromFloat8("float32", 0)).toThrow(TypeError);
  });
});

describe.each(dtypes)("toFloat8 to %s", (dtype) => {
  it("gives every number that it can represent itself", () => {
    for (const bits of allBits) {
      const value = fromFloat8(dtype, bits);
      expect(fromFloat8(dtype, toFloat8(dtype, value))).toEqual(value);
    }
  });

  it("gives the nearest, and of two the one with even bits", () => {
    const finite = allBits.filter((bits) => !Number.isNaN(fromFloat8(dtype, bits)));
    const largest = Math.max(...finite.map((bits) => fromFloat8(dtype, bits)));
    fc.assert(
      fc.property(fc.float({ min: -500, max: 500, noNaN: true }), (value) => {
        const clamped = Math.max(-largest, Math.min(largest, value));
        const distance = (bits: number) => Math.abs(fromFloat8(dtype, bits) - clamped);
        const best = Math.min(...finite.map(distance));
        const bits = toFloat8(dtype, value);
        expect(distance(bits)).toBe(best);
        const ties = finite.filter((other) => distance(other) === best && fromFloat8(dtype, other) !== 0);
        if (ties.length > 1) expect(bits % 2).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it("saturates, and keeps NaN", () => {
    const largest = dtype === "float8_e4m3fn" ? 448 : 240;
    expect(fromFloat8(dtype, toFloat8(dtype, 1e9))).toBe(largest);
    expect(fromFloat8(dtype, toFloat8(dtype, Number.NEGATIVE_INFINITY))).toBe(-largest);
    expect(fromFloat8(dtype, toFloat8(dtype, Number.NaN))).toBeNaN();
  });
});
