import type { Captured } from "../../lib/flex/graph.js";
import { type FlexValue, readTensor } from "../../lib/flex/value.js";
import type { DType } from "../../lib/index.js";

/** A captured tensor without a device. */
export function fakeTensor(
  shape: readonly number[],
  dtype: DType = "int32",
  changes: Partial<Captured> = {},
) {
  const tensor = { shape, dtype, contiguous: true, pointer: 64n, device: null, ...changes };
  return { ...tensor, at: (...indices: unknown[]): FlexValue => readTensor(tensor, indices) };
}
