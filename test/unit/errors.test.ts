import fc from "fast-check";
import { expect, it, describe as suite } from "vitest";
import { describe, invalidArgument } from "../../lib/errors.js";

function circular(): unknown[] {
  const array: unknown[] = [1];
  array.push(array);
  return array;
}

function revoked(target: object): unknown {
  const { proxy, revoke } = Proxy.revocable(target, {});
  revoke();
  return proxy;
}

suite("an error's text", () => {
  it.each<[string, unknown, string]>([
    ["a string", 'say "x"', '"say \\"x\\""'],
    ["a long string", "a".repeat(10_000), `"${"a".repeat(80)}..."`],
    ["a symbol", Symbol("s"), "Symbol(s)"],
    ["a bigint", -5n, "-5n"],
    ["a vast bigint", 1n << 100_000n, "a bigint of more than 256 bits"],
    ["an array", [1, "a", null], '[1, "a", null]'],
    ["a long array", new Array(2 ** 32 - 1), `[${"(empty), ".repeat(8)}... 4294967295 in all]`],
    ["a circular array", circular(), "[1, [1, [...]]]"],
    ["a typed array", new Float32Array(3), "a Float32Array of 12 bytes"],
    ["an article by its sound", new Uint8Array(1), "a Uint8Array of 1 bytes"],
    ["an error", new RangeError("no"), "a RangeError (no)"],
    ["an object", { a: 1 }, "an object"],
    ["an object without a prototype", Object.create(null), "an object"],
    ["an object of a class", new Map(), "a Map"],
    ["a symbol as its constructor's name", { constructor: { name: Symbol("x") } }, "an object"],
    [
      "a throwing getter",
      Object.defineProperty({}, "constructor", { get: throws }),
      "a value that cannot be shown",
    ],
    ["a revoked proxy", revoked([]), "a value that cannot be shown"],
    ["a function whose name is none", Object.defineProperty(() => 0, "name", { value: 1n }), "a function"],
  ])("shows %s", (_, value, text) => {
    expect(describe(value)).toBe(text);
  });

  it("is bounded and throws for no value", () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withSparseArray: true, withTypedArray: true }), (value) => {
        expect(invalidArgument("x", "a thing", value).message.length).toBeLessThan(8000);
      }),
    );
  });
});

function throws(): never {
  throw new Error("no");
}
