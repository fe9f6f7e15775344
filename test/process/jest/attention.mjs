// A program's tests under Jest, whose test files live in a realm of their own: arrays, typed arrays and objects made
// there are instances of no class that the rest of the process has, and those of structuredClone of none that a test has.
import { readFileSync } from "node:fs";
import { createAttention, createBatch, Device, RocmAttentionError } from "rocm-attention";

const SHAPE = [1, 2, 64];
const kernels = new URL("../../../build/kernels/gfx942/", import.meta.url);

/** The tests, of which every file has its own copy of the package. */
export function testAttention() {
  let device;
  beforeAll(() => {
    device = Device.open({ emulate: "gfx942", computeUnits: 2 });
  });
  afterAll(() => device.close());

  test("another realm's typed arrays are no instances of this one's", () => {
    expect(structuredClone(new Float32Array(1)) instanceof Float32Array).toBe(false);
  });

  test.each([
    ["this realm", (value) => value],
    ["another realm", structuredClone],
  ])("uploads, loads and attends with what %s has made", async (_, from) => {
    const values = Float32Array.from({ length: 128 }, (_, index) => index / 8);
    const options = from({ shape: SHAPE, dtype: "float32" });
    const tensor = await device.upload(from(values), options);
    expect(Array.from(await tensor.readFloat32())).toEqual(Array.from(values));

    const [row] = JSON.parse(readFileSync(new URL("manifest.json", kernels), "utf8")).kernels;
    const bytes = readFileSync(new URL(row.file, kernels));
    for (const image of [bytes, from(new Uint8Array(bytes))]) {
      expect(device.loadModule(image).symbols).toContain(row.symbol);
    }

    const heads = from({ numHeads: 2, numKvHeads: 2, headSize: 64, dtype: "float16", env: {} });
    const attention = createAttention(device, heads);
    const cache = attention.createKvCache(from({ numBlocks: 1 }));
    const batch = createBatch(device, from({ maxSequences: 1, maxTokens: 1, maxBlocksPerSequence: 1 }));
    batch.update(from({ queryStartLoc: [0, 1], seqLens: [1], blockTable: [[0]] }));
    const one = await device.upload(
      from(new Uint16Array(128).fill(0x3c00)),
      from({ shape: SHAPE, dtype: "float16" }),
    );
    const output = device.empty(from(SHAPE), "float16");
    attention.forward({ query: one, key: one, value: one, output, cache: cache.layer(0), batch });
    // A token that sees itself alone gets its own value.
    expect(Array.from(await output.readFloat32())).toEqual(Array(128).fill(1));
  });

  test("errors are those of the package", async () => {
    expect(() => device.empty([-1], "float32")).toThrow(RocmAttentionError);
    expect(() => device.loadModule(new Uint8Array(64))).toThrow(RocmAttentionError);
    // The addon's own.
    expect(() => device.empty([2 ** 44], "float32")).toThrow(RocmAttentionError);
    await expect(device.upload([1, 2], { shape: [2], dtype: "float32" })).rejects.toThrow(RocmAttentionError);
  });
}
