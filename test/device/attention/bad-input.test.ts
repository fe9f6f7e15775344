import { createHash } from "node:crypto";
import { afterAll, describe, expect, it } from "vitest";
import { createAttention, createBatch, type DType, type ForwardOptions, Tensor } from "../../../lib/index.js";
import { coded } from "../../support/coded.js";
import { openTestDevice } from "../../support/device.js";

const CONFIG = { numHeads: 4, numKvHeads: 2, headSize: 128, dtype: "bfloat16" } as const;
const LIMITS = { maxSequences: 2, maxTokens: 8, maxBlocksPerSequence: 2 };
const STEP = { queryStartLoc: [0, 3, 4], seqLens: [3, 20], blockTable: [[0], [1, 2]] };

const device = openTestDevice();
const other = openTestDevice();
afterAll(() => Promise.all([device.close(), other.close()]));

const attention = createAttention(device, CONFIG);
const cache = attention.createKvCache({ numBlocks: 4, layers: 2 });
const batch = createBatch(device, LIMITS);
batch.update(STEP);
const rows = (heads: number, { tokens = 4, dtype = "bfloat16" as DType, on = device } = {}) =>
  on.zeros([tokens, heads, 128], dtype);
const good: ForwardOptions = {
  query: rows(4),
  key: rows(2),
  value: rows(2),
  output: rows(4),
  lse: device.zeros([4, 4], "float32"),
  cache: cache.layer(0),
  batch,
};
const disposed = <T extends { dispose(): void }>(owner: T): T => {
  owner.dispose();
  return owner;
};
const view = (heads: number, strides: number[], tokens = 4) =>
  device.zeros([2 ** 14], "bfloat16").view({ shape: [tokens, heads, 128], strides });
const misaligned = (heads: number) =>
  device.zeros([2 ** 12], "bfloat16").view({ shape: [4, heads, 128], byteOffset: 2 });

/** The bytes of everything that a call could change, by their hashes. */
async function state() {
  const tensors = [cache.memory(0), cache.memory(1), good.output, good.lse!];
  const contents = await Promise.all(tensors.map((tensor) => tensor.read()));
  return contents.map((bytes) => createHash("sha256").update(bytes).digest("hex"));
}

/** Contents that a call which goes through would change. */
async function fill(): Promise<void> {
  const tensor = cache.memory(0);
  await tensor.write(new Uint8Array(tensor.byteLength).fill(1));
  await good.output.write(new Uint8Array(good.output.byteLength).fill(2));
  await good.lse!.write(new Uint8Array(good.lse!.byteLength).fill(3));
}

type Change = () => Partial<Record<keyof ForwardOptions | "keyScale", unknown>>;

/** Where there is fp8 the output is at fault, else its scale. */
const noFp8Output: [string, ...string[]] =
  device.info.arch === "gfx90a" ? ["outputScale", "no fp8", "2"] : ["output", "float8_e4m3", "bfloat16"];

