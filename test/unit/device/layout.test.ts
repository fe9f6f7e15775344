import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { gather } from "../../../lib/device/elements.js";
import { contiguousStrides, elementCount, isContiguous, spanBytes } from "../../../lib/device/layout.js";

const shapes = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 });

describe("layout", () => {
  it("spans exactly its elements where it is contiguous", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const strides = contiguousStrides(shape);
        expect(isContiguous(shape, strides)).toBe(true);
        expect(spanBytes(shape, strides, "float16")).toBe(2 * elementCount(shape));
        const all = Int32Array.from({ length: elementCount(shape) }, (_, index) => index);
        expect(gather(all, shape, strides)).toEqual(all);
      }),
    );
  });

  it("knows gaps, repeats and strides that do not matter", () => {
    expect(isContiguous([2, 3], [4, 1])).toBe(false);
    expect(isContiguous([2, 3], [0, 1])).toBe(false);
    expect(isContiguous([3, 2], [1, 3])).toBe(false);
    expect(isContiguous([1, 3], [99, 1])).toBe(true);
    expect(isContiguous([0, 3], [1, 9])).toBe(true);
    expect(spanBytes([2, 3], [4, 1], "float32")).toBe(28);
    expect(spanBytes([2, 3], [0, 0], "float32")).toBe(4);
    expect(spanBytes([], [], "int64")).toBe(8);
  });
});
