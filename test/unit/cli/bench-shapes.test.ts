import fc from "fast-check";
import { expect, it } from "vitest";
import { leastBytes, limits, products, type Shape, shapesFor } from "../../../lib/cli/bench/shapes.js";
import type { DeviceInfo } from "../../../lib/index.js";

const MI300X = { arch: "gfx942", computeUnits: 304, emulated: false } as DeviceInfo;

it("counts the products that the causal mask leaves, and each byte once", () => {
  fc.assert(
    fc.property(
      fc.record({
        sequences: fc.integer({ min: 1, max: 3 }),
        context: fc.nat(20),
        queries: fc.integer({ min: 1, max: 20 }),
        numHeads: fc.integer({ min: 1, max: 4 }),
      }),
      ({ context, ...sizes }) => {
        const keys = context + sizes.queries;
        const shape: Shape = { name: "", phase: "prefill", keys, numKvHeads: 1, ...sizes };
        let scores = 0;
        for (let query = context; query < keys; query++) for (let key = 0; key <= query; key++) scores++;
        expect(products(shape)).toBe(sizes.sequences * sizes.numHeads * scores * 2 * 128);
        const rows = 2 * keys + 2 * sizes.queries * sizes.numHeads;
        expect(leastBytes(shape)).toBe(sizes.sequences * rows * 128 * 2);
      },
    ),
  );
});

it("knows what an MI300X can do: decodes wait for memory, long prefills for the matrix units", () => {
  const of = (name: string) => limits(shapesFor(MI300X).find((shape) => shape.name === name)!, MI300X)!;
  const decode = of("decode 64 x 8192");
  // 2.1 GB at 4.3 TB/s.
  expect(decode.bytes).toBeCloseTo(499.6, 0);
  expect(decode.matrix).toBeLessThan(decode.bytes / 5);
  const prefill = of("prefill 8192");
  expect(prefill.matrix).toBeCloseTo(736, 0);
  expect(prefill.bytes).toBeLessThan(prefill.matrix / 5);
});

it("compares an emulated device, or a GPU that it does not know, with nothing", () => {
  const [shape] = shapesFor({ ...MI300X, emulated: true });
  expect(limits(shape!, { ...MI300X, emulated: true })).toBeNull();
  expect(limits(shape!, { ...MI300X, arch: "gfx1100" })).toBeNull();
});
