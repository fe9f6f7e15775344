import { expect, it } from "vitest";
import * as exported from "../../../lib/index.js";
import {
  BlockPool,
  bfloat16,
  compileFlex,
  concatAndCacheMla,
  convertFp8,
  createAttention,
  createBatch,
  createMlaAttention,
  type Device,
  explain,
  flex,
  float8,
  float16,
  gatherCache,
  gatherMlaCache,
  listBackends,
  mergeAttentionStates,
  overrideBackend,
  registerBackend,
  reshapeAndCache,
  reshapeAndCacheFlash,
  selectBackend,
  setAddon,
  setLogger,
  setMetrics,
  type Tensor,
  traceLaunches,
} from "../../../lib/index.js";
import { addonFile } from "../../../lib/native-files.js";
import { type Call, tryAnyArguments } from "../../support/any-arguments.js";
import { openTestDevice } from "../../support/device.js";

/** Functions whose arguments test/device/arguments.test.ts tries. */
const ELSEWHERE = ["itemSize", "peerCopy", "setEmulatorOption", "takeLaunchCounters"];
/** Of these each function is tried by its own name. */
const NAMESPACES = ["flex", "bfloat16", "float16", "float8"];

/** Calls of a pool that has one sequence, "a", of 40 tokens, each on a pool of its own. */
function poolCalls(): Call[] {
  const tokens = Array.from({ length: 40 }, (_, token) => token);
  const onPool =
    (name: Exclude<keyof BlockPool, "numBlocks" | "blockSize" | "freeBlocks" | "hits">) =>
    (...given: never[]) => {
      const pool = new BlockPool({ numBlocks: 8 });
      pool.append("a", 40);
      const free = pool.freeBlocks;
      try {
        (pool[name] as (...given: never[]) => unknown)(...given);
      } catch (error) {
        expect([pool.freeBlocks, pool.length("a")]).toEqual([free, 40]); // no change of state
        throw error;
      }
    };
  return [
    ["BlockPool", (options: never) => void new BlockPool(options), { numBlocks: 8, blockSize: 16 }],
    ["pool.append", onPool("append"), "a", 3],
    ["pool.length", onPool("length"), "a"],
    ["pool.blocks", onPool("blocks"), "a"],
    ["pool.fork", onPool("fork"), "a", "b"],
    ["pool.truncate", onPool("truncate"), "a", 3],
    ["pool.free", onPool("free"), "a"],
    ["pool.match", onPool("match"), "b", tokens, { extraKeys: ["adapter"] }],
    ["pool.commit", onPool("commit"), "a", tokens],
    ["pool.batch", onPool("batch"), [{ id: "a", queryLength: 1 }]],
    ["pool.takeCopies", onPool("takeCopies")],
  ];
}

/** Masks and scores of the library, traced: what they are given is read then. `numbers`: int32 in two dimensions. */
function flexCalls(device: Device, numbers: Tensor): Call[] {
  const shape = {
    numHeads: 2,
    numKvHeads: 1,
    headSize: 64,
    dtype: "float16",
    backend: "FLEX_ATTENTION",
  } as const;
  const { causal, softCap } = flex;
  const traced =
    (name: "maskMod" | "scoreMod", make: (...given: never[]) => unknown) =>
    (...given: never[]) =>
      explain({ ...shape, [name]: make(...given) }, { device });
  return [
    ["flex.causal", traced("maskMod", () => causal)],
    ["flex.slidingWindow", traced("maskMod", flex.slidingWindow), 4],
    ["flex.prefixLm", traced("maskMod", flex.prefixLm), device.zeros([2], "int32")],
    ["flex.documentMask", traced("maskMod", flex.documentMask), numbers],
    ["flex.dilatedWindow", traced("maskMod", flex.dilatedWindow), 4, 2],
    ["flex.treeAttention", traced("maskMod", flex.treeAttention), device.zeros([1, 2, 2], "int32")],
    ["flex.and", traced("maskMod", (one: never, other: never) => flex.and(one, other)), causal, causal],
    ["flex.or", traced("maskMod", (one: never, other: never) => flex.or(one, other)), causal, causal],
    ["flex.not", traced("maskMod", flex.not), causal],
    ["flex.alibi", traced("scoreMod", flex.alibi), device.zeros([2], "float32")],
    ["flex.relativeBias", traced("scoreMod", flex.relativeBias), device.zeros([2, 4], "float32")],
    ["flex.softCap", traced("scoreMod", softCap), 20],
    ["flex.chain", traced("scoreMod", (mod: never) => flex.chain(mod)), softCap(3)],
  ];
}

