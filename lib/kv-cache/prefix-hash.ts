import { hash } from "node:crypto";
import { isArray, typedArrayName } from "../arguments.js";
import { invalidArgument } from "../errors.js";

/** A prompt as tokenizers give it: safe integers, or bigints of 64 bits; 1 and 1n are the same token. */
export type TokenIds = ArrayLike<number | bigint>;

/** Checks token ids from `start` on: an array, or a typed array of integers, of any realm. */
export function checkTokenIds(value: unknown, start = 0): TokenIds {
  if (/^(Big)?(Int|Uint)/.test(typedArrayName(value) ?? "")) return value as TokenIds;
  if (!isArray(value)) throw invalidArgument("tokenIds", "an array of integers", value);
  for (let index = start; index < value.length; index++) {
    if (!isTokenId(value[index])) {
      throw invalidArgument(`tokenIds[${index}]`, "a safe integer or a bigint of 64 bits", value[index]);
    }
  }
  return value as TokenIds;
}

function isTokenId(value: unknown): boolean {
  return typeof value === "bigint" ? value >= -(2n ** 63n) && value < 2n ** 64n : Number.isSafeInteger(value);
}

/** Words beside the hash of all tokens before a block that tell apart what else its contents depend on: adapter, salt. */
export type ExtraKeys = readonly (string | number)[];

/** The hash from which that of a sequence's first block is made; "" where there are no extra keys. */
export function rootHash(extraKeys: unknown): string {
  if (extraKeys === undefined) return "";
  if (!isArray(extraKeys)) throw invalidArgument("extraKeys", "an array of strings and numbers", extraKeys);
  for (let index = 0; index < extraKeys.length; index++) {
    const key = extraKeys[index];
    if (typeof key !== "string" && !Number.isFinite(key)) {
      throw invalidArgument(`extraKeys[${index}]`, "a string or a number", key);
    }
  }
  return extraKeys.length === 0 ? "" : hash("sha256", JSON.stringify(extraKeys), "binary");
}

const HASH_BYTES = 32;

/** The hash of all tokens to a block's end, and the words that it is of. */
export interface PrefixHash {
  readonly hash: string;
  readonly words: Float64Array;
}

/**
 * The hash of all tokens before `end`, from that of those before `start` ("" where there are none); `known` is given back where
 * it is of the same words. Tokens are hashed as doubles, or, where one is too large for that, as text, which is no run of
 * integers as doubles.
 */
export function prefixHash(
  before: string,
  tokenIds: TokenIds,
  start: number,
  end: number,
  known: PrefixHash | null = null,
): PrefixHash {
  const words = new Float64Array(HASH_BYTES / 8 + end - start);
  Buffer.from(words.buffer).write(before, "binary");
  for (let index = start; index < end; index++) {
    const token = Number(tokenIds[index]) + 0; // -0 is 0
    if (!Number.isSafeInteger(token)) {
      const tokens = Array.from({ length: end - start }, (_, i) => tokenIds[start + i]);
      return { hash: hash("sha256", [before, ...tokens].join(), "binary"), words: new Float64Array() };
    }
    words[HASH_BYTES / 8 + index - start] = token;
  }
  if (known !== null && Buffer.compare(bytesOf(words), bytesOf(known.words)) === 0) return known;
  return { hash: hash("sha256", words, "binary"), words };
}

function bytesOf({ buffer, byteOffset, byteLength }: Float64Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
