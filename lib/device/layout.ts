import { checkIntegers } from "../arguments.js";
import { type DType, itemSize } from "../dtype.js";
import { invalidArgument } from "../errors.js";

/** Checks a shape: any number of sizes, each an integer >= 0, together a safe number of elements. */
export function checkShape(shape: unknown, argument = "shape"): readonly number[] {
  const sizes = Array.from(checkIntegers(shape, argument, 0));
  if (!Number.isSafeInteger(8 * elementCount(sizes))) {
    throw invalidArgument(argument, "a shape of fewer than 2^50 elements", sizes);
  }
  return Object.freeze(sizes);
}

/** Checks strides, in elements, one per dimension. 0 repeats an element; negative ones are not supported. */
export function checkStrides(
  strides: unknown,
  shape: readonly number[],
  argument = "strides",
): readonly number[] {
  const steps = Array.from(checkIntegers(strides, argument, 0));
  if (steps.length !== shape.length) {
    throw invalidArgument(argument, `an array of ${shape.length} integers >= 0 (elements)`, steps);
  }
  return Object.freeze(steps);
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** The strides, in elements, of a tensor whose last dimension is densest and which has no gaps. */
export function contiguousStrides(shape: readonly number[]): readonly number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return Object.freeze(strides);
}

/** Bytes from the first element to the end of the last one; 0 for a tensor without elements. */
export function spanBytes(shape: readonly number[], strides: readonly number[], dtype: DType): number {
  let last = 0;
  for (let axis = 0; axis < shape.length; axis++) {
    if (shape[axis] === 0) return 0;
    last += (shape[axis]! - 1) * strides[axis]!;
  }
  return (last + 1) * itemSize(dtype);
}

/** Whether the elements lie one after the other in the order of their indices. */
export function isContiguous(shape: readonly number[], strides: readonly number[]): boolean {
  if (shape.includes(0)) return true;
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}
