import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { Device } from "../../lib/device/device.js";
import { setEmulatorOption, takeLaunchCounters } from "../../lib/device/emulator.js";
import type { Kernel, Module } from "../../lib/device/module.js";
import { peerCopy } from "../../lib/device/peer-copy.js";
import { type DeviceEvent, type Graph, Stream } from "../../lib/device/stream.js";
import { Tensor } from "../../lib/device/tensor.js";
import { itemSize } from "../../lib/dtype.js";
import { type Call, tryAnyArguments } from "../support/any-arguments.js";
import { coded } from "../support/coded.js";
import { openTestDevice } from "../support/device.js";
import { kernargs, noCompiler, runtimeKernels } from "../support/runtime-kernels.js";

describe.skipIf(noCompiler)("what a program hands in", () => {
  let device: Device;
  let other: Device;
  let tensor: Tensor;
  let event: DeviceEvent;
  let module: Module;
  let kernel: Kernel;
  let graph: Graph;
  let image: Buffer;

  beforeAll(async () => {
    [device, other] = [openTestDevice(), openTestDevice()];
    image = runtimeKernels(device.info.arch);
    tensor = device.zeros([4], "float32");
    event = device.defaultStream.record();
    module = device.loadModule(image);
    kernel = module.kernel("add");
    device.defaultStream.beginCapture();
    graph = device.defaultStream.endCapture();
  });
  afterAll(() => Promise.all([device.close(), other.close()]));

  const refused = (word: string) => coded("ERR_INVALID_ARGUMENT", word);
  const any = (value: unknown) => value as never;

  it("may come from another realm", async () => {
    const data = runInNewContext("Float32Array.of(1, 2, 3, 4)");
    const options = runInNewContext('({ shape: [4], dtype: "float32" })');
    const uploaded = await device.upload(data, options);
    expect(await uploaded.read()).toEqual(Float32Array.of(1, 2, 3, 4));
    await uploaded.write(runInNewContext("new ArrayBuffer(16)"));
    expect(await uploaded.read()).toEqual(new Float32Array(4));
    const bytes = runInNewContext("Uint8Array.from(bytes)", { bytes: [...image] });
    expect(device.loadModule(bytes).symbols).toEqual(module.symbols);
    uploaded.dispose();
  });

  it("is no stream where options belong, which would be ignored", async () => {
    const stream = device.createStream();
    expect(() => device.zeros([4], "float32", any(stream))).toThrow(refused("stream.* received a Stream"));
    await expect(tensor.read(any(stream))).rejects.toEqual(refused("received a Stream"));
    await expect(tensor.write(new Uint8Array(16), any(stream))).rejects.toEqual(refused("a Stream"));
    expect(() => peerCopy(tensor, tensor, any(stream))).toThrow(refused("received a Stream"));
    await expect(tensor.read(any({ steam: stream }))).rejects.toEqual(refused('only stream.* "steam"'));
    stream.dispose();
  });

  it("is of this copy of the package, and made by it", async () => {
    const copy = any({ [Symbol.for("rocm-attention.class")]: "Device" });
    expect(() => Stream.fromHandle(copy, 0n)).toThrow(
      refused("expected a Device.* a Device of another copy"),
    );
    expect(() => Tensor.fromPointer(copy, 8n, any({}))).toThrow(refused("another copy of rocm-attention"));
    expect(() => peerCopy(tensor, Object.create(Tensor.prototype))).toThrow(refused("has not made"));
    await expect(tensor.read({ stream: any(tensor) })).rejects.toEqual(
      refused("a Stream.* received a Tensor"),
    );
  });

  it("is there", async () => {
    expect(() => tensor.view(any(undefined))).toThrow(refused("shape, strides or byteOffset"));
    await expect(device.upload(new Uint8Array(4), any(undefined))).rejects.toEqual(refused("shape"));
    expect(() => Tensor.fromPointer(any(undefined), 8n, any(0))).toThrow(refused("a Device"));
    expect(() => Stream.fromHandle(any({}), 0n)).toThrow(refused("a Device"));
    expect(() => takeLaunchCounters(any({ info: { emulated: true } }))).toThrow(refused("a Device"));
    expect(() => setEmulatorOption("SCHEDULE", any(Symbol("x")))).toThrow(refused("a string for value"));
    expect(() => device.empty(any(Object.assign(new Array(3), { 0: 4 })), "float32")).toThrow(
      refused("shape\\[1\\]"),
    );
    expect(() => tensor.view({ shape: [2, 2], strides: any(new Array(2)) })).toThrow(
      refused("strides\\[0\\]"),
    );
  });

  it("has events of one device for a time between them", async () => {
    await expect(event.elapsedMs(other.defaultStream.record())).rejects.toEqual(refused("another device"));
    await expect(event.elapsedMs(any(null))).rejects.toEqual(refused("a DeviceEvent"));
  });

  it("is told as a warning that its release() threw", async () => {
    const warned = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    const mistake = new Error("mine");
    const releases = [() => Promise.reject(mistake), () => { throw mistake; }]; // biome-ignore format: one line
    for (const release of releases) {
      const memory = { shape: [4], dtype: "float32", byteLength: 16, release } as const;
      Tensor.fromPointer(device, tensor.pointer, memory).dispose();
    }
    await expect.poll(() => warned.mock.calls.length).toBe(2);
    expect(warned.mock.calls[0]![0]).toMatch("release() of a tensor threw an Error (mine)");
    process.off("unhandledRejection", unhandled);
    expect(unhandled).not.toHaveBeenCalled();
    warned.mockRestore();
  });

  it("is shown as JSON", () => {
    const { info } = device;
    expect(JSON.parse(JSON.stringify(tensor))).toEqual({
      shape: [4],
      strides: [1],
      dtype: "float32",
      device: info,
    });
    for (const value of [device, device.defaultStream, event, module, kernel, graph]) {
      expect(JSON.stringify({ value })).toContain(info.gcnArchName);
    }
  });

  it("is anything at all: the answer is right or a coded error", async () => {
    const { defaultStream } = device;
    const kernelArguments = kernargs(tensor.pointer, { float: 0 }, 4);
    const launch = { grid: [1], block: 64, kernargs: kernelArguments };
    const shaped = { shape: [4], dtype: "float32" };
    const calls: Call[] = [
      ["open", Device.open, { emulate: "gfx942", computeUnits: 8 }],
      ["empty", device.empty.bind(device), [4], "int64", { category: "kvCache" }],
      ["zeros", device.zeros.bind(device), [2, 2], "float16", { stream: defaultStream }],
      ["upload", device.upload.bind(device), new Float32Array(4), shaped],
      ["loadModule", device.loadModule.bind(device), image],
      ["fromHandle", Stream.fromHandle, device, 0n],
      ["fromPointer", Tensor.fromPointer, device, tensor.pointer, { ...shaped, byteLength: 16 }],
      ["view", tensor.view.bind(tensor), { shape: [2, 2] }],
      ["read", tensor.read.bind(tensor), { stream: defaultStream }],
      ["readFloat32", tensor.readFloat32.bind(tensor), { stream: defaultStream }],
      ["write", tensor.write.bind(tensor), new Uint8Array(16), { stream: defaultStream }],
      ["wait", defaultStream.wait.bind(defaultStream), event],
      ["launch", defaultStream.launch.bind(defaultStream), kernel, launch],
      ["launchGraph", graph.launch.bind(graph), defaultStream],
      ["elapsedMs", event.elapsedMs.bind(event), event],
      ["kernel", module.kernel.bind(module), "add"],
      ["maxActiveBlocks", kernel.maxActiveBlocks.bind(kernel), 64, 512],
      ["peerCopy", peerCopy, tensor, tensor, { stream: defaultStream }],
      ["setEmulatorOption", setEmulatorOption, "SCHEDULE", "turn"],
      ["takeLaunchCounters", takeLaunchCounters, device],
      ["itemSize", itemSize, "float32"],
    ];
    const imitations = [Object.create(Tensor.prototype), Tensor, Device.prototype, Stream.prototype];
    const plausible = [other, other.defaultStream, 4, 0, new ArrayBuffer(16), "add", [], [0], [4, 4]];
    const settings = [{ strides: [1, 2] }, { byteOffset: 4 }, { release: () => {} }, { ldsBytes: 64 }];
    await tryAnyArguments(calls, [...imitations, ...plausible, ...settings]);
    setEmulatorOption("SCHEDULE", "turn");
    expect(await tensor.read()).toEqual(new Float32Array(4));
  });
});
