import { expect, it } from "vitest";
import {
  BlockPool,
  createAttention,
  createBatch,
  explain,
  listBackends,
  overrideBackend,
  registerBackend,
  selectBackend,
  setLogger,
  traceLaunches,
} from "../../../lib/index.js";
import { type Call, tryAnyArguments } from "../../support/any-arguments.js";
import { openTestDevice } from "../../support/device.js";

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
  const calls: Call[] = [
    ["createAttention", createAttention, device, config],
    ["createBatch", createBatch, device, limits],
    ["createKvCache", attention.createKvCache.bind(attention), { numBlocks: 2, layers: 2 }],
    ["wrapKvCache", attention.wrapKvCache.bind(attention), { key: part(), value: part() }],
    ["layer", cache.layer.bind(cache), 0],
    ["part", cache.layer(0).part.bind(cache.layer(0)), "key"],
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
    ["traceLaunches", (listener: never) => [traceLaunches(listener), traceLaunches(null)], null],
  ];
  const more = ["TRITON_ATTN", "auto", 1, 2, 16, 64, [0, 1], [[0]], [3], "decoder", {}, cache, "bfloat16"];
  await tryAnyArguments(calls, more);
  batch.update(step);
  attention.forward(forward);
  expect(await output.readFloat32()).toEqual(new Float32Array(4 * 2 * 64));
  await device.close();
});
