import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { fp8Encoding } from "../../../lib/catalog/targets.js";
import { gatherCache, reshapeAndCache } from "../../../lib/index.js";
import { KvCache } from "../../../lib/kv-cache/cache.js";
import { layerBytes, offsetOf, scaleOffset } from "../../support/cache-images.js";
import { HIP_TEST_DEVICES, noHipKernels, operationLayout } from "../../support/hip-kernels.js";
import { quantisedByRow, tokenDType } from "../../support/paged-data.js";
import { Random, round } from "../../support/reference.js";

const NUM_BLOCKS = 5;
/** What no write leaves in a byte by chance, all of them alike. */
const UNTOUCHED = 0x55;

describe.skipIf(noHipKernels).each(HIP_TEST_DEVICES)(
  "caches with a scale for each token on $name",
  ({ open }) => {
    const device = open();
    const { arch } = device.info;
    afterAll(() => device.close());
    const noSuchCaches = fp8Encoding(arch) === null && `refused on ${arch}, which has no fp8`;
    const name = `are written and gathered bit for bit${noSuchCaches ? `: ${noSuchCaches}` : ""}`;

    it.skipIf(noSuchCaches)(name, async () => {
      const drawn = fc.record({
        tokenScales: fc.constantFrom("fp8_per_token", "int8_per_token"),
        dtype: arch === "gfx942" ? fc.constantFrom("bfloat16", "float16") : fc.constant("bfloat16"),
        numKvHeads: fc.constantFrom(1, 3),
        headSize: fc.constantFrom(16, 80, 128),
        blockSize: fc.constantFrom(16, 48),
        tokens: fc.integer({ min: 1, max: 40 }),
        magnitude: fc.constantFrom(1e-3, 1, 300),
        seed: fc.nat(2 ** 31),
      } as const);
      await fc.assert(fc.asyncProperty(drawn, check), { numRuns: 8 });
    });

    async function check(of: {
      tokenScales: "fp8_per_token" | "int8_per_token";
      dtype: "bfloat16" | "float16";
      numKvHeads: number;
      headSize: number;
      blockSize: number;
      tokens: number;
      magnitude: number;
      seed: number;
    }): Promise<void> {
      const { dtype, numKvHeads, headSize, blockSize, tokens } = of;
      const stored = tokenDType(of.tokenScales, arch);
      const shape = { numHeads: numKvHeads, numKvHeads, headSize, blockSize };
      using cache = new KvCache(device, operationLayout("shuffled", shape, stored, true), NUM_BLOCKS, 1);
      const sizes = { numBlocks: NUM_BLOCKS, blockSize, numKvHeads, headSize, itemBytes: 1, scales: true };
      const image = new Uint8Array(layerBytes("shuffled", sizes)).fill(UNTOUCHED);
      await cache.memory(0).write(image);

      const random = new Random(of.seed);
      const width = numKvHeads * headSize;
      const slots = random.permutation(NUM_BLOCKS * blockSize).slice(0, tokens);
      const rows = [0, 1].map(() => {
        const numbers = random.normals(tokens * width, of.magnitude);
        numbers.fill(0, 0, headSize); // a head of zeros
        return round(dtype, numbers);
      });
      // The last token has no slot.
      const [key, value] = await Promise.all(
        rows.map(({ bits }) => device.upload(bits, { shape: [tokens, numKvHeads, headSize], dtype })),
      );
      const given = slots.map((slot, token) => BigInt(token === tokens - 1 ? -1 : slot));
      using slotMapping = await device.upload(BigInt64Array.from(given), { shape: [tokens], dtype: "int64" });
      reshapeAndCache({ key: key!, value: value!, cache: cache.layer(0), slotMapping });

      const view = new DataView(image.buffer);
      const expected = rows.map(({ bits }) => round(dtype, new Float64Array(bits.length)).bits.slice());
      for (const half of [0, 1] as const) {
        const { bits, scales, values } = quantisedByRow(
          { dtype: stored, roundedTo: dtype },
          rows[half]!.values,
          headSize,
        );
        const { bits: read } = round(dtype, values);
        for (let i = 0; i < (tokens - 1) * width; i++) {
          const slot = slots[Math.floor(i / width)]!;
          const head = Math.floor((i % width) / headSize);
          const place = {
            half,
            block: Math.floor(slot / blockSize),
            slot: slot % blockSize,
            head,
            element: i % headSize,
          };
          image[offsetOf("shuffled", sizes, place)] = bits[i]!;
          view.setFloat32(scaleOffset(sizes, place), scales![Math.floor(i / headSize)]!, true);
          expected[half]![i] = read[i]!;
        }
      }
      expect(Buffer.compare((await cache.memory(0).read()) as Uint8Array, image)).toBe(0);

      // A range of one row for each token that has a slot, of a table whose rows begin with the token's block.
      const ranges = tokens - 1;
      if (ranges > 0) {
        const int32 = (numbers: number[], shape: number[]) =>
          device.upload(Int32Array.from(numbers), { shape, dtype: "int32" });
        const there = slots.slice(0, ranges);
        using blockTable = await int32(
          there.map((slot) => Math.floor(slot / blockSize)),
          [ranges, 1],
        );
        using starts = await int32(
          there.map((slot) => slot % blockSize),
          [ranges],
        );
        using rowStarts = await int32(
          Array.from({ length: ranges + 1 }, (_, row) => row),
          [ranges + 1],
        );
        const [gatheredKey, gatheredValue] = [0, 1].map(() =>
          device.zeros([tokens, numKvHeads, headSize], dtype),
        );
        gatherCache({
          cache: cache.layer(0),
          blockTable,
          starts,
          rowStarts,
          key: gatheredKey!,
          value: gatheredValue!,
        });
        for (const [half, tensor] of [gatheredKey!, gatheredValue!].entries()) {
          expect(await tensor.read()).toEqual(expected[half]);
          tensor.dispose();
        }
      }
      for (const tensor of [key!, value!]) tensor.dispose();
    }
  },
);
