import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from "../../lib/dtype.js";

/** Nearest of all finite values of a 16-bit format, ties to even: the definition, by search instead of by bit tricks. */
function nearest(value: number, decode: (bits: number) => number, infinity: number): number {
  let low = 0;
  let high = infinity;
  const magnitude = Math.abs(value);
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (decode(middle) <= magnitude) low = middle;
    else high = middle;
  }
  const below = decode(low);
  const above = high === infinity ? 2 * below - decode(low - 1) : decode(high);
  const up =
    magnitude - below > above - magnitude || (magnitude - below === above - magnitude && low % 2 === 1);
  return (Object.is(Math.sign(value), -1) || Object.is(value, -0) ? 0x8000 : 0) | (up ? high : low);
}

describe.each([
  { name: "float16", to: toFloat16, from: fromFloat16, infinity: 0x7c00 },
  { name: "bfloat16", to: toBfloat16, from: fromBfloat16, infinity: 0x7f80 },
])("$name", ({ to, from, infinity }) => {
  it("gives back every finite value", () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      if ((bits & 0x7fff) > infinity) expect(from(bits)).toBeNaN();
      else expect(to(from(bits))).toBe(bits);
    }
  });

  it("rounds to the nearest, ties to even", () => {
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(to(value)).toBe(nearest(value, from, infinity));
      }),
      { numRuns: 5000 },
    );
  });

  it("keeps NaN and infinity", () => {
    expect(from(to(Number.NaN))).toBeNaN();
    expect(from(to(Number.NEGATIVE_INFINITY))).toBe(Number.NEGATIVE_INFINITY);
  });
});
