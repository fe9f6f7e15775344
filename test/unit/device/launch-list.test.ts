import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addLaunch, beginGathering, endGathering, flushLaunches } from "../../../lib/device/launch-list.js";
import type { NativeStream } from "../../../lib/native.js";
import { launchRecorder, type RecordedLaunch } from "../../support/launch-recorder.js";

const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const anyLaunch: fc.Arbitrary<RecordedLaunch> = fc.record({
  kernel: word,
  grid: fc.array(word, { minLength: 3, maxLength: 3 }),
  block: fc.array(word, { minLength: 3, maxLength: 3 }),
  ldsBytes: word,
  kernargs: fc.uint8Array({ maxLength: 4096 }).map((bytes) => Buffer.from(bytes)),
});

function add(stream: NativeStream, { kernel, grid, block, ldsBytes, kernargs }: RecordedLaunch): void {
  const [gridX, gridY, gridZ] = grid as [number, number, number];
  const [blockX, blockY, blockZ] = block as [number, number, number];
  addLaunch(stream, kernel, gridX, gridY, gridZ, blockX, blockY, blockZ, ldsBytes, kernargs);
}

describe("launches", () => {
  it("enter native code at once, and together where they gather", () => {
    fc.assert(
      fc.property(fc.array(anyLaunch, { maxLength: 15 }), (launches) => {
        const { calls, stream } = launchRecorder();
        for (const launch of launches) add(stream, launch);
        expect(calls).toEqual(launches.map((launch) => [launch]));

        calls.length = 0;
        beginGathering(stream);
        for (const launch of launches) add(stream, launch);
        expect(calls).toEqual([]);
        endGathering(true);
        expect(calls).toEqual(launches.length > 0 ? [launches] : []);
      }),
    );
  });

  it("keep their order, however many gather", () => {
    const { calls, stream } = launchRecorder();
    const kernargs = Buffer.alloc(4096);
    const kernels = Array.from({ length: 100 }, (_, kernel) => kernel);
    beginGathering(stream);
    for (const kernel of kernels) {
      add(stream, { kernel, grid: [1, 2, 3], block: [4, 5, 6], ldsBytes: 7, kernargs });
    }
    endGathering(true);
    expect(calls.length).toBeGreaterThan(1);
    expect(calls.flat().map(({ kernel }) => kernel)).toEqual(kernels);
  });

  it("gather on one stream: those of another enter behind what has gathered", () => {
    const order: string[] = [];
    const named = (name: string) => ({ launch: () => order.push(name) }) as unknown as NativeStream;
    const [one, other] = [named("one"), named("other")];
    const launch = { kernel: 1, grid: [1, 1, 1], block: [1, 1, 1], ldsBytes: 0, kernargs: Buffer.alloc(8) };
    beginGathering(one);
    add(one, launch);
    add(other, launch);
    add(one, launch);
    flushLaunches();
    add(one, launch);
    endGathering(true);
    expect(order).toEqual(["one", "other", "one", "one"]);
  });

  it("are forgotten where their group fails, and the next ones enter", () => {
    const { calls, stream } = launchRecorder();
    const launch = { kernel: 1, grid: [1, 1, 1], block: [1, 1, 1], ldsBytes: 0, kernargs: Buffer.alloc(8) };
    beginGathering(stream);
    add(stream, launch);
    endGathering(false);
    expect(calls).toEqual([]);
    add(stream, launch);
    expect(calls).toEqual([[launch]]);
  });

  it("go on after native code has refused a group", () => {
    const refusing = {
      launch: () => {
        throw new Error("lost");
      },
    } as unknown as NativeStream;
    const launch = { kernel: 1, grid: [1, 1, 1], block: [1, 1, 1], ldsBytes: 0, kernargs: Buffer.alloc(8) };
    beginGathering(refusing);
    add(refusing, launch);
    expect(() => endGathering(true)).toThrow("lost");
    const { calls, stream } = launchRecorder();
    add(stream, launch);
    expect(calls).toEqual([[launch]]);
  });
});
