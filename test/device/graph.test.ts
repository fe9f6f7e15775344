import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../lib/device/device.js";
import { enqueue, enqueueCopy, enqueueWrite } from "../../lib/device/enqueue.js";
import type { Kernel } from "../../lib/device/module.js";
import type { Stream } from "../../lib/device/stream.js";
import { coded } from "../support/coded.js";
import { openTestDevice } from "../support/device.js";
import { kernargs, noCompiler, runtimeKernels } from "../support/runtime-kernels.js";

describe.skipIf(noCompiler)("capture and graphs", () => {
  let device: Device;
  let add: Kernel;
  let stream: Stream;

  beforeAll(() => {
    device = openTestDevice();
    add = device.loadModule(runtimeKernels(device.info.arch)).kernel("add");
    stream = device.createStream();
  });
  afterAll(() => device.close());

  function addOne(pointer: bigint): void {
    enqueue(stream, add, 1, 1, 1, 64, 0, kernargs(pointer, { float: 1 }, 4));
  }

  it("run nothing while capturing and everything at each launch", async () => {
    using from = device.zeros([4], "float32", { stream });
    using to = device.zeros([4], "float32", { stream });
    stream.beginCapture();
    addOne(from.pointer);
    enqueueCopy(stream, to.pointer, from.pointer, 16);
    addOne(from.pointer);
    const graph = stream.endCapture();
    expect(await from.read({ stream })).toEqual(new Float32Array(4));
    graph.launch(stream);
    graph.launch(stream);
    expect(await from.read({ stream })).toEqual(new Float32Array(4).fill(4));
    expect(await to.read({ stream })).toEqual(new Float32Array(4).fill(3));
    graph.dispose();
    graph.dispose();
    expect(graph.disposed).toBe(true);
    expect(() => graph.launch(stream)).toThrow(coded("ERR_DISPOSED"));
  });

  it("launch on other streams of the device", async () => {
    using tensor = device.zeros([4], "float32");
    await device.defaultStream.synchronize();
    stream.beginCapture();
    addOne(tensor.pointer);
    const graph = stream.endCapture();
    graph.launch();
    expect(await tensor.read()).toEqual(new Float32Array(4).fill(1));
    const other = openTestDevice();
    expect(() => graph.launch(other.defaultStream)).toThrow(coded("ERR_INVALID_ARGUMENT", "another device"));
    await other.close();
    graph.dispose();
  });

  it("refuse what passes host memory, and calls out of turn", async () => {
    using tensor = device.zeros([4], "float32", { stream });
    expect(() => stream.endCapture()).toThrow(coded("ERR_INVALID_ARGUMENT", "beginCapture"));
    stream.beginCapture();
    expect(() => stream.beginCapture()).toThrow(coded("ERR_INVALID_ARGUMENT", "twice"));
    expect(() => enqueueWrite(stream, tensor.pointer, new Uint8Array(4))).toThrow(
      coded("ERR_INVALID_ARGUMENT", "captured"),
    );
    await expect(tensor.read({ stream })).rejects.toEqual(coded("ERR_INVALID_ARGUMENT", "captured"));
    await expect(stream.synchronize()).rejects.toEqual(coded("ERR_INVALID_ARGUMENT", "captured"));
    addOne(tensor.pointer);
    const graph = stream.endCapture();
    graph.launch(stream);
    expect(await tensor.read({ stream })).toEqual(new Float32Array(4).fill(1));
    graph.dispose();
  });

  it("hold back frees until the capture has ended", async () => {
    await expect.poll(() => device.memory().reserved).toBe(0); // what earlier tests have let go of
    using tensor = device.zeros([4], "float32", { stream });
    const unused = device.zeros([1000], "float32", { stream });
    const before = device.memory().reserved;
    stream.beginCapture();
    addOne(tensor.pointer);
    unused.dispose();
    device.empty([8], "float32").dispose();
    await device.defaultStream.synchronize();
    expect(device.memory().reserved).toBe(before + 32);
    const graph = stream.endCapture();
    graph.launch(stream);
    expect(await tensor.read({ stream })).toEqual(new Float32Array(4).fill(1));
    await expect.poll(() => device.memory().reserved).toBe(before - 4000);
    graph.dispose();
  });

  it("take in other streams that wait for one of theirs", async () => {
    const branch = device.createStream();
    using tensor = device.zeros([4], "float32", { stream });
    using outside = stream.record();
    await stream.synchronize();
    stream.beginCapture();
    addOne(tensor.pointer);
    using forked = stream.record();
    branch.wait(forked);
    enqueue(branch, add, 1, 1, 1, 64, 0, kernargs(tensor.pointer, { float: 10 }, 4));
    // It is part of the capture now, and as restricted.
    expect(() => enqueueWrite(branch, tensor.pointer, new Uint8Array(4))).toThrow(
      coded("ERR_INVALID_ARGUMENT", "captured"),
    );
    expect(() => branch.endCapture()).toThrow(coded("ERR_INVALID_ARGUMENT", "on this stream"));
    expect(() => branch.wait(outside)).toThrow(coded("ERR_INVALID_ARGUMENT", "not captured"));
    await expect(forked.reached()).rejects.toEqual(coded("ERR_INVALID_ARGUMENT", "captured"));
    await expect(outside.elapsedMs(forked)).rejects.toEqual(coded("ERR_INVALID_ARGUMENT", "captured"));
    stream.wait(branch.record());
    addOne(tensor.pointer);
    using graph = stream.endCapture();
    expect(() => branch.wait(forked)).toThrow(coded("ERR_INVALID_ARGUMENT", "has ended"));
    expect(await tensor.read({ stream: branch })).toEqual(new Float32Array(4));
    graph.launch(branch);
    graph.launch(branch);
    expect(await tensor.read({ stream: branch })).toEqual(new Float32Array(4).fill(24));
    branch.dispose();
  });

  it("are lost where a stream that joined is not waited for to its end", async () => {
    const branch = device.createStream();
    using tensor = device.zeros([4], "float32", { stream });
    await stream.synchronize();
    stream.beginCapture();
    branch.wait(stream.record());
    stream.wait(branch.record());
    enqueue(branch, add, 1, 1, 1, 64, 0, kernargs(tensor.pointer, { float: 10 }, 4));
    expect(() => stream.endCapture()).toThrow(coded("ERR_HIP", "hipErrorStreamCaptureUnjoined"));
    addOne(tensor.pointer); // both are as they were before
    expect(await tensor.read({ stream })).toEqual(new Float32Array(4).fill(1));
    expect(await tensor.read({ stream: branch })).toEqual(new Float32Array(4).fill(1));
    branch.dispose();
  });

  it("keep apart what two streams capture at once", async () => {
    const other = device.createStream();
    using tensor = device.zeros([4], "float32", { stream });
    await stream.synchronize();
    stream.beginCapture();
    other.beginCapture();
    addOne(tensor.pointer);
    expect(() => other.wait(stream.record())).toThrow(coded("ERR_INVALID_ARGUMENT", "another capture"));
    using empty = other.endCapture();
    using graph = stream.endCapture();
    empty.launch(stream);
    graph.launch(stream);
    expect(await tensor.read({ stream })).toEqual(new Float32Array(4).fill(1));
    other.dispose();
  });

  it("let go of a stream that is disposed of after it joined", async () => {
    const branch = device.createStream();
    using tensor = device.zeros([4], "float32", { stream });
    await stream.synchronize();
    stream.beginCapture();
    branch.wait(stream.record());
    enqueue(branch, add, 1, 1, 1, 64, 0, kernargs(tensor.pointer, { float: 10 }, 4));
    stream.wait(branch.record());
    branch.dispose();
    using graph = stream.endCapture();
    graph.launch(stream);
    expect(await tensor.read({ stream })).toEqual(new Float32Array(4).fill(10));
  });

  it("end with a stream that is disposed of while capturing", async () => {
    const short = device.createStream();
    using tensor = device.zeros([4], "float32", { stream: short });
    await short.synchronize();
    short.beginCapture();
    enqueue(short, add, 1, 1, 1, 64, 0, kernargs(tensor.pointer, { float: 1 }, 4));
    short.dispose();
    expect(await tensor.read()).toEqual(new Float32Array(4));
  });

  describe("own what was made for them", () => {
    /** A resource that counts how often it has ended. */
    const counted = () => ({
      ends: 0,
      dispose() {
        this.ends++;
      },
    });

    it("until the graph is disposed of, in whichever stream of the capture it was made", async () => {
      const branch = device.createStream();
      expect(stream.capture).toBeNull();
      stream.beginCapture();
      const capture = stream.capture!;
      expect(branch.capture).toBeNull();
      branch.wait(stream.record());
      expect(branch.capture).toBe(capture);
      const resource = branch.capture!.own(counted());
      stream.wait(branch.record());
      const graph = stream.endCapture();
      expect([stream.capture, branch.capture, resource.ends]).toEqual([null, null, 0]);
      stream.beginCapture();
      expect(stream.capture).not.toBe(capture);
      stream.endCapture().dispose();
      expect(resource.ends).toBe(0);
      graph.dispose();
      graph.dispose();
      expect(resource.ends).toBe(1);
      branch.dispose();
    });

    it("until the capture ends by an error", () => {
      using tensor = device.zeros([4], "float32", { stream });
      const branch = device.createStream();
      stream.beginCapture();
      const resource = stream.capture!.own(counted());
      branch.wait(stream.record());
      enqueue(branch, add, 1, 1, 1, 64, 0, kernargs(tensor.pointer, { float: 1 }, 4));
      expect(() => branch.endCapture()).toThrow(coded("ERR_INVALID_ARGUMENT", "on this stream"));
      expect(resource.ends).toBe(0);
      expect(() => stream.endCapture()).toThrow(coded("ERR_HIP", "Unjoined"));
      expect(resource.ends).toBe(1);
      branch.dispose();
    });

    it("until the stream that began it is disposed of, as what that stream owns itself", () => {
      const short = device.createStream();
      short.beginCapture();
      const resources = [short.capture!.own(counted()), short.own(counted())];
      short.endCapture().dispose();
      expect(resources.map(({ ends }) => ends)).toEqual([1, 0]);
      short.beginCapture();
      resources.push(short.capture!.own(counted()));
      short.dispose();
      short.dispose();
      expect(resources.map(({ ends }) => ends)).toEqual([1, 1, 1]);
    });

    it("to the last launch: memory is freed after it", async () => {
      await expect.poll(() => device.memory().reserved).toBe(0);
      const tensor = device.zeros([4], "float32", { stream });
      stream.beginCapture();
      stream.capture!.own(tensor);
      addOne(tensor.pointer);
      const graph = stream.endCapture();
      graph.launch(stream);
      expect(await tensor.read({ stream })).toEqual(new Float32Array(4).fill(1));
      graph.launch(stream);
      graph.dispose();
      expect(tensor.disposed).toBe(true);
      await stream.synchronize();
      await expect.poll(() => device.memory().reserved).toBe(0);
    });
  });
});
