import { afterAll, afterEach, expect, it, vi } from "vitest";
import {
  BlockPool,
  createAttention,
  createBatch,
  type Metric,
  setLogger,
  setMetrics,
  traceLaunches,
} from "../../lib/index.js";
import { coded } from "../support/coded.js";
import { openTestDevice } from "../support/device.js";

const device = openTestDevice();
afterAll(() => device.close());
afterEach(() => {
  setMetrics(null);
  traceLaunches(null);
  setLogger(null);
});

const heard: Metric[] = [];
const listen = (metric: Metric) => void heard.push(metric);
const named = (name: Metric["name"]) => heard.filter((metric) => metric.name === name);
afterEach(() => void heard.splice(0));

const shape = { numHeads: 2, numKvHeads: 1, headSize: 64 };
const attention = createAttention(device, { ...shape, dtype: "bfloat16" });
const cache = attention.createKvCache({ numBlocks: 2 });
const batch = createBatch(device, { maxSequences: 1, maxTokens: 4, maxBlocksPerSequence: 1 });
batch.update({ queryStartLoc: [0, 4], seqLens: [4], blockTable: [[0]] });
const rows = (heads: number) => device.zeros([4, heads, 64], "bfloat16");
const tensors = { query: rows(2), key: rows(1), value: rows(1), output: rows(2) };
const forward = (stream = device.defaultStream) =>
  attention.forward({ ...tensors, cache: cache.layer(0), batch, stream });

it("launches are heard of, with their times where that is asked for, and beside a trace", async () => {
  forward();
  expect(heard).toEqual([]);
  setMetrics(listen);
  forward();
  const launches = named("launch");
  expect(launches.length).toBeGreaterThan(1);
  await device.defaultStream.synchronize();
  expect(heard).toEqual(launches);
  heard.length = 0;
  setMetrics(listen, { kernelTimes: true });
  const traced: string[] = [];
  traceLaunches(({ id, start, end }) => {
    traced.push(id);
    start.dispose();
    end.dispose();
  });
  forward();
  await expect.poll(() => named("kernelTime")).toHaveLength(launches.length);
  expect(named("launch")).toEqual(launches);
  expect(traced).toEqual(launches.map((metric) => "kernel" in metric && metric.kernel));
  for (const metric of named("kernelTime")) {
    expect(metric).toMatchObject({ kernel: expect.any(String), milliseconds: expect.any(Number) });
  }
  heard.length = 0;
  const stream = device.createStream();
  attention.prepare(batch, { stream });
  stream.beginCapture();
  forward(stream);
  stream.endCapture().dispose();
  expect(heard).toEqual([]);
});

it("a pool tells of its prefixes, evictions and free blocks", () => {
  setMetrics(listen);
  const pool = new BlockPool({ numBlocks: 2, blockSize: 2 });
  const tokens = [1, 2, 3];
  pool.match("a", tokens);
  pool.append("a", 3);
  pool.commit("a", tokens);
  pool.free("a");
  pool.match("b", tokens);
  pool.truncate("b", 0);
  pool.append("b", 4);
  const free = (count: number) => ({ name: "freeBlocks", free: count, total: 2 });
  expect(heard).toEqual([
    { name: "prefix", hits: 0, queried: 1 },
    free(0),
    free(2),
    { name: "prefix", hits: 1, queried: 1 },
    free(1),
    free(2),
    { name: "evictions", blocks: 1 },
    free(0),
  ]);
});

it("a listener that throws changes nothing but the log", async () => {
  const log = vi.fn();
  setLogger(log);
  setMetrics(() => {
    throw new Error("mine");
  });
  forward();
  new BlockPool({ numBlocks: 2 }).match("a", [1]);
  await device.defaultStream.synchronize();
  expect(log).toHaveBeenCalledWith("warn", expect.stringContaining("mine"));
});

it("is set to a function or null", () => {
  for (const listener of [undefined, 1, "x", {}]) {
    expect(() => setMetrics(listener as never)).toThrow(coded("ERR_INVALID_ARGUMENT", "listener"));
  }
  for (const options of [null, 1, { kernelTimes: 1 }, { times: true }]) {
    expect(() => setMetrics(null, options as never)).toThrow(coded("ERR_INVALID_ARGUMENT"));
  }
});
