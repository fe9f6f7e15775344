import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { type BlockCopy, traceLaunches } from "../../../lib/index.js";
import { KvCache } from "../../../lib/kv-cache/cache.js";
import { type CacheLayout, LAYOUT_NAMES, makeLayout } from "../../../lib/kv-cache/layouts.js";
import { coded } from "../../support/coded.js";
import { openTestDevice } from "../../support/device.js";
import { noHipKernels } from "../../support/hip-kernels.js";
import { Random } from "../../support/reference.js";

const device = openTestDevice();
afterAll(() => device.close());

const LAYERS = 3;
const [BLOCKS, HOST_BLOCKS] = [6, 4];

const cases = fc.record({
  name: fc.constantFrom(...LAYOUT_NAMES),
  // Blocks of 6 tokens have no whole number of pieces of 16 bytes: they are copied one by one.
  blockSize: fc.constantFrom(16, 48, 6),
  scales: fc.boolean(),
  seed: fc.nat(),
});
const pairs = (from: number, to: number) =>
  fc.array(fc.record({ from: fc.nat(from - 1), to: fc.nat(to - 1) }), { maxLength: 6 });

function layoutOf(name: (typeof LAYOUT_NAMES)[number], blockSize: number, scales: boolean): CacheLayout {
  const sizes = { blockSize: name === "shuffled" ? 16 : blockSize, numKvHeads: name === "latent" ? 1 : 2 };
  return makeLayout(name, { ...sizes, headSize: blockSize === 6 ? 24 : 32, dtype: "bfloat16", scales })!;
}

/** The bytes of every block of every layer, as the layer says where its parts are. */
async function contentsOf(cache: KvCache): Promise<string[][]> {
  const layers: string[][] = [];
  for (let layer = 0; layer < cache.layers; layer++) {
    const blocks = Array.from({ length: cache.numBlocks }, () => "");
    for (const { name } of cache.layout.parts) {
      const { tensor } = cache.layer(layer).part(name);
      const bytes = Buffer.from((await tensor.read()).buffer);
      const size = bytes.length / cache.numBlocks;
      for (const block of blocks.keys()) {
        blocks[block] += bytes.toString("hex", block * size, (block + 1) * size);
      }
    }
    layers.push(blocks);
  }
  return layers;
}

async function filled(layout: CacheLayout, seed: number): Promise<KvCache> {
  const cache = new KvCache(device, layout, BLOCKS, LAYERS);
  const random = new Random(seed);
  for (let layer = 0; layer < LAYERS; layer++) {
    const memory = cache.memory(layer);
    await memory.write(new Uint8Array(memory.byteLength).map(() => random.uniform() * 256));
  }
  return cache;
}

async function launchesOf(run: () => void): Promise<string[]> {
  const ids: string[] = [];
  traceLaunches(({ id, start, end }) => {
    ids.push(id);
    start.dispose();
    end.dispose();
  });
  try {
    run();
  } finally {
    traceLaunches(null);
  }
  return ids;
}

