import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCodeObject } from "../../lib/device/code-object.js";
import type { Device } from "../../lib/device/device.js";
import { enqueue } from "../../lib/device/enqueue.js";
import type { Module } from "../../lib/device/module.js";
import { coded } from "../support/coded.js";
import { onGpu, openTestDevice } from "../support/device.js";
import { kernargs, noCompiler, runtimeKernels } from "../support/runtime-kernels.js";

describe.skipIf(noCompiler)("modules and kernels", () => {
  let device: Device;
  let module: Module;

  beforeAll(() => {
    device = openTestDevice();
    module = device.loadModule(runtimeKernels(device.info.arch));
  });
  afterAll(() => device.close());

  it("say what is in them", () => {
    expect(module.symbols.sort()).toEqual(["add", "place", "reverse", "stray", "wait"]);
    expect(module.kernel("add")).toMatchObject({
      symbol: "add",
      explicitKernargBytes: 16,
      kernargBytes: 16,
      ldsBytes: 0,
    });
    expect(module.kernel("add")).toBe(module.kernel("add"));
    expect(() => module.kernel("ad")).toThrow(coded("ERR_KERNEL_NOT_FOUND", '"ad"', "add"));
    expect(() => module.kernel(3 as never)).toThrow(coded("ERR_INVALID_ARGUMENT", "symbol"));
  });

  it("run", async () => {
    const data = Float32Array.from({ length: 200 }, (_, index) => index);
    using tensor = await device.upload(data, { shape: [200], dtype: "float32" });
    const stream = device.defaultStream;
    stream.launch(module.kernel("add"), {
      grid: [4],
      block: 64,
      kernargs: kernargs(tensor.pointer, { float: 0.5 }, 150),
    });
    expect(await tensor.read()).toEqual(data.map((value, index) => (index < 150 ? value + 0.5 : value)));
  });

  it("copy the arguments at the call", async () => {
    using tensor = device.zeros([64], "float32");
    const bytes = kernargs(tensor.pointer, { float: 1 }, 64);
    for (let launch = 0; launch < 10; launch++) {
      new DataView(bytes.buffer).setFloat32(8, launch, true);
      enqueue(device.defaultStream, module.kernel("add"), 1, 1, 1, 64, 0, bytes);
    }
    bytes.fill(0);
    expect((await tensor.readFloat32()).every((value) => value === 45)).toBe(true);
  });

  it("take grids of three dimensions", async () => {
    using out = device.zeros([4, 3, 2], "int32");
    device.defaultStream.launch(module.kernel("place"), {
      ...{ grid: [2, 3, 4], block: [1, 1, 1], kernargs: kernargs(out.pointer) },
    });
    const expected = [0, 1, 2, 3].flatMap((z) =>
      [0, 1, 2].flatMap((y) => [0, 1].map((x) => x + 10 * y + 100 * z + 1000)),
    );
    expect(await out.read()).toEqual(Int32Array.from(expected));
  });

  it("have dynamic LDS", async () => {
    using values = await device.upload(
      Int32Array.from({ length: 128 }, (_, index) => index),
      {
        ...{ shape: [128], dtype: "int32" },
      },
    );
    device.defaultStream.launch(module.kernel("reverse"), {
      ...{ grid: [1], block: 128, ldsBytes: 512, kernargs: kernargs(values.pointer, 128) },
    });
    expect(await values.read()).toEqual(Int32Array.from({ length: 128 }, (_, index) => 127 - index));
  });

  it("tell how many workgroups a compute unit runs at once", () => {
    const kernel = module.kernel("add");
    const most = kernel.maxActiveBlocks(64);
    expect(most).toBeGreaterThan(1);
    expect(kernel.maxActiveBlocks(64, device.info.ldsBytes)).toBe(1);
    expect(() => kernel.maxActiveBlocks(0)).toThrow(coded("ERR_INVALID_ARGUMENT", "blockSize"));
    expect(() => kernel.maxActiveBlocks(64, -1)).toThrow(coded("ERR_INVALID_ARGUMENT", "ldsBytes"));
  });

  it.each<[string, object, string]>([
    ["no grid", { grid: undefined }, "grid"],
    ["an empty grid", { grid: [] }, "grid"],
    ["a grid of 0", { grid: [0] }, "grid"],
    ["a grid of 2^32 work-items", { grid: [2 ** 26], block: 64 }, "2\\^32"],
    ["four dimensions", { grid: [1, 1, 1, 1] }, "1 to 3"],
    ["a block of 1025", { block: 1025 }, "block"],
    ["a block of 2048 together", { block: [64, 32] }, "1024 work-items together"],
    ["too much LDS", { ldsBytes: 2 ** 20 }, "ldsBytes"],
    ["half a byte of LDS", { ldsBytes: 0.5 }, "ldsBytes"],
    ["too few arguments", { kernargs: new Uint8Array(15) }, "16 bytes"],
    ["too many arguments", { kernargs: new Uint8Array(17) }, "16 bytes"],
    ["arguments that are no bytes", { kernargs: [1n] }, "kernargs"],
  ])("refuse %s", (_, options, word) => {
    const good = { grid: [1], block: 64, kernargs: new Uint8Array(16) };
    const launch = () => device.defaultStream.launch(module.kernel("add"), { ...good, ...options });
    expect(launch).toThrow(coded("ERR_INVALID_ARGUMENT", word));
  });

  it("refuse what is no kernel, and kernels of another device", async () => {
    const options = { grid: [1], block: 64, kernargs: new Uint8Array(16) };
    expect(() => device.defaultStream.launch({} as never, options)).toThrow(
      coded("ERR_INVALID_ARGUMENT", "a Kernel"),
    );
    const other = openTestDevice();
    expect(() => other.defaultStream.launch(module.kernel("add"), options)).toThrow(
      coded("ERR_INVALID_ARGUMENT", "another device"),
    );
    await other.close();
  });

  it("end with dispose()", () => {
    const short = device.loadModule(runtimeKernels(device.info.arch));
    const kernel = short.kernel("add");
    short.dispose();
    short.dispose();
    expect(short.disposed).toBe(true);
    expect(() => short.kernel("add")).toThrow(coded("ERR_DISPOSED"));
    expect(() => enqueue(device.defaultStream, kernel, 1, 1, 1, 64, 0, new Uint8Array(16))).toThrow(
      coded("ERR_DISPOSED", "module"),
    );
    expect(() => kernel.maxActiveBlocks(64)).toThrow(coded("ERR_DISPOSED"));
  });

  it.skipIf(onGpu)("report a fault once awaited, and end the device with it", async () => {
    const victim = openTestDevice();
    const kernels = victim.loadModule(runtimeKernels(victim.info.arch));
    const tensor = victim.zeros([64], "int32");
    enqueue(victim.defaultStream, kernels.kernel("stray"), 1, 1, 1, 1, 0, kernargs(tensor.pointer));
    await expect(victim.defaultStream.synchronize()).rejects.toEqual(coded("ERR_DEVICE_FAULT", "stray"));
    expect(victim.lost).toBe(true);
    expect(() => victim.empty([1], "uint8")).toThrow(coded("ERR_DEVICE_FAULT", "close"));
    expect(() => victim.defaultStream.record()).toThrow(coded("ERR_DEVICE_FAULT"));
    await expect(tensor.read()).rejects.toEqual(coded("ERR_DEVICE_FAULT"));
    tensor.dispose();
    await victim.close();
    // Others go on.
    using alive = device.zeros([1], "int32");
    expect(await alive.read()).toEqual(Int32Array.of(0));
  });

  it("refuse bytes that are no code object, whatever is damaged in one", () => {
    expect(() => device.loadModule(new Uint8Array(0))).toThrow(coded("ERR_KERNEL_CORRUPT", "ELF", "0 bytes"));
    expect(() => device.loadModule(new Uint8Array(1000))).toThrow(coded("ERR_KERNEL_CORRUPT"));
    const whole = runtimeKernels(device.info.arch);
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: whole.length - 1 }),
        fc.array(fc.tuple(fc.integer({ min: 0, max: 2047 }), fc.integer({ min: 0, max: 255 })), {
          maxLength: 8,
        }),
        (length, damages) => {
          const bytes = new Uint8Array(whole.subarray(0, Math.max(length, 64)));
          for (const [at, value] of damages) if (at < bytes.length) bytes[at] = value;
          try {
            readCodeObject(bytes);
          } catch (error) {
            expect(error).toEqual(coded("ERR_KERNEL_CORRUPT"));
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
