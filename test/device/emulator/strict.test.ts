import { afterEach, describe, expect, it } from "vitest";
import { createAttention } from "../../../lib/attention/attention.js";
import { createBatch } from "../../../lib/batch/batch.js";
import type { Device } from "../../../lib/device/device.js";
import { setEmulatorOption } from "../../../lib/device/emulator.js";
import { enqueueCopy } from "../../../lib/device/enqueue.js";
import { peerCopy } from "../../../lib/device/peer-copy.js";
import type { Tensor } from "../../../lib/device/tensor.js";
import { BlockPool } from "../../../lib/kv-cache/block-pool.js";
import { coded } from "../../support/coded.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { kernargs, noCompiler, reverse, reversed, runtimeKernels } from "../../support/runtime-kernels.js";

const devices: Device[] = [];
function open(): Device {
  devices.push(openTestDevice());
  return devices.at(-1)!;
}

afterEach(async () => {
  for (const [name, value] of [
    ["INSTRUCTION_LIMIT", "0"],
    ["UNINITIALISED", "allow"],
  ] as const) {
    setEmulatorOption(name, value);
  }
  await Promise.all(devices.splice(0).map((device) => device.close()));
});

describe.skipIf(onGpu || noCompiler)("memory", () => {
  /** Lets `add` count up 64 floats from `offset` bytes behind a tensor's first on. */
  async function addAt(device: Device, tensor: Tensor, offset: number): Promise<void> {
    device.defaultStream.launch(device.loadModule(runtimeKernels("gfx942")).kernel("add"), {
      ...{
        grid: [1],
        block: 64,
        kernargs: kernargs(pointers.get(tensor)! + BigInt(offset), { float: 1 }, 64),
      },
    });
    await device.defaultStream.synchronize();
  }
  const pointers = new WeakMap<Tensor, bigint>();
  function floats(device: Device, count: number): Tensor {
    const tensor = device.zeros([count], "float32");
    pointers.set(tensor, tensor.pointer);
    return tensor;
  }

  it("has gaps around every allocation", async () => {
    for (const [offset, words] of [
      [0, null],
      [4, "0 bytes past the end of the 256-byte device allocation"],
      [256, "0 bytes past the end of the 256-byte device allocation"],
      [4096, "3840 bytes past the end of the 256-byte device allocation"],
      [-4, "4 bytes before the start of the 256-byte device allocation"],
    ] as const) {
      const device = open();
      const [, tensor] = [floats(device, 64), floats(device, 64), floats(device, 64)];
      const outcome = addAt(device, tensor, offset);
      if (words === null) await outcome;
      else
        await expect(outcome).rejects.toEqual(coded("ERR_DEVICE_FAULT", words, "kernel .*add", "lane \\d+"));
    }
  });

  it("that has been freed is told as such", async () => {
    const device = open();
    const tensor = floats(device, 100);
    tensor.dispose();
    await expect.poll(() => device.memory().reserved).toBe(0);
    for (let i = 0; i < 10; i++) floats(device, 100); // none of them takes its place
    await expect(addAt(device, tensor, 8)).rejects.toEqual(
      coded("ERR_DEVICE_FAULT", "8 bytes into the 400-byte device allocation", "which has been freed"),
    );
  });

  it("that a graph copies must still be there when it is launched", async () => {
    const device = open();
    const [from, to] = [floats(device, 64), floats(device, 64)];
    const stream = device.createStream();
    await device.defaultStream.synchronize();
    stream.beginCapture();
    enqueueCopy(stream, to.pointer, from.pointer, 256);
    const graph = stream.endCapture();
    from.dispose();
    await expect.poll(() => device.memory().reserved).toBe(256);
    graph.launch(stream);
    await expect(stream.synchronize()).rejects.toEqual(coded("ERR_DEVICE_FAULT", "copy", "has been freed"));
  });
});

