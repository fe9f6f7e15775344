import fc from "fast-check";
import { expect } from "vitest";
import { RocmAttentionError } from "../../lib/errors.js";
import { testsAll } from "./tests-all.js";

/** A function with arguments for which it answers. */
export type Call = readonly [name: string, call: (...given: never[]) => unknown, ...right: unknown[]];

/** Values that are seldom right anywhere. */
function absurdValues(): unknown[] {
  const circular: unknown[] = [];
  circular.push(circular);
  const revoked = Proxy.revocable({}, {});
  revoked.revoke();
  const primitives = [undefined, null, true, "", "x".repeat(9999), Symbol("s"), Symbol.iterator];
  const numbers = [
    Number.NaN,
    -1,
    -0,
    1.5,
    2 ** 53,
    Number.POSITIVE_INFINITY,
    0n,
    -1n,
    2n ** 70n,
    1n << 9999n,
  ];
  const arrays = [
    [null],
    [2 ** 40, 2 ** 40],
    [1.5],
    ["4"],
    [4n],
    new Array(3),
    new Array(2 ** 32 - 1),
    circular,
  ];
  const like = [{ length: Number.POSITIVE_INFINITY }, { length: -1 }, { toString: null }, Object.create([4])];
  const bytes = [
    new SharedArrayBuffer(16),
    new DataView(new ArrayBuffer(3)),
    BigInt64Array.of(4n),
    new Float64Array(1),
  ];
  const others = [Object.create(null), new Map(), new Date(), class {}, () => {}, revoked.proxy];
  return [...primitives, ...numbers, ...arrays, ...like, ...bytes, ...others];
}

/**
 * Replaces and changes the right arguments of the calls at random: each must answer, or refuse with a coded error. What
 * answers have to be given back for is given back.
 * @param values More that arguments are replaced by, beside each other and absurd ones.
 */
export async function tryAnyArguments(
  calls: readonly Call[],
  values: readonly unknown[] = [],
): Promise<void> {
  const right = calls.flatMap(([, , ...given]) => given);
  const keys = new Set(right.flatMap((given) => (isPlain(given) ? Object.keys(given) : [])));
  // A value is drawn by its number, since fast-check looks into values.
  const drawn = [...right, ...values, ...absurdValues()];
  const value = fc.nat(drawn.length - 1);
  const some =
    keys.size > 0 ? fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 2 }) : fc.constant({});
  const change = fc.oneof(fc.constant("right"), value, some);
  const changed = (given: unknown, by: string | number | Record<string, number>): unknown => {
    if (typeof by === "string") return given;
    if (typeof by === "number") return drawn[by];
    const entries = Object.entries(by).map(([name, index]) => [name, drawn[index]]);
    return { ...(given as object), ...Object.fromEntries(entries) };
  };

  const answered = new Set<string>();
  const property = fc.asyncProperty(
    fc.constantFrom(...calls.keys()),
    fc.array(change, { minLength: 3, maxLength: 3 }),
    async (index, changes) => {
      const [name, call, ...given] = calls[index]!;
      try {
        const result = await call(...(changes.map((by, i) => changed(given[i], by)) as never[]));
        answered.add(name);
        await giveBack(result);
      } catch (error) {
        if (error instanceof RocmAttentionError && error.code !== "ERR_DEVICE_FAULT") return;
        throw error;
      }
    },
  );
  // Each once with its right arguments: 4000 draws might not hit upon those of every call.
  const examples: [number, "right"[]][] = [...calls.keys()].map((index) => [
    index,
    ["right", "right", "right"],
  ]);
  await fc.assert(property, { numRuns: testsAll ? 100_000 : 4000, examples });
  const names = calls.map(([name]) => name);
  expect(names.filter((name) => !answered.has(name))).toEqual([]); // not all was absurd
}

function isPlain(value: unknown): value is object {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

async function giveBack(result: unknown): Promise<void> {
  if (typeof result !== "object" || result === null) return;
  if (Symbol.dispose in result) (result as Disposable)[Symbol.dispose]();
  else if (Symbol.asyncDispose in result) await (result as AsyncDisposable)[Symbol.asyncDispose]();
}