describe("forward", () => {
  it("changes the cache, the output and the log-sum-exp when nothing is wrong", async () => {
    await fill();
    const before = await state();
    attention.forward(good);
    const after = await state();
    for (const index of [0, 2, 3]) expect(after[index]).not.toEqual(before[index]);
  });

  it.each<[string, Change, string, ...string[]]>([
    ["no query", () => ({ query: undefined }), "query", "a Tensor", "undefined"],
    ["an array as query", () => ({ query: [1, 2] }), "query", "a Tensor"],
    [
      "a query of another head size",
      () => ({ query: device.zeros([4, 4, 64], "bfloat16") }),
      "query",
      "\\[tokens >= 4, 4, 128\\]",
      "4, 4, 64",
    ],
    ["a query of other heads", () => ({ query: rows(2) }), "query", "4, 128", "2, 128"],
    ["a query of too few tokens", () => ({ query: rows(4, { tokens: 3 }) }), "query", "tokens >= 4", "3, 4"],
    ["a flat query", () => ({ query: device.zeros([2048], "bfloat16") }), "query", "shape", "2048"],
    [
      "a query of another dtype",
      () => ({ query: rows(4, { dtype: "float16" }) }),
      "query",
      "bfloat16",
      "float16",
    ],
    ["a key of query heads", () => ({ key: rows(4) }), "key", "2, 128", "4, 128"],
    [
      "a value of another dtype",
      () => ({ value: rows(2, { dtype: "float32" }) }),
      "value",
      "bfloat16",
      "float32",
    ],
    ["an output of too few tokens", () => ({ output: rows(4, { tokens: 1 }) }), "output", "tokens >= 4"],
    ["an output of another dtype", () => ({ output: rows(4, { dtype: "float32" }) }), "output", "bfloat16"],
    [
      "a query with gaps in its heads",
      () => ({
        query: device.zeros([2 ** 13], "bfloat16").view({ shape: [4, 4, 128], strides: [1024, 256, 2] }),
      }),
      "query",
      "strides",
      "1024, 256, 2",
    ],
    [
      "a query with rows at odd places",
      () => ({ query: view(4, [516, 128, 1]) }),
      "query",
      "multiple of 8",
      "516",
    ],
    [
      "a key with heads at odd places",
      () => ({ key: view(2, [512, 132, 1]) }),
      "key",
      "multiple of 8",
      "132",
    ],
    ["a misaligned query", () => ({ query: misaligned(4) }), "query", "aligned to 16 bytes"],
    ["a misaligned value", () => ({ value: misaligned(2) }), "value", "aligned to 16 bytes"],
    ["a misaligned output", () => ({ output: misaligned(4) }), "output", "aligned to 16 bytes"],
    [
      "an output whose tokens overlap",
      () => ({ output: view(4, [256, 128, 1]) }),
      "output",
      "not overlap",
      "256",
    ],
    [
      "an output whose heads overlap",
      () => ({ output: view(4, [512, 64, 1]) }),
      "output",
      "not overlap",
      "64",
    ],
    ["an output that is one row", () => ({ output: view(4, [0, 0, 1]) }), "output", "not overlap"],
    ["a query of another device", () => ({ query: rows(4, { on: other }) }), "query", "another"],
    ["an output of another device", () => ({ output: rows(4, { on: other }) }), "output", "another"],
    ["a key without value", () => ({ value: undefined }), "value", "together"],
    ["a value without key", () => ({ key: undefined }), "key", "together"],
    [
      "a log-sum-exp of another dtype",
      () => ({ lse: device.zeros([4, 4], "bfloat16") }),
      "lse",
      "float32",
      "bfloat16",
    ],
    [
      "a log-sum-exp of other heads",
      () => ({ lse: device.zeros([4, 2], "float32") }),
      "lse",
      "4\\]",
      "4, 2|2",
    ],
    [
      "a log-sum-exp of too few tokens",
      () => ({ lse: device.zeros([3, 4], "float32") }),
      "lse",
      "tokens >= 4",
    ],
    [
      "a log-sum-exp with gaps",
      () => ({ lse: device.zeros([4, 8], "float32").view({ shape: [4, 4], strides: [8, 1] }) }),
      "lse",
      "contiguous",
    ],
    ["no cache", () => ({ cache: undefined }), "cache", "a KvCacheLayer", "undefined"],
    ["a cache instead of its layer", () => ({ cache }), "cache", "a KvCacheLayer", "a KvCache"],
    [
      "a cache of another head count",
      () => ({
        cache: createAttention(device, { ...CONFIG, numKvHeads: 4 })
          .createKvCache({ numBlocks: 4 })
          .layer(0),
      }),
      "cache",
      "paired with key bfloat16 \\[16, 2, 128\\]",
      "\\[16, 4, 128\\]",
    ],
    [
      "a cache of another head size",
      () => ({
        cache: createAttention(device, { ...CONFIG, headSize: 64 })
          .createKvCache({ numBlocks: 4 })
          .layer(0),
      }),
      "cache",
      "\\[16, 2, 128\\]",
      "\\[16, 2, 64\\]",
    ],
    [
      "a cache of another block size",
      () => ({
        cache: createAttention(device, { ...CONFIG, blockSize: 32 })
          .createKvCache({ numBlocks: 4 })
          .layer(0),
      }),
      "cache",
      "\\[16, 2, 128\\]",
      "\\[32, 2, 128\\]",
    ],
    [
      "a cache of another dtype",
      () => ({
        cache: createAttention(device, { ...CONFIG, dtype: "float16" })
          .createKvCache({ numBlocks: 4 })
          .layer(0),
      }),
      "cache",
      "key bfloat16",
      "key float16",
    ],
    [
      "a cache of another device",
      () => ({ cache: createAttention(other, CONFIG).createKvCache({ numBlocks: 4 }).layer(0) }),
      "cache",
      "another",
    ],
    [
      "a cache of too few blocks for the batch",
      () => ({ cache: attention.createKvCache({ numBlocks: 2 }).layer(0) }),
      "batch",
      "below the cache's 2 blocks",
      "2",
    ],
    ["no batch", () => ({ batch: undefined }), "batch", "a Batch"],
    ["a step instead of a batch", () => ({ batch: STEP }), "batch", "a Batch"],
    ["a batch of another device", () => ({ batch: createBatch(other, LIMITS) }), "batch", "another"],
    [
      "a batch of another block size",
      () => ({ batch: createBatch(device, { ...LIMITS, blockSize: 32 }) }),
      "batch",
      "blocks of 16",
      "32",
    ],
    [
      "slots behind the cache",
      () => {
        const writes = createBatch(device, LIMITS);
        writes.update({ ...STEP, slotMapping: [0, 1, 64, 2] });
        return { batch: writes };
      },
      "batch",
      "slots below the cache's 64",
      "64",
    ],
    ["a stream of another device", () => ({ stream: other.defaultStream }), "stream", "another device"],
    ["a number as stream", () => ({ stream: 5 }), "stream", "a Stream", "5"],
    ["an option that there is not", () => ({ keyScale: 2 }), "options", "only query, key", "keyScale"],
    ["a scale of a cache that is not fp8", () => ({ kScale: 2 }), "kScale", "the cache is not fp8", "2"],
    ["the other scale of such a cache", () => ({ vScale: 2 }), "vScale", "the cache is not fp8", "2"],
    ["a scale of an output that is not fp8", () => ({ outputScale: 2 }), ...noFp8Output],
    [
      "sinks of an attention without",
      () => ({ sinks: device.zeros([4], "bfloat16") }),
      "sinks",
      "without sinks",
    ],
  ])("refuses %s, and changes nothing", async (_, change, argument, ...words) => {
    await fill();
    const options = { ...good, ...change() } as ForwardOptions;
    const before = await state();
    expect(() => attention.forward(options)).toThrow(expect.objectContaining({ argument }));
    expect(() => attention.forward(options)).toThrow(coded("ERR_INVALID_ARGUMENT", ...words));
    expect(await state()).toEqual(before);
  });

  it.each<[string, Change]>([
    ["query", () => ({ query: disposed(rows(4)) })],
    ["key", () => ({ key: disposed(rows(2)) })],
    ["value", () => ({ value: disposed(rows(2)) })],
    ["output", () => ({ output: disposed(rows(4)) })],
    ["lse", () => ({ lse: disposed(device.zeros([4, 4], "float32")) })],
    ["cache", () => ({ cache: disposedLayer() })],
    ["batch", () => ({ batch: disposed(createBatch(device, LIMITS)) })],
  ])("refuses a %s after its dispose(), and changes nothing", async (_, change) => {
    await fill();
    const before = await state();
    expect(() => attention.forward({ ...good, ...change() } as ForwardOptions)).toThrow(
      coded("ERR_DISPOSED"),
    );
    expect(await state()).toEqual(before);
  });

  it("refuses to run without options, after dispose(), and on a closed device", async () => {
    expect(() => attention.forward(undefined as never)).toThrow(coded("ERR_INVALID_ARGUMENT", "options"));
    const ended = createAttention(device, CONFIG);
    ended.dispose();
    ended.dispose();
    expect(() => ended.forward(good)).toThrow(coded("ERR_DISPOSED", "the attention"));
    expect(() => ended.createKvCache({ numBlocks: 1 })).toThrow(coded("ERR_DISPOSED"));
    const gone = openTestDevice();
    const orphan = createAttention(gone, CONFIG);
    await gone.close();
    expect(() => orphan.forward(good)).toThrow(coded("ERR_DISPOSED", "device"));
  });

  it("needs no blocks behind the query's and no slots where it only attends", () => {
    const readsOnly = createBatch(device, LIMITS);
    readsOnly.update({ ...STEP, slotMapping: [0, 1, 2 ** 20, 2] });
    const { key: _, value: __, ...attends } = good;
    attention.forward({ ...attends, batch: readsOnly });
  });
});

function disposedLayer() {
  const own = attention.createKvCache({ numBlocks: 4 });
  own.dispose();
  return own.layer(0);
}

describe("a pointer to nowhere", () => {
  it("loses the device, and says where", async () => {
    await using lost = openTestDevice();
    const there = createAttention(lost, CONFIG);
    const step = createBatch(lost, LIMITS);
    step.update(STEP);
    const wild = Tensor.fromPointer(lost, 0x10n << 40n, {
      shape: [4, 4, 128],
      dtype: "bfloat16",
      byteLength: 4096,
    });
    const output = lost.zeros([4, 4, 128], "bfloat16");
    there.forward({
      query: wild,
      output,
      cache: there.createKvCache({ numBlocks: 4 }).layer(0),
      batch: step,
    });
    await expect(output.read()).rejects.toThrow(coded("ERR_DEVICE_FAULT", "unified_attention"));
    expect(() => there.forward({ query: wild, output, cache: cache.layer(0), batch: step })).toThrow(
      coded("ERR_DEVICE_FAULT", "lost"),
    );
  });
});
