import { describe, invalidArgument, RocmAttentionError, withArticle } from "./errors.js";

// What public functions check their arguments with. A program's values may come from another realm (a vm context,
// Jest), so nothing here asks `instanceof`; what passes is what its checks say, whatever made it.

const CLASS = Symbol.for("rocm-attention.class");

/** The base of the classes whose objects a program hands back to the package. */
export abstract class PackageObject {
  /** Only a constructor of this copy of the package gives it. */
  readonly #brand = true;

  /** @internal The class's name, which other copies of the package read too. */
  get [CLASS](): string {
    return this.constructor.name;
  }

  /** @internal Whether this copy of the package made `value`. */
  static made(value: object): boolean {
    return #brand in value;
  }
}

/** A class by its name and its objects, private constructors included. */
interface ClassOf<T> {
  readonly name: string;
  readonly prototype: T;
}

/** Checks that `value` was made by this package's class `type`. */
export function checkInstance<T extends PackageObject>(
  value: unknown,
  argument: string,
  type: ClassOf<T>,
): T {
  if (typeof value === "object" && value !== null) {
    if (PackageObject.made(value)) {
      if (Object.getPrototypeOf(value) === type.prototype || inherits(value, type.prototype))
        return value as T;
    }
  }
  throw new RocmAttentionError(
    "ERR_INVALID_ARGUMENT",
    `expected ${withArticle(type.name)} for ${argument}, received ${describeForeign(value) ?? describe(value)}`,
    { argument },
  );
}

/** The words for an object that says it is of this package and was not made by it. */
function describeForeign(value: unknown): string | undefined {
  try {
    const name = (value as { [CLASS]?: unknown } | null | undefined)?.[CLASS];
    if (typeof name !== "string" || PackageObject.made(value as object)) return undefined;
    return inherits(value as object, PackageObject.prototype)
      ? `an object with the prototype of ${withArticle(name)} that the package has not made`
      : `${withArticle(name)} of another copy of rocm-attention (npm ls rocm-attention shows them)`;
  } catch {
    return undefined;
  }
}

function inherits(value: object, prototype: unknown): boolean {
  return Object.prototype.isPrototypeOf.call(prototype, value);
}

/** Checks an argument of named options: undefined, or a plain object with none but `keys`. Their values are unchecked. */
export function checkOptions<Key extends string>(
  value: unknown,
  keys: readonly Key[],
  argument = "options",
): { readonly [K in Key]?: unknown } {
  if (value === undefined) return {};
  if (!isPlain(value)) throw invalidArgument(argument, `an object with ${keys.join(", ")}`, value);
  const given = Object.keys(value);
  for (let index = 0; index < given.length; index++) {
    if (!(keys as readonly string[]).includes(given[index]!)) {
      throw invalidArgument(argument, `only ${keys.join(", ")}`, given[index]);
    }
  }
  return value as { readonly [K in Key]?: unknown };
}

/** Checks an object whose keys are looked at elsewhere. */
export function checkPlain(
  value: unknown,
  argument: string,
  expected = "a plain object",
): asserts value is object {
  if (!isPlain(value)) throw invalidArgument(argument, expected, value);
}

/** Whether `value` is an object literal of any realm, or an object without a prototype. */
function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  try {
    const prototype: object | null = Object.getPrototypeOf(value);
    return (
      prototype === null ||
      prototype === Object.prototype ||
      (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "toString"))
    );
  } catch {
    return false; // a revoked proxy
  }
}

/** Checks an integer between two limits, both included. */
export function checkInteger(
  value: unknown,
  argument: string,
  low: number,
  high = Number.MAX_SAFE_INTEGER,
): number {
  if (isBetween(value, low, high)) return value;
  throw invalidArgument(argument, integerBetween(low, high), value);
}

function isBetween(value: unknown, low: number, high: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= low && (value as number) <= high;
}

function integerBetween(low: number, high: number): string {
  return high === Number.MAX_SAFE_INTEGER
    ? `an integer >= ${low}`
    : `an integer between ${low} and ${power(high)}`;
}

/** A limit as text: large powers of two by their exponents. */
function power(limit: number): string {
  const exponent = Math.round(Math.log2(limit));
  if (limit >= 2 ** 31 && limit === 2 ** exponent) return `2^${exponent}`;
  if (limit >= 2 ** 31 - 1 && limit === 2 ** exponent - 1) return `2^${exponent} - 1`;
  return `${limit}`;
}

const typedArrayTag = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  Symbol.toStringTag,
)!.get!;

/** "Int32Array" for one of any realm; undefined for what is no typed array. */
export function typedArrayName(value: unknown): string | undefined {
  return typedArrayTag.call(value);
}

/**
 * Checks a list of integers between two limits: an array without gaps, or a typed array of integers. 64-bit ones are
 * copied as numbers; all others are given back as they are.
 */
export function checkIntegers(
  value: unknown,
  argument: string,
  low: number,
  high = Number.MAX_SAFE_INTEGER,
): ArrayLike<number> {
  const name = typedArrayName(value);
  if (!isArray(value) && !/^(Big)?(Int|Uint)/.test(name ?? "")) {
    throw invalidArgument(argument, "an array of integers", value);
  }
  const list = /^Big/.test(name ?? "")
    ? Float64Array.from(value as BigInt64Array, Number)
    : (value as ArrayLike<number>);
  for (let index = 0; index < list.length; index++) {
    if (!isBetween(list[index], low, high)) checkInteger(list[index], `${argument}[${index}]`, low, high);
  }
  return list;
}

/** Checks an object of any class whose properties can be read: those of a revoked proxy cannot. */
export function checkReadable(value: unknown, argument: string, expected: string): asserts value is object {
  try {
    if (typeof value === "object" && value !== null && Reflect.ownKeys(value)) return;
  } catch {
    // refused below
  }
  throw invalidArgument(argument, expected, value);
}

/** Whether `value` is an array of any realm. */
export function isArray(value: unknown): value is readonly unknown[] {
  try {
    return Array.isArray(value);
  } catch {
    return false; // a revoked proxy
  }
}

/** Checks that `value` is one of a few words. */
export function checkOneOf<T extends string>(value: unknown, argument: string, words: readonly T[]): T {
  if ((words as readonly unknown[]).includes(value)) return value as T;
  throw invalidArgument(argument, `one of ${words.join(", ")}`, value);
}
