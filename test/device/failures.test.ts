import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import { createAttention } from "../../lib/attention/attention.js";
import { createBatch } from "../../lib/batch/batch.js";
import type { Device } from "../../lib/device/device.js";
import { emulatorCalls, setEmulatorOption } from "../../lib/device/emulator.js";
import { peerCopy } from "../../lib/device/peer-copy.js";
import type { Graph } from "../../lib/device/stream.js";
import { RocmAttentionError } from "../../lib/errors.js";
import { coded } from "../support/coded.js";
import { onGpu, openTestDevice } from "../support/device.js";
import { kernargs, noCompiler, runtimeKernels } from "../support/runtime-kernels.js";

const header = readFileSync(new URL("../../native/hip/functions.h", import.meta.url), "utf8");
const functions = [...header.matchAll(/ HIP_FUNCTION\([^,]*, (hip\w+),/g)].map(([, name]) => name!);
/** Functions that are not called here: */
const uncalled = [
  ...["hipGetErrorName", "hipGetErrorString", "hipGetLastError"], // cannot fail, or only tell of failures
  ...["hipRuntimeGetVersion", "hipGetDeviceCount"], // when a library is loaded
  "hipDeviceSynchronize", // where no event can be recorded
  ...["hipDriverGetVersion", "hipGetDevice", "hipStreamQuery", "hipStreamSynchronize"], // never
];

interface Disposable {
  dispose(): void;
}

/** Uses everything once; answers with what the add kernel made of [1, 2, 3, 4], and an attention of it. */
async function useEverything(devices: Device[], owned: Disposable[]): Promise<number[]> {
  const keep = <T extends Disposable>(owner: T): T => {
    owned.push(owner);
    return owner;
  };
  for (let count = 0; count < 2; count++) devices.push(openTestDevice());
  const [device, peer] = devices as [Device, Device];
  const module = keep(device.loadModule(runtimeKernels(device.info.arch)));
  const kernel = module.kernel("add");
  kernel.maxActiveBlocks(64);
  const stream = keep(device.createStream());
  const tensor = await device.upload(Float32Array.of(1, 2, 3, 4), { shape: [4], dtype: "float32", stream });
  const copy = [keep(tensor), keep(peer.zeros([4], "float32"))][1]!;
  const event = keep(stream.record());
  device.defaultStream.wait(event);
  const options = { grid: [1], block: 64, kernargs: kernargs(tensor.pointer, { float: 1 }, 4) };
  device.defaultStream.launch(kernel, options);
  device.defaultStream.beginCapture();
  let graph: Graph;
  try {
    device.defaultStream.launch(kernel, options);
  } finally {
    graph = keep(device.defaultStream.endCapture());
  }
  graph.launch();
  await device.defaultStream.record().elapsedMs(event);
  await device.defaultStream.synchronize();
  device.memory();
  peerCopy(copy, tensor);
  return [...(await copy.readFloat32()), ...(await attend(device, keep))];
}

/** A decode step over 300 tokens: all kernels of a backend, and its workspace. */
async function attend(device: Device, keep: <T extends Disposable>(owner: T) => T): Promise<Float32Array> {
  const attention = keep(
    createAttention(device, { numHeads: 2, numKvHeads: 1, headSize: 64, dtype: "float16" }),
  );
  const cache = keep(attention.createKvCache({ numBlocks: 19 }));
  const batch = keep(createBatch(device, { maxSequences: 1, maxTokens: 1, maxBlocksPerSequence: 19 }));
  const blocks = Array.from({ length: 19 }, (_, block) => block);
  batch.update({ queryStartLoc: [0, 1], seqLens: [300], blockTable: [blocks] });
  await cache.memory(0).write(new Uint16Array(19 * 2 * 16 * 64).map((_, i) => 0x3000 + (i % 999)));
  const rows = (heads: number) => keep(device.zeros([1, heads, 64], "float16"));
  const [query, key, value, output] = [rows(2), rows(1), rows(1), rows(2)];
  attention.forward({ query, key, value, output, cache: cache.layer(0), batch });
  return (await output.readFloat32()).slice(0, 8);
}

/** Disposes of everything: nothing may stay behind on a device that still works. */
async function letGo(devices: Device[], owned: Disposable[]): Promise<void> {
  for (const owner of owned.splice(0)) owner.dispose();
  const open = devices.splice(0);
  try {
    for (const device of open) {
      if (device.lost) continue;
      if (device.defaultStream.capture !== null) device.defaultStream.endCapture().dispose(); // a first one has failed
      expect(device.memory().allocated).toBe(0);
      await expect.poll(() => device.lost || device.memory().reserved === 0).toBe(true);
    }
  } finally {
    await Promise.all(open.map((device) => device.close()));
  }
}

function expectCoded(error: unknown): void {
  if (!(error instanceof RocmAttentionError)) throw error;
  expect(error.code).toMatch(/^ERR_(HIP|OUT_OF_MEMORY|DEVICE_FAULT)$/);
  expect(error.message).not.toBe("");
}

/** Calls of a function that fail in turn, out of `calls`: all of them, or 16 evenly spread where they are many. */
function turns(calls: number): number[] {
  const count = Math.min(calls, 16);
  return Array.from({ length: count }, (_, i) => 1 + Math.floor((i * calls) / count));
}

describe.skipIf(onGpu || noCompiler)("a HIP function that fails", () => {
  const devices: Device[] = [];
  const owned: Disposable[] = [];

  afterEach(async () => {
    setEmulatorOption("FAIL", "");
    await letGo(devices, owned);
  });

  it("is one of the list in native/hip/functions.h", () => {
    expect(functions.length).toBeGreaterThan(30);
    expect(functions).toEqual(expect.arrayContaining(uncalled));
    expect(() => setEmulatorOption("NONSENSE", "1")).toThrow(coded("ERR_INVALID_ARGUMENT", "NONSENSE=1"));
  });

  it.each(functions.filter((name) => !uncalled.includes(name)))(
    "%s: each call of it becomes a coded error or does no harm, and leaves nothing behind",
    async (name) => {
      const before = emulatorCalls(name);
      const right = await useEverything(devices, owned);
      expect(right.slice(0, 4)).toEqual([3, 4, 5, 6]);
      await letGo(devices, owned);
      const calls = emulatorCalls(name) - before;
      expect(calls).toBeGreaterThan(0);
      for (const count of [...turns(calls), "every"]) {
        setEmulatorOption("FAIL", `${name}:${count}`);
        const outcome = await useEverything(devices, owned).catch((error: unknown) => error);
        if (Array.isArray(outcome)) expect(outcome).toEqual(right);
        else expectCoded(outcome);
        await letGo(devices, owned).catch(expectCoded);
        setEmulatorOption("FAIL", "");
      }
    },
  );

  it.each<[string, string, () => Promise<unknown>]>([
    ["hipStreamCreateWithFlags", "ERR_HIP", async () => openTestDevice().createStream()],
    ["hipMalloc", "ERR_OUT_OF_MEMORY", async () => openTestDevice().empty([4], "float32")],
    ["hipHostMalloc", "ERR_OUT_OF_MEMORY", () => openTestDevice().zeros([4], "float32").read()],
    ["hipEventQuery", "ERR_DEVICE_FAULT", () => openTestDevice().defaultStream.synchronize()],
    [
      "hipModuleLoadData",
      "ERR_HIP",
      async () => {
        const device = openTestDevice();
        device.loadModule(runtimeKernels(device.info.arch));
      },
    ],
  ])("%s: carries %s, HIP's name and the call", async (name, code, use) => {
    setEmulatorOption("FAIL", `${name}:every`);
    await expect(use()).rejects.toMatchObject({
      code,
      call: name,
      hipError: code === "ERR_OUT_OF_MEMORY" ? "hipErrorOutOfMemory" : "hipErrorUnknown",
    });
  });

  it("hipHostMalloc: a fault that nobody has waited for is a fault", async () => {
    const device = openTestDevice();
    const tensor = device.zeros([4], "float32");
    device.defaultStream.launch(device.loadModule(runtimeKernels(device.info.arch)).kernel("stray"), {
      ...{ grid: [1], block: 1, kernargs: kernargs(tensor.pointer) },
    });
    // Time for the kernel, not for the event loop.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    await expect((async () => tensor.read())()).rejects.toEqual(coded("ERR_DEVICE_FAULT", "stray"));
    await device.close();
  });
});
