import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import type { Device } from "../../lib/device/device.js";
import { setEmulatorOption } from "../../lib/device/emulator.js";
import { peerCopy } from "../../lib/device/peer-copy.js";
import { RocmAttentionError } from "../../lib/errors.js";
import { coded } from "../support/coded.js";
import { onGpu, openTestDevice } from "../support/device.js";
import { kernargs, noCompiler, runtimeKernels } from "../support/runtime-kernels.js";

const header = readFileSync(new URL("../../native/hip/functions.h", import.meta.url), "utf8");
const functions = [...header.matchAll(/ HIP_FUNCTION\([^,]*, (hip\w+),/g)].map(([, name]) => name!);
/** Functions that the package has no call for. */
const unused = ["hipGetErrorName", "hipGetErrorString", "hipGetLastError"];

/** Uses everything once; answers with what the add kernel made of [1, 2, 3, 4]. */
async function useEverything(opened: (device: Device) => void): Promise<number[]> {
  const [device, peer] = [openTestDevice(), openTestDevice()];
  opened(device);
  opened(peer);
  const kernel = device.loadModule(runtimeKernels(device.info.arch)).kernel("add");
  kernel.maxActiveBlocks(64);
  const stream = device.createStream();
  const tensor = await device.upload(Float32Array.of(1, 2, 3, 4), { shape: [4], dtype: "float32", stream });
  const copy = peer.zeros([4], "float32");
  const event = stream.record();
  device.defaultStream.wait(event);
  const options = { grid: [1], block: 64, kernargs: kernargs(tensor.pointer, { float: 1 }, 4) };
  device.defaultStream.launch(kernel, options);
  device.defaultStream.beginCapture();
  device.defaultStream.launch(kernel, options);
  const graph = device.defaultStream.endCapture();
  graph.launch();
  await device.defaultStream.record().elapsedMs(event);
  await device.defaultStream.synchronize();
  device.memory();
  peerCopy(copy, tensor);
  const result = [...(await copy.readFloat32())];
  for (const owner of [event, graph, tensor, stream, kernel.module]) owner.dispose();
  await Promise.all([device.close(), peer.close()]);
  return result;
}

describe.skipIf(onGpu || noCompiler)("a HIP function that fails", () => {
  const open: Device[] = [];
  const remember = (device: Device) => open.push(device);

  afterEach(async () => {
    setEmulatorOption("FAIL", "");
    await Promise.all(open.splice(0).map((device) => device.close()));
  });

  it("is one of the list in native/hip/functions.h", () => {
    expect(functions.length).toBeGreaterThan(30);
    expect(functions).toEqual(expect.arrayContaining(unused));
    expect(() => setEmulatorOption("NONSENSE", "1")).toThrow(coded("ERR_INVALID_ARGUMENT", "NONSENSE=1"));
  });

  it.each(functions.filter((name) => !unused.includes(name)))(
    "%s: becomes a coded error or does no harm, and everything can still be closed",
    async (name) => {
      for (const count of ["1", "2", "3", "5", "every"]) {
        setEmulatorOption("FAIL", `${name}:${count}`);
        const outcome = await useEverything(remember).catch((error: unknown) => error);
        if (Array.isArray(outcome)) expect(outcome).toEqual([3, 4, 5, 6]);
        else {
          expect(outcome).toBeInstanceOf(RocmAttentionError);
          expect((outcome as RocmAttentionError).code).toMatch(/^ERR_(HIP|OUT_OF_MEMORY|DEVICE_FAULT)$/);
          expect((outcome as RocmAttentionError).message).not.toBe("");
        }
        setEmulatorOption("FAIL", "");
        await Promise.all(open.splice(0).map((device) => device.close()));
      }
      expect(await useEverything(remember)).toEqual([3, 4, 5, 6]);
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
});
