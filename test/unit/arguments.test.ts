import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  checkInstance,
  checkInteger,
  checkIntegers,
  checkOneOf,
  checkOptions,
  PackageObject,
  typedArrayName,
} from "../../lib/arguments.js";
import { coded } from "../support/coded.js";

class Apple extends PackageObject {}
class Pear extends PackageObject {}

/** The package's classes as a second copy of it has them. */
async function secondCopy(): Promise<object> {
  const copy: typeof import("../../lib/arguments.js") = await import(
    "../../lib/arguments.js?copy=2" as string
  );
  return new (class Apple extends copy.PackageObject {})();
}

describe("instance", () => {
  it("takes what the class has made and names everything else", async () => {
    const apple = new Apple();
    expect(checkInstance(apple, "fruit", Apple)).toBe(apple);
    const refused: [unknown, string][] = [
      [new Pear(), "expected an Apple for fruit, received a Pear"],
      [
        Object.create(Apple.prototype),
        "an object with the prototype of an Apple that the package has not made",
      ],
      [await secondCopy(), "an Apple of another copy of rocm-attention"],
      [null, "null"],
      [Symbol("a"), "Symbol\\(a\\)"],
      [Object.create(null), "an object"],
    ];
    for (const [value, text] of refused) {
      expect(() => checkInstance(value, "fruit", Apple)).toThrow(coded("ERR_INVALID_ARGUMENT", text));
    }
  });
});

describe("options", () => {
  const keys = ["stream", "shape"] as const;

  it("takes plain objects of any realm with known keys, and undefined", () => {
    expect(checkOptions(undefined, keys)).toEqual({});
    expect(checkOptions({ shape: [1] }, keys)).toEqual({ shape: [1] });
    expect(checkOptions(runInNewContext("({ shape: 7 })"), keys).shape).toBe(7);
    expect(checkOptions(Object.assign(Object.create(null), { stream: 1 }), keys).stream).toBe(1);
  });

  it.each<[string, unknown, string]>([
    ["null", null, "an object with stream, shape for options, received null"],
    ["an object of a class", new Apple(), "received an Apple"],
    ["an array", [], "received \\[\\]"],
    ["a function", () => 0, "received a function"],
    ["options in a prototype", Object.create({ shape: [1] }), "received an object"],
    ["an unknown key", { shap: [1] }, 'only stream, shape for options, received "shap"'],
  ])("refuses %s", (_, value, text) => {
    expect(() => checkOptions(value, keys)).toThrow(coded("ERR_INVALID_ARGUMENT", text));
  });
});

describe("integers", () => {
  it("are safe, within their limits, and numbers", () => {
    expect(checkInteger(5, "n", 1, 5)).toBe(5);
    const wrong = fc.oneof(fc.constantFrom(0, 6, 2 ** 53, Number.NaN, 1.5), fc.anything());
    fc.assert(
      fc.property(wrong, (value) => {
        fc.pre(!(Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 5));
        expect(() => checkInteger(value, "n", 1, 5)).toThrow(
          coded("ERR_INVALID_ARGUMENT", "an integer between 1 and 5 for n"),
        );
      }),
    );
    expect(() => checkInteger(-1, "n", 0)).toThrow("an integer >= 0");
    expect(() => checkInteger(0, "n", 1, 2 ** 31 - 1)).toThrow("between 1 and 2^31 - 1");
    expect(() => checkInteger(0, "n", 1, 2 ** 46)).toThrow("between 1 and 2^46");
  });

  it("in lists come in arrays and typed arrays of any realm", () => {
    for (const list of [[1, 2], Int32Array.of(1, 2), Uint8Array.of(1, 2), BigInt64Array.of(1n, 2n)]) {
      expect(Array.from(checkIntegers(list, "list", 0))).toEqual([1, 2]);
    }
    expect(checkIntegers(runInNewContext("Int32Array.of(3)"), "list", 0)[0]).toBe(3);
    expect(checkIntegers(runInNewContext("[4]"), "list", 0)[0]).toBe(4);
  });

  it.each<[string, unknown, string]>([
    ["an object with a length", { length: Number.POSITIVE_INFINITY }, "an array of integers for list"],
    ["a string", "12", "an array of integers"],
    ["floats", Float32Array.of(1), "an array of integers"],
    ["a gap", Object.assign(new Array(3), { 0: 1, 2: 3 }), "list\\[1\\], received undefined"],
    ["null in it", [null], "list\\[0\\], received null"],
    ["a symbol in it", [Symbol("x")], "list\\[0\\], received Symbol"],
    ["a bigint in an array", [0, 1n], "list\\[1\\], received 1n"],
    ["a string in it", [""], "list\\[0\\]"],
    ["one too large", [7], "between 0 and 6 for list\\[0\\]"],
    ["a bigint that no number holds", BigInt64Array.of(2n ** 60n), "list\\[0\\]"],
    ["a vast array of gaps", new Array(2 ** 32 - 1), "list\\[0\\]"],
  ])("refuses %s", (_, value, text) => {
    expect(() => checkIntegers(value, "list", 0, 6)).toThrow(coded("ERR_INVALID_ARGUMENT", text));
  });
});

it("typed arrays are known by their kind, whatever they say of themselves", () => {
  expect(typedArrayName(runInNewContext("new Float32Array(1)"))).toBe("Float32Array");
  expect(typedArrayName({ [Symbol.toStringTag]: "Float32Array" })).toBeUndefined();
  expect(typedArrayName(new DataView(new ArrayBuffer(1)))).toBeUndefined();
});

it("words are of a list", () => {
  expect(checkOneOf("b", "letter", ["a", "b"])).toBe("b");
  expect(() => checkOneOf("toString", "letter", ["a", "b"])).toThrow(
    coded("ERR_INVALID_ARGUMENT", "one of a, b for letter"),
  );
});
