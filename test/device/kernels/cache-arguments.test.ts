import { afterAll, beforeEach, describe, expect, it } from "vitest";
import {
  type DType,
  gatherCache,
  type KvCacheLayer,
  reshapeAndCache,
  reshapeAndCacheFlash,
  type Tensor,
} from "../../../lib/index.js";
import { CacheUnderTest } from "../../support/cache-data.js";
import { coded } from "../../support/coded.js";
import { openTestDevice } from "../../support/device.js";
import { noHipKernels } from "../../support/hip-kernels.js";

const device = openTestDevice();
const other = openTestDevice();
afterAll(() => Promise.all([device.close(), other.close()]));

const SHAPE = { numKvHeads: 2, headSize: 64, blockSize: 16, dtype: "bfloat16", isFp8: false } as const;
const cacheOf = (layout: "paired" | "split", shape: Partial<typeof SHAPE> = {}, on = device) =>
  new CacheUnderTest(on, { layout, headsFirst: false }, { ...SHAPE, ...shape });
const [paired, split] = [cacheOf("paired"), cacheOf("split")];
const rows = (shape = [3, 2, 64], dtype: DType = "bfloat16", on = device) => on.zeros(shape, dtype);
const ints = (...shape: number[]) => device.zeros(shape, "int32");
const [key, value] = [rows(), rows()];
const slotMapping = device.zeros([3], "int64");
const disposed = (tensor: Tensor) => {
  tensor.dispose();
  return tensor;
};
const disposedLayer = (): KvCacheLayer => {
  const cache = cacheOf("paired");
  cache.dispose();
  return cache.layer;
};

type Change = [what: string, change: () => object, argument: string, ...words: string[]];

/** What any access to a cache refuses. */
const ACCESS: Change[] = [
  ["no cache", () => ({ cache: undefined }), "cache", "a KvCacheLayer"],
  ["a cache of another layout", () => ({ cache: { layout: "paired" } }), "cache", "a KvCacheLayer"],
  ["no key", () => ({ key: null }), "key", "a Tensor", "null"],
  [
    "a value of another dtype",
    () => ({ value: rows([3, 2, 64], "float16") }),
    "value",
    "bfloat16",
    "float16",
  ],
  ["a key of a dtype that caches have not", () => ({ key: rows([3, 2, 64], "float32") }), "key", "bfloat16"],
  ["a key of other heads", () => ({ key: rows([3, 3, 64]) }), "key", "2, 64", "3, 3, 64"],
  ["a value of another head size", () => ({ value: rows([3, 2, 128]) }), "value", "2, 64", "128"],
  ["a value of too few rows", () => ({ value: rows([2, 2, 64]) }), "value", "tokens >= 3", "2, 2"],
  ["a key of another device", () => ({ key: rows([3, 2, 64], "bfloat16", other) }), "key", "another"],
  ["a scale of a cache that is not fp8", () => ({ kScale: 2 }), "kScale", "not fp8"],
  ["a stream of another device", () => ({ stream: other.defaultStream }), "stream", "another device"],
  ["a number as stream", () => ({ stream: 0 }), "stream", "a Stream", "0"],
  ["an option that there is not", () => ({ keyScale: 2 }), "options", "only", "keyScale"],
];

describe.skipIf(noHipKernels)("a wrong access to a cache changes nothing:", () => {
  beforeEach(() =>
    Promise.all([paired, split].map((cache) => cache.write(new Uint8Array(cache.bytes).fill(9)))),
  );

  const refuses = async (call: () => void, [argument, ...words]: string[]) => {
    expect(call).toThrow(expect.objectContaining({ argument }));
    expect(call).toThrow(coded("ERR_INVALID_ARGUMENT", ...words));
    for (const cache of [paired, split]) expect((await cache.read()).every((byte) => byte === 9)).toBe(true);
    expect((await key.readFloat32()).every((number) => number === 0)).toBe(true);
  };

  describe.each([
    ["reshapeAndCacheFlash", reshapeAndCacheFlash, paired, split],
    ["reshapeAndCache", reshapeAndCache, split, paired],
  ] as const)("%s of", (_, write, cache, wrong) => {
    it.each<Change>([
      ...ACCESS,
      ["a cache of the other layouts", () => ({ cache: wrong.layer }), "cache", "a layer of layout"],
      ["no slots", () => ({ slotMapping: undefined }), "slotMapping", "a Tensor"],
      ["slots in int32", () => ({ slotMapping: ints(3) }), "slotMapping", "int64", "int32"],
      [
        "slots in two dimensions",
        () => ({ slotMapping: device.zeros([3, 1], "int64") }),
        "slotMapping",
        "1 dim",
      ],
      ["more slots than rows", () => ({ slotMapping: device.zeros([4], "int64") }), "key", "tokens >= 4"],
      [
        "slots with gaps",
        () => ({ slotMapping: device.zeros([6], "int64").view({ shape: [3], strides: [2] }) }),
        "slotMapping",
        "contiguous",
      ],
    ])("%s", async (_, change, ...expected) => {
      const given = { key, value, cache: cache.layer, slotMapping, ...change() };
      await refuses(() => write(given as never), expected);
    });
  });

  const ranges = { blockTable: ints(2, 1), starts: ints(2), rowStarts: ints(3) };
  it.each<Change>([
    ...ACCESS,
    ["no block table", () => ({ blockTable: undefined }), "blockTable", "a Tensor"],
    ["a flat block table", () => ({ blockTable: ints(2) }), "blockTable", "2 dimensions"],
    ["a block table in int64", () => ({ blockTable: device.zeros([2, 1], "int64") }), "blockTable", "int32"],
    ["starts of fewer sequences", () => ({ starts: ints(1) }), "starts", "2 positions", "1"],
    ["rows of as many starts as sequences", () => ({ rowStarts: ints(2) }), "rowStarts", "3 rows", "2"],
  ])("gatherCache of %s", async (_, change, ...expected) => {
    const given = { cache: paired.layer, ...ranges, key, value, ...change() };
    await refuses(() => gatherCache(given as never), expected);
  });

  it.each<[string, () => object]>([
    ["key", () => ({ key: disposed(rows()) })],
    ["value", () => ({ value: disposed(rows()) })],
    ["cache", () => ({ cache: disposedLayer() })],
    ["slotMapping", () => ({ slotMapping: disposed(device.zeros([3], "int64")) })],
  ])("of a %s after its dispose()", (_, change) => {
    const given = { key, value, cache: paired.layer, slotMapping, ...change() };
    expect(() => reshapeAndCacheFlash(given)).toThrow(coded("ERR_DISPOSED"));
  });
});
