import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from "../../lib/dtype.js";
import { type Float8, fromFloat8, toFloat8 } from "../../lib/float8.js";
import { bfloat16, float8, float16 } from "../../lib/index.js";
import { coded } from "../support/coded.js";

const FLOAT8: Float8[] = ["float8_e4m3fn", "float8_e4m3fnuz"];

/** Every format by the functions that a program calls, and by those of one element that are tested by themselves. */
const formats = [
  { name: "bfloat16", ...bfloat16, one: toBfloat16, number: fromBfloat16, bits: Uint16Array },
  { name: "float16", ...float16, one: toFloat16, number: fromFloat16, bits: Uint16Array },
  ...FLOAT8.map((dtype) => ({
    name: dtype,
    encode: (numbers: Float32Array | Float64Array | readonly number[]) => float8.encode(numbers, dtype),
    decode: (bits: never) => float8.decode(bits, dtype),
    one: (value: number) => toFloat8(dtype, value),
    number: (bits: number) => fromFloat8(dtype, bits),
    bits: Uint8Array,
  })),
];

describe.each(formats)("$name", ({ encode, decode, one, number, bits }) => {
  it("encodes and decodes lists of any kind, element by element", () => {
    fc.assert(
      fc.property(fc.array(fc.float()), (values) => {
        const expected = new bits(values.map(one));
        for (const list of [values, Float32Array.from(values), Float64Array.from(values)]) {
          expect(encode(list)).toEqual(expected);
        }
        expect(decode(expected as never)).toEqual(Float32Array.from(expected, (code) => number(code)));
      }),
    );
  });

  it("refuses what is no list of numbers, or no bits", () => {
    const other = bits === Uint8Array ? Uint16Array : Uint8Array;
    const wrong = [null, undefined, 1, "1", {}, new Int32Array(2), ["1"], [1, null], [1n], new Array(1)];
    for (const value of wrong)
      expect(() => encode(value as never)).toThrow(coded("ERR_INVALID_ARGUMENT", "numbers"));
    for (const value of [null, undefined, 1, [1], new other(1)]) {
      expect(() => decode(value as never)).toThrow(coded("ERR_INVALID_ARGUMENT", "bits"));
    }
  });
});

it("float8 refuses a dtype that is no 8-bit float", () => {
  for (const dtype of ["bfloat16", "toString", null, undefined]) {
    expect(() => float8.encode([1], dtype as never)).toThrow(coded("ERR_INVALID_ARGUMENT", "dtype"));
    expect(() => float8.decode(new Uint8Array(1), dtype as never)).toThrow(
      coded("ERR_INVALID_ARGUMENT", "dtype"),
    );
  }
});
