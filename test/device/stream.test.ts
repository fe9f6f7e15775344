import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../lib/device/device.js";
import { enqueue, enqueueCopy, enqueueFill, enqueueWrite } from "../../lib/device/enqueue.js";
import type { Kernel } from "../../lib/device/module.js";
import { Stream } from "../../lib/device/stream.js";
import { PIECE_BYTES } from "../../lib/device/transfer.js";
import { coded } from "../support/coded.js";
import { openTestDevice } from "../support/device.js";
import { kernargs, noCompiler, runtimeKernels } from "../support/runtime-kernels.js";

let device: Device;
let waiting: Kernel;

beforeAll(() => {
  device = openTestDevice();
  if (noCompiler === null) waiting = device.loadModule(runtimeKernels(device.info.arch)).kernel("wait");
});
afterAll(() => device.close());

/** A kernel that keeps a stream busy until it is let through; `passed` counts how many have been. */
class Gate {
  readonly tensor = device.zeros([2], "int32");
  readonly #key = device.createStream();

  async hold(...streams: Stream[]): Promise<void> {
    await device.defaultStream.synchronize();
    for (const stream of streams) {
      enqueue(stream, waiting, 1, 1, 1, 64, 0, kernargs(this.tensor.pointer));
    }
  }

  open(): void {
    enqueueFill(this.#key, this.tensor.pointer, 1, 4);
  }

  async passed(stream: Stream): Promise<number> {
    return Number((await this.tensor.view({ shape: [1], byteOffset: 4 }).read({ stream }))[0]);
  }

  /** Opens it too: a test that fails leaves nothing waiting. */
  [Symbol.dispose](): void {
    this.open();
    this.tensor.dispose();
    this.#key.dispose();
  }
}

describe("order", () => {
  it("is the program's within a stream", async () => {
    const stream = device.createStream();
    using tensor = device.zeros([4], "int32", { stream });
    using copy = device.zeros([4], "int32", { stream });
    enqueueWrite(stream, tensor.pointer, new Uint8Array(Int32Array.of(1, 2, 3, 4).buffer));
    enqueueCopy(stream, copy.pointer, tensor.pointer, 16);
    const first = copy.read({ stream });
    enqueueFill(stream, tensor.pointer, 0xff, 8);
    enqueueCopy(stream, copy.pointer, tensor.pointer, 16);
    expect(await first).toEqual(Int32Array.of(1, 2, 3, 4));
    expect(await copy.read({ stream })).toEqual(Int32Array.of(-1, -1, 3, 4));
    stream.dispose();
  });

  it("copies the bytes of a small write at the call", async () => {
    using tensor = device.zeros([2], "int32");
    const bytes = new Uint8Array(8).fill(1);
    enqueueWrite(device.defaultStream, tensor.pointer, bytes);
    bytes.fill(9);
    expect(await tensor.read()).toEqual(Int32Array.of(0x01010101, 0x01010101));
    expect(() => enqueueWrite(device.defaultStream, tensor.pointer, new Uint8Array((4 << 20) + 1))).toThrow(
      coded("ERR_INVALID_ARGUMENT", "at most"),
    );
  });

  it.skipIf(noCompiler)("is made between streams by events", async () => {
    const [first, second] = [device.createStream(), device.createStream()];
    using gate = new Gate();
    using tensor = device.zeros([1], "int32", { stream: second });
    await second.synchronize();
    await gate.hold(first);
    enqueueFill(first, tensor.pointer, 1, 4);
    second.wait(first.record());
    const reading = tensor.read({ stream: second });
    gate.open();
    expect(await reading).toEqual(Int32Array.of(0x01010101));
    expect(await gate.passed(first)).toBe(1);
    first.dispose();
    second.dispose();
  });

  it.skipIf(noCompiler)("lets a busy stream hold up no other", async () => {
    const [slow, quick] = [device.createStream(), device.createStream()];
    using gate = new Gate();
    await gate.hold(slow);
    let slowEnded = false;
    const ending = slow.synchronize().then(() => {
      slowEnded = true;
    });
    using other = await device.upload(Int32Array.of(7), { shape: [1], dtype: "int32", stream: quick });
    expect(await other.read({ stream: quick })).toEqual(Int32Array.of(7));
    expect(slowEnded).toBe(false);
    gate.open();
    await ending;
    slow.dispose();
    quick.dispose();
  });
});

describe("streams", () => {
  it.skipIf(noCompiler)("may end in the reverse of the order in which they began", async () => {
    const streams = Array.from({ length: 3 }, () => device.createStream());
    const gates = streams.map(() => new Gate());
    await expect.poll(() => device.memory().reserved).toBe(device.memory().allocated);
    const { reserved } = device.memory();
    for (const [index, gate] of gates.entries()) await gate.hold(streams[index]!);
    const ended: number[] = [];
    const endings = streams.map(async (stream, index) => {
      await stream.synchronize();
      ended.push(index);
    });
    using freed = device.zeros([1000], "uint8", { stream: streams[0]! });
    freed.dispose(); // behind what the first stream does, and so the last to end
    for (const index of [2, 1, 0]) {
      await expect.poll(() => ended.length).toBe(2 - index);
      expect(device.memory().reserved).toBe(reserved + 1000);
      gates[index]!.open();
      await endings[index];
    }
    expect(ended).toEqual([2, 1, 0]);
    await expect.poll(() => device.memory().reserved).toBe(reserved);
    for (const gate of gates) gate[Symbol.dispose]();
    for (const stream of streams) stream.dispose();
  });
});

describe("events", () => {
  it.skipIf(noCompiler)("tell the time between them", async () => {
    const stream = device.createStream();
    using gate = new Gate();
    using start = stream.record();
    await gate.hold(stream);
    using end = stream.record();
    const elapsed = end.elapsedMs(start);
    await new Promise((resolve) => setTimeout(resolve, 5));
    gate.open();
    expect(await elapsed).toBeGreaterThan(0);
    expect(await start.elapsedMs(start)).toBe(0);
    stream.dispose();
  });

  it("end with dispose()", async () => {
    const event = device.defaultStream.record();
    event.dispose();
    event.dispose();
    expect(event.disposed).toBe(true);
    await expect(event.reached()).rejects.toEqual(coded("ERR_DISPOSED"));
    expect(() => device.defaultStream.wait(event)).toThrow(coded("ERR_DISPOSED"));
    expect(() => device.defaultStream.wait({} as never)).toThrow(
      coded("ERR_INVALID_ARGUMENT", "DeviceEvent"),
    );
  });
});

describe("dispose", () => {
  it.skipIf(noCompiler)("returns at once and lets enqueued work finish", async () => {
    const stream = device.createStream();
    using gate = new Gate();
    await gate.hold(stream);
    const event = stream.record();
    stream.dispose();
    stream.dispose();
    expect(stream.disposed).toBe(true);
    expect(() => stream.record()).toThrow(coded("ERR_DISPOSED"));
    expect(() => stream.handle).toThrow(coded("ERR_DISPOSED"));
    device.defaultStream.wait(event);
    const passed = gate.passed(device.defaultStream);
    gate.open();
    expect(await passed).toBe(1);
  });

  it.skipIf(noCompiler)("frees memory only after its last use, on whatever stream", async () => {
    const stream = device.createStream();
    using gate = new Gate();
    const tensor = device.zeros([1], "int32");
    // What earlier tests disposed of may still be waiting to be freed.
    await expect.poll(() => device.memory().reserved).toBe(device.memory().allocated);
    const before = device.memory().reserved;
    await gate.hold(stream);
    enqueueFill(stream, tensor.pointer, 1, 4);
    const done = stream.synchronize();
    tensor.dispose();
    stream.dispose();
    // Other streams go on, and so could a free that does not wait: on the emulator the fill would then be a fault.
    using other = device.zeros([1], "int32");
    await other.read();
    expect(device.memory().reserved).toBe(before + 4);
    gate.open();
    await done;
    await expect.poll(() => device.memory().reserved).toBe(before);
  });

  it("is refused for the default stream", () => {
    expect(() => device.defaultStream.dispose()).toThrow(coded("ERR_INVALID_ARGUMENT", "default stream"));
  });
});

describe("fromHandle", () => {
  it("uses a stream of somebody else, and leaves it alone afterwards", async () => {
    const owner = device.createStream();
    const guest = Stream.fromHandle(device, owner.handle);
    expect(guest.handle).toBe(owner.handle);
    using tensor = await device.upload(Int32Array.of(3), { shape: [1], dtype: "int32", stream: guest });
    guest.dispose();
    expect(await tensor.read({ stream: owner })).toEqual(Int32Array.of(3));
    await owner.synchronize();
    owner.dispose();
  });

  it("takes the null stream", async () => {
    const nullStream = Stream.fromHandle(device, 0n);
    using tensor = await device.upload(Int32Array.of(4), { shape: [1], dtype: "int32", stream: nullStream });
    expect(await tensor.read({ stream: nullStream })).toEqual(Int32Array.of(4));
    nullStream.dispose();
  });

  it.each([[-1n], [1n << 64n], [5], [undefined]])("refuses %s", (handle) => {
    expect(() => Stream.fromHandle(device, handle as bigint)).toThrow(
      coded("ERR_INVALID_ARGUMENT", "handle"),
    );
  });
});

describe.skipIf(noCompiler)("pinned memory", () => {
  it("that a burst of transfers took is given back, all but 64 MiB", async () => {
    const stream = device.createStream();
    using gate = new Gate();
    await gate.hold(stream);
    const piece = new Uint8Array(PIECE_BYTES).fill(7);
    const options = { shape: [PIECE_BYTES], dtype: "uint8", stream } as const;
    const uploads = Array.from({ length: 24 }, () => device.upload(piece, options));
    expect(device.memory().staging).toBeGreaterThanOrEqual(24 * PIECE_BYTES);
    gate.open();
    const tensors = await Promise.all(uploads);
    await expect.poll(() => device.memory().staging).toBeLessThanOrEqual(64 * 2 ** 20);
    const again = await Promise.all(tensors.map((tensor) => tensor.read()));
    expect(again.every((bytes) => Buffer.from(bytes.buffer as ArrayBuffer).equals(piece))).toBe(true);
    await expect.poll(() => device.memory().staging).toBeLessThanOrEqual(64 * 2 ** 20);
    for (const tensor of tensors) tensor.dispose();
    stream.dispose();
  });
});
