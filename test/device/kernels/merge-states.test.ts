import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { mergeAttentionStates } from "../../../lib/index.js";
import { HIP_TEST_DEVICES, hipRows, noHipKernels } from "../../support/hip-kernels.js";
import { isAccurate, Random, round, rowErrors } from "../../support/reference.js";

describe.skipIf(noHipKernels).each(HIP_TEST_DEVICES)("merge_attention_states on $name", ({ open }) => {
  const device = open();
  afterAll(() => device.close());
  const rows = hipRows(device.info.arch).filter(({ operation }) => operation === "merge_attention_states");

  /** An LSE of a state: any number, or that of one over no key. */
  const lse = fc.oneof(
    fc.double({ min: -30, max: 30, noNaN: true }).map(Math.fround),
    fc.constantFrom(Number.NEGATIVE_INFINITY, 0),
  );

  it.each(rows)("$id weighs states by their LSEs", async ({ serves }) => {
    const dtype = serves.dtypes![0] as "bfloat16" | "float16";
    const shape = fc.record({
      tokens: fc.integer({ min: 1, max: 4 }),
      numHeads: fc.constantFrom(1, 3, 24),
      headSize: fc.constantFrom(8, 96, 128),
    });
    await fc.assert(
      fc.asyncProperty(
        shape.chain((shape) => {
          const { tokens, numHeads } = shape;
          const count = { minLength: tokens * numHeads, maxLength: tokens * numHeads };
          const lses = fc.array(lse, count);
          return fc.record({ shape: fc.constant(shape), lses: fc.tuple(lses, lses), seed: fc.nat() });
        }),
        async ({ shape: { tokens, numHeads, headSize }, lses, seed }) => {
          const [dense, heads] = [[tokens, numHeads, headSize], { shape: [tokens, numHeads] }];
          // Both states in one tensor with a gap behind each head's row: their strides are not those of the output.
          const width = 2 * headSize + 8;
          const numbers = new Random(seed).normals(tokens * numHeads * width);
          const rounded = round(dtype, numbers);
          using both = await device.upload(rounded.bits, { shape: [tokens, numHeads, width], dtype });
          const states = await Promise.all(
            lses.map(async (values, index) => ({
              output: both.view({
                shape: dense,
                strides: [numHeads * width, width, 1],
                byteOffset: 2 * index * headSize,
              }),
              lse: await device.upload(Float32Array.from(values), { ...heads, dtype: "float32" }),
            })),
          );
          const into = {
            output: device.empty(dense, dtype),
            lse: device.empty([tokens, numHeads], "float32"),
          };
          mergeAttentionStates({ first: states[0]!, second: states[1]!, into });

          const expected = new Float64Array(tokens * numHeads * headSize);
          const sums = await into.lse.readFloat32();
          for (let row = 0; row < tokens * numHeads; row++) {
            const values = lses.map((each) => each[row]!);
            const largest = Math.max(...values);
            const total = values.reduce((sum, value) => sum + Math.exp(value - largest), 0);
            if (largest === Number.NEGATIVE_INFINITY) {
              expect(sums[row]).toBe(largest);
              continue;
            }
            expect(sums[row]).toBeCloseTo(largest + Math.log(total), 4);
            for (const [index, value] of values.entries()) {
              for (let i = 0; i < headSize; i++) {
                const element = rounded.values[row * width + index * headSize + i]!;
                expected[row * headSize + i]! += (Math.exp(value - largest) / total) * element;
              }
            }
          }
          const output = await into.output.readFloat32();
          expect(rowErrors(output, expected, headSize)).toSatisfy((errors) => isAccurate(errors, dtype));
          for (const { lse } of states) lse.dispose();
          into.output.dispose();
          into.lse.dispose();
        },
      ),
      { numRuns: 20 },
    );
  });
});
