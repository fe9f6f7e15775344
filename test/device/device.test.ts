import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { xcdsOf } from "../../lib/catalog/targets.js";
import { Device } from "../../lib/device/device.js";
import { peerCopy } from "../../lib/device/peer-copy.js";
import { Stream } from "../../lib/device/stream.js";
import { coded } from "../support/coded.js";
import { onGpu, openTestDevice } from "../support/device.js";
import { kernargs, noCompiler, runtimeKernels } from "../support/runtime-kernels.js";

/** Runs `body` with environment variables set. */
function withEnvironment<T>(variables: Record<string, string>, body: () => T): T {
  const before = { ...process.env };
  Object.assign(process.env, variables);
  try {
    return body();
  } finally {
    process.env = before;
  }
}

describe("Device.list", () => {
  it("answers with GPUs, or nothing, and never with emulated devices", async () => {
    const device = openTestDevice();
    for (const info of Device.list())
      expect(info).toMatchObject({ emulated: false, ordinal: expect.any(Number) });
    if (onGpu) expect(Device.list().length).toBeGreaterThan(0);
    await device.close();
  });
});

describe("Device.open", () => {
  it.skipIf(onGpu)("emulates the GPUs that it names", async () => {
    const facts = { gfx942: 304, gfx950: 256, gfx90a: 110 } as const;
    for (const [arch, computeUnits] of Object.entries(facts)) {
      const device = Device.open({ emulate: arch as keyof typeof facts });
      expect(device.info).toMatchObject({ arch, computeUnits, waveSize: 64, emulated: true });
      expect(device.info.gcnArchName).toMatch(new RegExp(`^${arch}:`));
      expect(device.info.ldsBytes).toBe(arch === "gfx950" ? 160 * 1024 : 64 * 1024);
      await device.close();
    }
    const small = Device.open({ emulate: "gfx942", computeUnits: 12, memoryBytes: 2 ** 20 });
    expect(small.info).toMatchObject({ computeUnits: 12, totalMemory: 2 ** 20 });
    await small.close();
  });

  it.skipIf(onGpu).each([
    ["gfx942", 304, 8],
    ["gfx942", 228, 6],
    ["gfx942", 152, 4],
    ["gfx942", 80, 4],
    ["gfx942", 76, 2],
    ["gfx942", 38, 1],
    ["gfx942", 8, 1],
    ["gfx942", 200, 6],
    ["gfx950", 256, 8],
    ["gfx950", 128, 4],
    ["gfx90a", 110, 1],
  ] as const)(
    "gives %s with %i compute units %i XCDs, as one infers where HIP does not say",
    async (arch, computeUnits, xcds) => {
      await using device = Device.open({ emulate: arch, computeUnits });
      expect(device.info.xcds).toBe(xcds);
      expect(xcdsOf(arch, computeUnits)).toBe(xcds);
    },
  );

  it.each<[string, unknown, string]>([
    ["an ordinal that is no integer", 0.5, "integer"],
    ["a negative ordinal", -1, "integer"],
    ["a string", "gfx942", "emulate"],
    ["null", null, "emulate"],
    ["an unknown target", { emulate: "gfx1100" }, "gfx90a, gfx942, gfx950"],
    ["no compute units", { emulate: "gfx942", computeUnits: 0 }, "computeUnits"],
    ["no memory", { emulate: "gfx942", memoryBytes: 1 }, "memoryBytes"],
  ])("refuses %s", (_, target, word) => {
    expect(() => Device.open(target as number)).toThrow(coded("ERR_INVALID_ARGUMENT", word));
  });

  it("takes ROCM_ATTENTION_DEVICE only where the program names no device", async () => {
    const device = withEnvironment({ ROCM_ATTENTION_DEVICE: "emulator:gfx950" }, () => Device.open());
    expect(device.info).toMatchObject({ arch: "gfx950", emulated: true });
    await device.close();
    const own = withEnvironment({ ROCM_ATTENTION_DEVICE: "emulator:gfx950" }, () => openTestDevice());
    expect(own.info.arch).not.toBe("gfx950");
    await own.close();
    expect(() => withEnvironment({ ROCM_ATTENTION_DEVICE: "gfx942" }, () => Device.open())).toThrow(
      coded("ERR_INVALID_ARGUMENT", "emulator:gfx942", "ROCM_ATTENTION_DEVICE", '"gfx942"'),
    );
  });

  it("opens several at once, apart from each other", async () => {
    const [first, second] = [openTestDevice(), openTestDevice()];
    const tensor = await first.upload(Int32Array.of(5), { shape: [1], dtype: "int32" });
    expect(second.memory().allocated).toBe(0);
    await second.close();
    expect(await tensor.read()).toEqual(Int32Array.of(5));
    await first.close();
  });
});

it("a device is printed as a line, and not again by what lives on it", async () => {
  const device = openTestDevice();
  const { ordinal, name, arch, computeUnits } = device.info;
  const text = inspect(device, { breakLength: Number.POSITIVE_INFINITY });
  const facts = `ordinal: ${ordinal}, name: '${name}', arch: '${arch}', computeUnits: ${computeUnits}`;
  expect(text).toBe(`Device { ${facts} }`);
  expect(inspect(device.defaultStream, { breakLength: Number.POSITIVE_INFINITY })).toContain(text);
  await device.close();
  expect(inspect(device)).toContain("closed: true");
});