describe.skipIf(onGpu || noCompiler)("reading what nobody has written", () => {
  /** Runs `add` on 64 floats. */
  async function add(device: Device, tensor: Tensor): Promise<void> {
    device.defaultStream.launch(device.loadModule(runtimeKernels("gfx942")).kernel("add"), {
      ...{ grid: [1], block: 64, kernargs: kernargs(tensor.pointer, { float: 1 }, 64) },
    });
    await device.defaultStream.synchronize();
  }

  it("is reported with the kernel, the lane and the place", async () => {
    setEmulatorOption("UNINITIALISED", "report");
    const device = open();
    const tensor = device.empty([64], "float32");
    await tensor.view({ shape: [20] }).write(new Float32Array(20));
    await expect(add(device, tensor)).rejects.toEqual(
      coded(
        "ERR_DEVICE_FAULT",
        "read of 4 bytes that nobody has written",
        "80 bytes into the 256-byte device allocation",
        "kernel +add",
        "wave 0, lane 20",
        "pc ",
      ),
    );
  });

  it("is told from reading what uploads, fills, kernels and copies have written", async () => {
    setEmulatorOption("UNINITIALISED", "report");
    const [device, other] = [open(), open()];
    const stream = device.defaultStream;
    const [filled, copied, fetched] = [
      device.zeros([64], "float32"),
      device.empty([64], "float32"),
      device.empty([64], "float32"),
    ];
    enqueueCopy(stream, copied.pointer, filled.pointer, 256);
    const source = await other.upload(new Float32Array(64), { shape: [64], dtype: "float32" });
    peerCopy(fetched, source);
    const stored = device.empty([24], "int32");
    const place = device.loadModule(runtimeKernels("gfx942")).kernel("place");
    stream.launch(place, { grid: [2, 3, 4], block: 1, kernargs: kernargs(stored.pointer) });
    enqueueCopy(stream, copied.pointer, stored.pointer, 96);
    for (const tensor of [filled, copied, fetched]) await add(device, tensor);
    // A copy of what is not initialised is not initialised.
    enqueueCopy(stream, copied.pointer, device.empty([1], "float32").pointer, 4);
    await expect(add(device, copied)).rejects.toEqual(
      coded("ERR_DEVICE_FAULT", "nobody has written", "lane 0"),
    );
  });

  it("is found in LDS", async () => {
    setEmulatorOption("UNINITIALISED", "report");
    expect(await reverse(open(), runtimeKernels("gfx942"))).toEqual(reversed);
    const device = open();
    const values = device.zeros([128], "int32");
    device.defaultStream.launch(device.loadModule(runtimeKernels("gfx942")).kernel("reverse"), {
      ...{ grid: [1], block: 64, ldsBytes: 512, kernargs: kernargs(values.pointer, 128) },
    });
    await expect(device.defaultStream.synchronize()).rejects.toEqual(
      coded("ERR_DEVICE_FAULT", "read of 4 bytes that nobody has written, at offset 508 of LDS", "lane 0"),
    );
  });

  it("never happens in attention: a prefill and a decode in a cache as it was allocated", async () => {
    setEmulatorOption("UNINITIALISED", "report");
    const device = open();
    const shape = { numHeads: 4, numKvHeads: 2, headSize: 64 };
    const attention = createAttention(device, { ...shape, dtype: "bfloat16" });
    const cache = attention.createKvCache({ numBlocks: 60 }).layer(0);
    const batch = createBatch(device, { maxSequences: 3, maxTokens: 327, maxBlocksPerSequence: 20 });
    const pool = new BlockPool({ numBlocks: 60, blockSize: 16 });
    for (const tokens of [
      [37, 290],
      [1, 1],
      [3, 1],
    ]) {
      for (const [id, length] of tokens.entries()) pool.append(`${id}`, length);
      batch.update(pool.batch(tokens.map((queryLength, id) => ({ id: `${id}`, queryLength }))));
      const total = tokens[0]! + tokens[1]!;
      const rows = (heads: number) => device.zeros([total, heads, shape.headSize], "bfloat16");
      const [query, key, value] = [rows(4), rows(2), rows(2)];
      const output = device.empty([total, 4, 64], "bfloat16");
      attention.forward({ query, key, value, output, cache, batch });
      expect((await output.readFloat32()).every((element) => element === 0)).toBe(true);
    }
  });
});

describe.skipIf(onGpu || noCompiler)("the instruction limit", () => {
  it("reports a wave that waits for ever", async () => {
    setEmulatorOption("INSTRUCTION_LIMIT", "100000");
    const device = open();
    const gate = device.zeros([2], "int32");
    device.defaultStream.launch(device.loadModule(runtimeKernels("gfx942")).kernel("wait"), {
      ...{ grid: [1], block: 64, kernargs: kernargs(gate.pointer) },
    });
    await expect(device.defaultStream.synchronize()).rejects.toEqual(
      coded("ERR_DEVICE_FAULT", "instruction limit reached", "kernel +wait", "wave 0", "pc "),
    );
  });
});
