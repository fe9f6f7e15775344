import { afterAll, expect, it } from "vitest";
import { openTestDevice } from "../../support/device.js";
import { PagedCase } from "../../support/paged-case.js";

const device = openTestDevice();
afterAll(() => device.close());

it("a wrapped cache with its heads before its slots, and gaps between blocks, holds the same", async () => {
  const shape = { numHeads: 6, numKvHeads: 3, headSize: 64, blockSize: 32 };
  const { numKvHeads: heads, headSize, blockSize } = shape;
  await using paged = await PagedCase.create(device, {
    shape,
    dtype: "bfloat16",
    lengths: [
      [300, 1],
      [20, 30],
    ],
    seed: 23,
  });
  const { bits: expected } = await paged.run();
  const dense = new Uint16Array(((await paged.cache.memory(0).read()) as Uint8Array).buffer);

  const { numBlocks } = paged.cache;
  const half = heads * blockSize * headSize;
  const stride = 2 * half + 64;
  const image = new Uint16Array(numBlocks * stride).fill(0x7fff);
  for (let row = 0; row < dense.length / headSize; row++) {
    const head = row % heads;
    const slot = Math.floor(row / heads) % blockSize;
    const isValue = Math.floor(row / heads / blockSize) % 2;
    const block = Math.floor(row / heads / blockSize / 2);
    const at = block * stride + isValue * half + (head * blockSize + slot) * headSize;
    image.set(dense.subarray(row * headSize, (row + 1) * headSize), at);
  }
  using memory = await device.upload(image, { shape: [image.length], dtype: "bfloat16" });
  const part = (byteOffset: number) =>
    memory.view({
      shape: [numBlocks, blockSize, heads, headSize],
      strides: [stride, headSize, blockSize * headSize, 1],
      byteOffset,
    });
  const layer = paged.attention.wrapKvCache({ key: part(0), value: part(2 * half) });
  expect((await paged.run({ attendOnly: true, layer })).bits).toEqual(expected);
  expect((await paged.run({ layer })).bits).toEqual(expected);
});