describe("blocks of a cache", () => {
  it("go to the host and come back, in every layer and in the order given", async () => {
    await fc.assert(
      fc.asyncProperty(
        cases,
        pairs(BLOCKS, HOST_BLOCKS),
        pairs(HOST_BLOCKS, BLOCKS),
        async ({ name, blockSize, scales, seed }, out, back) => {
          using cache = await filled(layoutOf(name, blockSize, scales), seed);
          const before = await contentsOf(cache);
          using host = cache.createHostCache({ numBlocks: HOST_BLOCKS });
          // All of the host's blocks have known contents.
          const first = Array.from({ length: HOST_BLOCKS }, (_, block) => ({ from: block, to: block }));
          cache.swapBlocks([...first, ...out], host);
          host.swapBlocks(back, cache);
          const expected = before.map((blocks) => {
            const aside = blocks.slice(0, HOST_BLOCKS);
            for (const { from, to } of out) aside[to] = blocks[from]!;
            const after = [...blocks];
            for (const { from, to } of back) after[to] = aside[from]!;
            return after;
          });
          expect(await contentsOf(cache)).toEqual(expected);
        },
      ),
      { numRuns: 25 },
    );
  });

  it.skipIf(noHipKernels)(
    "are copied by one launch for all layers where none depends on another",
    async () => {
      using cache = await filled(layoutOf("split", 16, false), 3);
      const before = await contentsOf(cache);
      const run = (copies: readonly BlockCopy[]) => launchesOf(() => cache.copyBlocks(copies));
      const [to1, to2, to3] = [{ from: 0, to: 1 }, { from: 0, to: 2 }, { from: 5, to: 3 }]; // biome-ignore format: one line
      expect(await run([to1!, to2!, to3!])).toEqual(["hip.copy_blocks"]);
      expect(await run([{ from: 1, to: 4 }, { from: 4, to: 5 }])).toHaveLength(2); // biome-ignore format: one line
      expect(await run([{ from: 3, to: 3 }])).toEqual([]);
      const order = [0, 0, 0, 5, 0, 0];
      expect(await contentsOf(cache)).toEqual(before.map((blocks) => order.map((block) => blocks[block]!)));
    },
  );

  it.skipIf(noHipKernels)("are copied by a graph, too, of as many copies as there are", async () => {
    const layout = layoutOf("halves", 16, false);
    using cache = new KvCache(device, layout, 1000, 1);
    const memory = cache.memory(0);
    await memory.write(new Uint8Array(memory.byteLength).map((_, i) => (i * 7 + (i >> 11)) & 255));
    const before = await contentsOf(cache);
    const stream = device.createStream();
    stream.beginCapture();
    cache.copyBlocks(
      Array.from({ length: 500 }, (_, i) => ({ from: i, to: 999 - i })),
      { stream },
    );
    const graph = stream.endCapture();
    graph.launch(stream);
    await stream.synchronize();
    const [after] = await contentsOf(cache);
    expect(after).toEqual(before[0]!.map((block, i, all) => (i < 500 ? block : all[999 - i]!)));
    graph.dispose();
    stream.dispose();
  });

  it("lie beyond 4 GiB as before", async () => {
    const layout = makeLayout("split", {
      ...{ blockSize: 16, numKvHeads: 64, headSize: 256, dtype: "bfloat16", scales: false },
    })!;
    const big = openTestDevice({ memoryBytes: 2 ** 34 });
    using cache = new KvCache(big, layout, 2 ** 33 / layout.bytesPerBlock, 1);
    using host = cache.createHostCache({ numBlocks: 2 });
    const last = cache.numBlocks - 1;
    const block = (index: number) =>
      cache
        .layer(0)
        .part("value")
        .tensor.view({
          shape: [layout.parts[1]!.bytes / 2],
          byteOffset: index * layout.parts[1]!.bytes,
        });
    const bits = new Uint16Array(layout.parts[1]!.bytes / 2).map((_, i) => i * 31);
    await block(last).write(bits);
    cache.copyBlocks([{ from: last, to: last - 1 }]);
    cache.swapBlocks([{ from: last - 1, to: 1 }], host);
    host.swapBlocks([{ from: 1, to: 0 }], cache);
    expect(await block(0).read()).toEqual(bits);
    await big.close();
  });

  it("are refused elsewhere, and nothing is copied", async () => {
    const layout = layoutOf("paired", 16, false);
    using cache = await filled(layout, 5);
    using host = cache.createHostCache({ numBlocks: HOST_BLOCKS });
    const before = await contentsOf(cache);
    const right = [{ from: 0, to: 1 }];
    const refused = (...words: string[]) => coded("ERR_INVALID_ARGUMENT", ...words);
    using deeper = new KvCache(device, layout, BLOCKS, LAYERS + 1);
    using other = new KvCache(device, layoutOf("paired", 48, false), BLOCKS, LAYERS);
    const swap = (copies: unknown, target: unknown, options?: unknown) => () =>
      cache.swapBlocks(copies as never, target as never, options as never);
    expect(swap(right, deeper)).toThrow(refused("3 layers"));
    expect(swap(right, other)).toThrow(refused("layout paired in the same sizes"));
    for (const target of [undefined, null, cache.layer(0), {}]) {
      expect(swap(right, target)).toThrow(refused("target"));
    }
    for (const copies of [
      undefined,
      [null],
      [{}],
      [{ from: 0 }],
      [{ from: 0, to: HOST_BLOCKS }],
      [{ from: -1, to: 0 }],
    ]) {
      expect(swap(copies, host)).toThrow(refused("copies"));
    }
    expect(swap([...right, { from: 0, to: 1.5 }], cache)).toThrow(refused("copies\\[1\\].to"));
    expect(swap(right, host, { steam: 1 })).toThrow(refused("stream"));
    for (const options of [undefined, {}, { numBlocks: 0 }, { numBlocks: "4" }, { numBlocks: 2 ** 31 }]) {
      expect(() => cache.createHostCache(options as never)).toThrow(refused("numBlocks|options"));
    }
    expect(await contentsOf(cache)).toEqual(before);
    const { host: bytes } = device.memory();
    host.dispose();
    expect(host.disposed).toBe(true);
    expect(swap(right, host)).toThrow(coded("ERR_DISPOSED"));
    await expect.poll(() => device.memory().host).toBeLessThan(bytes);
  });
});

it("memory that the host does not have is an error", () => {
  const sizes = { blockSize: 1056, numKvHeads: 64, headSize: 256, dtype: "float32", scales: false } as const;
  using cache = new KvCache(device, makeLayout("halves", sizes)!, 1, 1);
  expect(() => cache.createHostCache({ numBlocks: 2 ** 25 })).toThrow(
    coded("ERR_OUT_OF_MEMORY", "pinned memory"),
  );
});