describe("memory()", () => {
  it("counts what lives, what is held and the highest", async () => {
    const device = openTestDevice();
    const tensor = device.empty([1000], "float32");
    const cache = device.empty([500], "float16", { category: "kvCache" });
    expect(device.memory()).toMatchObject({
      allocated: 5000,
      peak: 5000,
      byCategory: { tensor: 4000, kvCache: 1000, workspace: 0, batch: 0 },
    });
    tensor.dispose();
    expect(device.memory()).toMatchObject({ allocated: 1000, peak: 5000 });
    await device.defaultStream.synchronize();
    await expect.poll(() => device.memory().reserved).toBe(1000);
    const { free, total } = device.memory();
    expect(total).toBe(device.info.totalMemory);
    expect(free).toBeLessThanOrEqual(total - 1000);
    cache.dispose();
    expect(() => device.empty([1], "uint8", { category: "other" as never })).toThrow(
      coded("ERR_INVALID_ARGUMENT", "kvCache"),
    );
    await device.close();
  });
});

describe("close", () => {
  it("leaves reads that are under way what they read", async () => {
    for (let turn = 0; turn < 10; turn++) {
      const device = openTestDevice();
      const values = Int32Array.from({ length: 1000 }, (_, i) => 7 * i + turn);
      const tensor = await device.upload(values, { shape: [1000], dtype: "int32" });
      const reads = Array.from({ length: 8 }, () => tensor.read());
      const closing = device.close();
      for (const read of reads) expect(await read).toEqual(values);
      await closing;
    }
  });

  it("waits for what is enqueued, ends everything and can be called again", async () => {
    const device = openTestDevice();
    const stream = device.createStream();
    const event = stream.record();
    const tensor = device.zeros([1 << 20], "float32");
    const reading = tensor.read();
    const closing = device.close();
    expect(device.closed).toBe(true);
    expect((await reading).length).toBe(1 << 20);
    await closing;
    await device.close();
    for (const use of [
      () => tensor.pointer,
      () => device.empty([1], "uint8"),
      () => device.createStream(),
      () => device.memory(),
      () => stream.record(),
      () => stream.wait(event),
      () => Stream.fromHandle(device, 0n),
    ]) {
      expect(use).toThrow(coded("ERR_DISPOSED"));
    }
    for (const use of [
      () => tensor.read(),
      () => stream.synchronize(),
      () => event.reached(),
      () => device.upload(new Uint8Array(1), { shape: [1], dtype: "uint8" }),
    ]) {
      await expect(use()).rejects.toEqual(coded("ERR_DISPOSED"));
    }
    expect(tensor.disposed && stream.disposed && event.disposed).toBe(true);
    for (const owner of [tensor, stream, event]) owner.dispose();
  });

  it("serves `await using`", async () => {
    let opened: Device;
    {
      await using device = openTestDevice();
      opened = device;
    }
    expect(opened.closed).toBe(true);
  });
});

describe("several devices", () => {
  it("keeps streams and events apart where they do not belong together", async () => {
    const [first, second] = [openTestDevice(), openTestDevice()];
    expect(() => first.zeros([1], "float32", { stream: second.defaultStream })).toThrow(
      coded("ERR_INVALID_ARGUMENT", "stream", "another device"),
    );
    const tensor = first.zeros([1], "float32");
    await expect(tensor.read({ stream: second.createStream() })).rejects.toEqual(
      coded("ERR_INVALID_ARGUMENT", "another device"),
    );
    await Promise.all([first.close(), second.close()]);
  });

  it.skipIf(onGpu || noCompiler)("frees memory only after another device has copied it", async () => {
    const [first, second] = [openTestDevice(), openTestDevice()];
    const from = await first.upload(Float32Array.of(1, 2, 3), { shape: [3], dtype: "float32" });
    const [to, gate] = [second.zeros([3], "float32"), second.zeros([2], "int32")];
    const stream = second.createStream();
    stream.wait(second.defaultStream.record());
    const kernel = second.loadModule(runtimeKernels(second.info.arch)).kernel("wait");
    stream.launch(kernel, { grid: [1], block: 64, kernargs: kernargs(gate.pointer) });
    peerCopy(to, from, { stream });
    from.dispose();
    await first.zeros([1], "uint8").read(); // time enough for a free that does not wait
    expect(first.memory().reserved).toBe(12 + 1);
    await gate.view({ shape: [1] }).write(Int32Array.of(1));
    expect(await to.read({ stream })).toEqual(Float32Array.of(1, 2, 3));
    await expect.poll(() => first.memory().reserved).toBe(1);
    await Promise.all([first.close(), second.close()]);
  });

  it("copies between two of them", async () => {
    const [first, second] = [openTestDevice(), openTestDevice()];
    const from = await first.upload(Float32Array.of(1, 2, 3), { shape: [3], dtype: "float32" });
    const to = second.zeros([3], "float32");
    peerCopy(to, from);
    expect(await to.read()).toEqual(Float32Array.of(1, 2, 3));
    expect(() => peerCopy(to, first.zeros([2], "float32"))).toThrow(
      coded("ERR_INVALID_ARGUMENT", "12 bytes"),
    );
    expect(() => peerCopy(to, first.zeros([3], "int32"))).toThrow(coded("ERR_INVALID_ARGUMENT", "float32"));
    from.dispose();
    expect(() => peerCopy(to, from)).toThrow(coded("ERR_DISPOSED"));
    await Promise.all([first.close(), second.close()]);
  });
});