it("any arguments of attention, batches and caches are answered rightly or with a coded error", async () => {
  const device = openTestDevice();
  const config = { numHeads: 2, numKvHeads: 1, headSize: 64, dtype: "float16" } as const;
  const limits = { maxSequences: 2, maxTokens: 4, maxBlocksPerSequence: 2 };
  const attention = createAttention(device, config);
  const cache = attention.createKvCache({ numBlocks: 8 });
  const batch = createBatch(device, limits);
  const pool = new BlockPool({ numBlocks: 8 });
  pool.append("a", 3);
  const step = { queryStartLoc: [0, 3], seqLens: [3], blockTable: [[0]] };
  const slots = { ...step, slotMapping: BigInt64Array.of(0n, 1n, -1n) };
  batch.update(step);
  const rows = (heads: number) => device.zeros([4, heads, 64], "float16");
  const [query, key, value, output] = [rows(2), rows(1), rows(1), rows(2)];
  const forward = { query, key, value, output, cache: cache.layer(0), batch };
  const { defaultStream: stream } = device;
  const part = () => device.zeros([8, 16, 1, 64], "float16");
  type Own = Parameters<typeof registerBackend>;
  const table = { kind: "standard", summary: "Mine.", headSizes: { oneOf: [64] } };
  const split = createAttention(device, { ...config, backend: "ROCM_ATTN" }).createKvCache({ numBlocks: 8 });
  const metadata = (values: number[], dtype: "int32" | "int64", shape = [values.length]) =>
    device.upload(dtype === "int32" ? Int32Array.from(values) : BigInt64Array.from(values, BigInt), {
      ...{ shape, dtype },
    });
  const slotMapping = await metadata([16, 17, -1, 18], "int64");
  const written = { key, value, slotMapping, stream };
  const [blockTable, starts, rowStarts] = await Promise.all([
    metadata([0, 1], "int32", [1, 2]),
    metadata([0], "int32"),
    metadata([0, 4], "int32"),
  ]);
  const gathered = { cache: cache.layer(0), blockTable, starts, rowStarts, key: rows(1), value: rows(1) };
  const state = () => ({ output: rows(2), lse: device.zeros([4, 2], "float32") });
  const hostCache = cache.createHostCache({ numBlocks: 2 });
  const latent = { kvLoraRank: 512, qkNopeHeadDim: 128, qkRopeHeadDim: 64, vHeadDim: 128 };
  const mlaConfig = { ...latent, numHeads: 16, dtype: "bfloat16", blockSize: 16, env: {} } as const;
  const latents = createMlaAttention(device, mlaConfig).createKvCache({ numBlocks: 2 }).layer(0);
  const ofLatents = () => ({
    latent: device.zeros([4, 512], "bfloat16"),
    keyRope: device.zeros([4, 64], "bfloat16"),
    cache: latents,
  });
  const calls: Call[] = [
    ...poolCalls(),
    ...flexCalls(device, blockTable),
    ["compileFlex", compileFlex, device, { ...config, backend: "FLEX_ATTENTION", maskMod: flex.causal }, {}],
    ["createMlaAttention", createMlaAttention, device, mlaConfig],
    ["blocksThatFit", attention.blocksThatFit.bind(attention), { layers: 2, bytes: 2 ** 20 }],
    ["warmUp", attention.warmUp.bind(attention), batch, { stream }],
    ["reshapeAndCacheFlash", reshapeAndCacheFlash, { ...written, cache: cache.layer(0) }],
    ["reshapeAndCache", reshapeAndCache, { ...written, cache: split.layer(0) }],
    ["gatherCache", gatherCache, gathered],
    ["concatAndCacheMla", concatAndCacheMla, { ...ofLatents(), slotMapping, stream }],
    ["gatherMlaCache", gatherMlaCache, { ...ofLatents(), blockTable, starts, rowStarts, stream }],
    [
      "convertFp8",
      convertFp8,
      { from: rows(2), to: device.zeros([4, 2, 64], "float8_e4m3fnuz"), scale: 2, stream },
    ],
    [
      "mergeAttentionStates",
      mergeAttentionStates,
      { first: state(), second: state(), into: state(), stream },
    ],
    ["createAttention", createAttention, device, config],
    ["createBatch", createBatch, device, limits],
    ["createKvCache", attention.createKvCache.bind(attention), { numBlocks: 2, layers: 2 }],
    ["wrapKvCache", attention.wrapKvCache.bind(attention), { key: part(), value: part() }],
    ["layer", cache.layer.bind(cache), 0],
    ["part", cache.layer(0).part.bind(cache.layer(0)), "key"],
    ["swapBlocks", cache.swapBlocks.bind(cache), [{ from: 0, to: 1 }], hostCache, { stream }],
    ["createHostCache", cache.createHostCache.bind(cache), { numBlocks: 2 }],
    ["copyBlocks", cache.copyBlocks.bind(cache), [{ from: 0, to: 1 }], { stream }],
    ["update", batch.update.bind(batch), pool.batch([{ id: "a", queryLength: 3 }]), { stream }],
    ["updateSlots", batch.update.bind(batch), slots, { stream }],
    ["prepare", attention.prepare.bind(attention), batch, { stream }],
    ["forward", attention.forward.bind(attention), forward],
    ["explain", explain, config, { arch: "gfx942" }],
    ["selectBackend", selectBackend, config, { arch: "gfx942" }],
    ["listBackends", listBackends],
    ["overrideBackend", (name: never) => [overrideBackend(name), overrideBackend(null)], "TRITON_ATTN"],
    [
      "registerBackend",
      (...given: never[]) => registerBackend(...(given as unknown as Own))(),
      "MINE",
      table,
      () => null,
    ],
    ["setLogger", (logger: never) => [setLogger(logger), setLogger(null)], null],
    [
      "setMetrics",
      (...given: never[]) => [setMetrics(...(given as unknown as [null])), setMetrics(null)],
      null,
      {},
    ],
    ["bfloat16.encode", bfloat16.encode, new Float32Array(2)],
    ["bfloat16.decode", bfloat16.decode, new Uint16Array(2)],
    ["float16.encode", float16.encode, [1, 2]],
    ["float16.decode", float16.decode, new Uint16Array(2)],
    ["float8.encode", float8.encode, new Float64Array(2), "float8_e4m3fn"],
    ["float8.decode", float8.decode, new Uint8Array(2), "float8_e4m3fnuz"],
    ["setAddon", setAddon, addonFile()],
    ["traceLaunches", (listener: never) => [traceLaunches(listener), traceLaunches(null)], null],
  ];
  const more = ["TRITON_ATTN", "auto", 1, 2, 16, 64, [0, 1], [[0]], [3], "decoder", {}, cache, "bfloat16"];
  await attention.warmUp(batch);
  const { allocated } = device.memory();
  await tryAnyArguments(calls, more);
  expect(device.memory().allocated).toBe(allocated);
  const tried = new Set([...ELSEWHERE, ...NAMESPACES, ...calls.map(([name]) => name)]);
  const modifications = Object.keys(flex).map((name) => `flex.${name}`);
  const functions = [...Object.keys(exported).filter((name) => /^[a-z]/.test(name)), ...modifications];
  expect(functions.filter((name) => !tried.has(name))).toEqual([]);
  batch.update(step);
  attention.forward(forward);
  expect(await output.readFloat32()).toEqual(new Float32Array(4 * 2 * 64));
  await device.close();
});
