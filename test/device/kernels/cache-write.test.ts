import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { createBatch } from "../../../lib/index.js";
import { KvCache } from "../../../lib/kv-cache/cache.js";
import type { LayoutName } from "../../../lib/kv-cache/layouts.js";
import { CacheWrite } from "../../../lib/ops/cache-write.js";
import type { AttentionCall } from "../../../lib/ops/call.js";
import { layerBytes, offsetOf } from "../../support/cache-images.js";
import {
  HIP_TEST_DEVICES,
  hipPlan,
  noHipKernels,
  operationConfig,
  operationLayout,
} from "../../support/hip-kernels.js";
import { Random } from "../../support/reference.js";

/** What stands in slots that nobody writes to. */
const UNTOUCHED = 0x7fff;
const NUM_BLOCKS = 5;

const WRITES: readonly { id: string; layout: LayoutName }[] = [
  { id: "hip.reshape_and_cache", layout: "split" },
  { id: "hip.reshape_and_cache_flash", layout: "paired" },
  { id: "hip.reshape_and_cache_flash", layout: "halves" },
];

const step = fc
  .record({
    // 40 heads are more pieces than a workgroup has work-items.
    numKvHeads: fc.constantFrom(1, 3, 8, 40),
    headSize: fc.constantFrom(32, 96, 128, 256),
    blockSize: fc.constantFrom(16, 48),
    tokens: fc.integer({ min: 1, max: 12 }),
    /** Elements between the rows of keys and values, in units of 16 bytes, beyond what they need. */
    gap: fc.nat(3),
    seed: fc.nat(),
  })
  .chain((drawn) =>
    fc.record({
      drawn: fc.constant(drawn),
      // Every slot at most once, in any order; -1: nowhere.
      slots: fc
        .uniqueArray(fc.nat(NUM_BLOCKS * drawn.blockSize - 1), {
          minLength: drawn.tokens,
          maxLength: drawn.tokens,
        })
        .chain((slots) => fc.tuple(...slots.map((slot) => fc.constantFrom(slot, slot, slot, -1)))),
    }),
  );

describe.skipIf(noHipKernels).each(HIP_TEST_DEVICES)("on $name", ({ open }) => {
  const device = open();
  afterAll(() => device.close());

  it.each(WRITES)(
    "$id puts each token into its slot of layout $layout, and nothing anywhere else",
    async ({ id, layout }) => {
      const plan = hipPlan(device, id);
      await fc.assert(
        fc.asyncProperty(step, async ({ drawn: { tokens, gap, seed, ...shape }, slots }) => {
          const { numKvHeads, headSize, blockSize } = shape;
          const of = { ...shape, numHeads: numKvHeads };
          const write = new CacheWrite(plan, operationConfig(of, "bfloat16"));
          using cache = new KvCache(device, operationLayout(layout, of, "bfloat16"), NUM_BLOCKS, 1);
          const sizes = { ...shape, numBlocks: NUM_BLOCKS, itemBytes: 2 };
          const expected = new Uint16Array(layerBytes(layout, sizes) / 2).fill(UNTOUCHED);
          await cache.memory(0).write(expected);

          // Keys and values side by side in one tensor, as a model's fused projection leaves them.
          const width = numKvHeads * headSize;
          const stride = 2 * width + 8 * gap;
          const random = new Random(seed);
          const bits = Uint16Array.from({ length: tokens * stride }, () => random.uniform() * 0x10000);
          using fused = await device.upload(bits, { shape: [tokens, stride], dtype: "bfloat16" });
          const rows = { shape: [tokens, numKvHeads, headSize], strides: [stride, headSize, 1] };
          const limits = { maxSequences: 1, maxTokens: tokens, maxBlocksPerSequence: 2, blockSize };
          using batch = createBatch(device, limits);
          batch.update({
            queryStartLoc: [0, tokens],
            seqLens: [tokens],
            blockTable: [[0, 1]],
            slotMapping: BigInt64Array.from(slots, BigInt),
          });
          const [key, value] = [fused.view(rows), fused.view({ ...rows, byteOffset: 2 * width })];
          const call = { key, value, cache: cache.layer(0) } as unknown as AttentionCall;
          write.launch(call, batch, tokens, device.defaultStream);

          for (const [token, slot] of slots.entries()) {
            if (slot < 0) continue;
            const block = Math.floor(slot / blockSize);
            for (let i = 0; i < 2 * width; i++) {
              const half = i < width ? 0 : 1;
              const [head, element] = [Math.floor((i % width) / headSize), i % headSize];
              const place = { half, block, slot: slot % blockSize, head, element } as const;
              expected[offsetOf(layout, sizes, place) / 2] = bits[token * stride + i]!;
            }
          }
          const written = new Uint16Array(((await cache.memory(0).read()) as Uint8Array).buffer);
          expect(written.findIndex((value, i) => value !== expected[i])).toBe(-1);
        }),
        { numRuns: 15 },
      );
    },
  );
});
