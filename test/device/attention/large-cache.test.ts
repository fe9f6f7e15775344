import { describe, expect, it } from "vitest";
import { createAttention, createBatch, Device } from "../../../lib/index.js";
import { onGpu } from "../../support/device.js";
import { batchInput, pagedData } from "../../support/paged-data.js";
import { attend, isAccurate, type Lengths, round, rowErrors } from "../../support/reference.js";

const SHAPE = { numHeads: 8, numKvHeads: 8, headSize: 128, blockSize: 16 };
const DTYPE = "bfloat16";
const NUM_BLOCKS = 70_000;

describe.skipIf(onGpu)("a cache above 4 GiB", () => {
  it("works up to its last block, and takes from the host only what is used", async () => {
    const device = Device.open({ emulate: "gfx942", computeUnits: 8, memoryBytes: 6 * 2 ** 30 });
    const attention = createAttention(device, { ...SHAPE, dtype: DTYPE });
    const residentBefore = process.memoryUsage().rss;
    const cache = attention.createKvCache({ numBlocks: NUM_BLOCKS });
    expect(device.memory().byCategory.kvCache).toBeGreaterThan(4 * 2 ** 30);

    const lengths: Lengths = [
      [140, 1],
      [20, 6],
    ];
    const data = pagedData({ shape: SHAPE, dtype: DTYPE, lengths, seed: 4 });
    // The data's few blocks go on either side of 2 and 4 GiB and of id 65,536, and to the last one.
    const places = [0, 1, 32_767, 32_768, 65_534, 65_535, 65_536, 65_537, 65_538, 69_997, 69_998, 69_999];
    expect(data.numBlocks).toBeLessThanOrEqual(places.length + 3);
    const used = data.blockTable.flat();
    const place = (block: number) => places[used.indexOf(block)]!;
    const memory = cache.memory(0);
    const image = data.image("paired");
    const { kvCacheBytesPerBlock: bytes } = attention;
    for (const block of used) {
      const target = memory.view({ shape: [bytes], byteOffset: place(block) * bytes });
      await target.write(image.subarray((block * bytes) / 2, ((block + 1) * bytes) / 2));
    }
    const limits = { maxSequences: 2, maxTokens: 7, maxBlocksPerSequence: 9 };
    const batch = createBatch(device, limits);
    batch.update({ ...batchInput(lengths), blockTable: data.blockTable.map((row) => row.map(place)) });

    const upload = (values: Float64Array, heads: number) =>
      device.upload(round(DTYPE, values).bits, { shape: [7, heads, SHAPE.headSize], dtype: DTYPE });
    const query = await upload(data.step.query, SHAPE.numHeads);
    const [key, value] = [
      await upload(data.newKeys, SHAPE.numKvHeads),
      await upload(data.newValues, SHAPE.numKvHeads),
    ];
    const output = device.empty(query.shape, DTYPE);
    attention.forward({ query, key, value, output, cache: cache.layer(0), batch });
    const errors = rowErrors(await output.readFloat32(), attend(data.step).output, SHAPE.headSize);
    expect(isAccurate(errors, DTYPE), JSON.stringify(errors)).toBe(true);
    expect(process.memoryUsage().rss - residentBefore).toBeLessThan(2 ** 30);
    await device.close();
  });
});
