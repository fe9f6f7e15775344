import { hash } from "node:crypto";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { BlockPool } from "../../../lib/kv-cache/block-pool.js";
import { coded } from "../../support/coded.js";

vi.mock("node:crypto", async (original) => {
  const crypto = await original<typeof import("node:crypto")>();
  return { ...crypto, hash: vi.fn(crypto.hash) };
});

const hashes = vi.mocked(hash);
beforeEach(() => void hashes.mockClear());

const tokensFrom = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);

/** A pool that knows the blocks of `tokens`, which no sequence has any more. */
function poolThatKnows(tokens: number[], extraKeys?: readonly (string | number)[]): BlockPool {
  const pool = new BlockPool({ numBlocks: 16, blockSize: 4 });
  pool.match("known", tokens, extraKeys === undefined ? undefined : { extraKeys });
  pool.append("known", tokens.length);
  pool.commit("known", tokens);
  pool.free("known");
  hashes.mockClear();
  return pool;
}

describe("a prefix", () => {
  it("is hashed to its first miss, and each block once until it is committed", () => {
    const tokens = [...tokensFrom(0, 8), ...tokensFrom(100, 25)];
    const pool = poolThatKnows(tokensFrom(0, 20));
    expect(pool.match("a", tokens)).toBe(8);
    expect(hashes).toHaveBeenCalledTimes(3); // two hits and the miss
    pool.append("a", 25);
    pool.commit("a", tokens.slice(0, 10)); // no block more
    pool.commit("a", tokens.slice(0, 16));
    expect(hashes).toHaveBeenCalledTimes(4);
    pool.commit("a", tokens);
    expect(hashes).toHaveBeenCalledTimes(8);
    expect(pool.match("b", tokens)).toBe(32);
  });

  it("has the hash of the tokens that are committed, where they are not those that were looked for", () => {
    const pool = poolThatKnows(tokensFrom(0, 4));
    const written = [...tokensFrom(0, 4), ...tokensFrom(50, 4)];
    expect(pool.match("a", tokensFrom(0, 9))).toBe(4);
    pool.append("a", 4);
    pool.commit("a", written);
    expect(pool.match("b", tokensFrom(0, 9))).toBe(4);
    expect(pool.match("c", [...written, 0])).toBe(8);
  });

  it("is shared with sequences of the same extra keys alone", () => {
    const tokens = tokensFrom(0, 9);
    const pool = poolThatKnows(tokens, ["adapter", 7]);
    for (const extraKeys of [
      undefined,
      [],
      ["adapter"],
      ["adapter", "7"],
      [7, "adapter"],
      ["adapter", 7, ""],
    ]) {
      expect(pool.match("other", tokens, { extraKeys: extraKeys as string[] })).toBe(0);
      pool.free("other");
    }
    expect(pool.match("same", tokens, { extraKeys: ["adapter", 7] })).toBe(8);
    pool.fork("same", "fork");
    pool.append("fork", 8);
    pool.commit("fork", tokensFrom(0, 16)); // the fork has the keys of its origin
    expect(pool.match("longer", tokensFrom(0, 17), { extraKeys: ["adapter", 7] })).toBe(16);
    expect(pool.match("without", tokensFrom(0, 17))).toBe(0);
  });

  it("is counted: blocks that were looked for, found, and given to other tokens", () => {
    const pool = poolThatKnows(tokensFrom(0, 12));
    const { queriedBlocks } = pool.counters;
    pool.match("a", [...tokensFrom(0, 8), 1, 1, 1, 1, 1]);
    expect(pool.counters).toEqual({ queriedBlocks: queriedBlocks + 3, hitBlocks: 2, evictedBlocks: 0 });
    pool.append("b", 13 * 4);
    expect(pool.counters.evictedBlocks).toBe(0);
    pool.append("c", 4);
    expect(pool.counters.evictedBlocks).toBe(1);
  });

  it.each([null, "adapter", [null], [Number.NaN], [undefined], [1n], { 0: "a", length: 1 }])(
    "has no extra keys like %o",
    (extraKeys) => {
      const pool = new BlockPool({ numBlocks: 4 });
      const options = { extraKeys: extraKeys as never };
      expect(() => pool.match("a", [1, 2], options)).toThrow(coded("ERR_INVALID_ARGUMENT", "extraKeys"));
      expect(() => pool.blocks("a")).toThrow(coded("ERR_INVALID_ARGUMENT"));
    },
  );
});
