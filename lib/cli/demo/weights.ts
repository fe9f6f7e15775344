import { invalidArgument } from "../../errors.js";
import type { Matrix } from "./linear.js";
import type { Safetensors } from "./safetensors.js";

// Weights as the models' files hold them.

/** A vector of float32. */
export function storedVector(file: Safetensors, name: string): Float32Array {
  // The file's tensors need not be aligned to their elements, so they are copied.
  return new Float32Array(Uint8Array.from(stored(file, name, "F32", 1).bytes).buffer);
}

/** An int8 matrix, widened to float32 once: weight = int8 * the row's scale. */
export function storedMatrix(file: Safetensors, name: string): Matrix {
  const { shape, bytes } = stored(file, name, "I8", 2);
  const [rows, columns] = shape as [number, number];
  const scales = storedVector(file, `${name}.scale`);
  if (rows % 4 !== 0 || scales.length !== rows) {
    throw invalidArgument("model", `a multiple of 4 rows and a scale for each in ${name}`, rows);
  }
  const quantised = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Float32Array(rows * columns);
  for (let i = 0; i < values.length; i++) values[i] = quantised[i]! * scales[Math.floor(i / columns)]!;
  return { rows, columns, values };
}

function stored(file: Safetensors, name: string, dtype: string, dimensions: number) {
  const tensor = file.tensors.get(name);
  if (tensor?.dtype !== dtype || tensor.shape.length !== dimensions) {
    throw invalidArgument(
      "model",
      `a tensor ${name} of ${dtype} with ${dimensions} dimensions`,
      tensor?.dtype,
    );
  }
  return tensor;
}

/** Elements [from, to) of each row of `width` elements. */
export function columns<Elements extends Float32Array | Uint16Array>(
  elements: Elements,
  width: number,
  from: number,
  to: number,
): Elements {
  const rows = elements.length / width;
  const picked = new (elements.constructor as new (length: number) => Elements)(rows * (to - from));
  for (let row = 0; row < rows; row++) {
    picked.set(elements.subarray(row * width + from, row * width + to), row * (to - from));
  }
  return picked;
}

/** Rows of the first side by side with those of the second. */
export function sideBySide(first: Uint16Array, second: Uint16Array, rows: number): Uint16Array {
  const [one, other] = [first.length / rows, second.length / rows];
  const joined = new Uint16Array(first.length + second.length);
  for (let row = 0; row < rows; row++) {
    joined.set(first.subarray(row * one, (row + 1) * one), row * (one + other));
    joined.set(second.subarray(row * other, (row + 1) * other), row * (one + other) + one);
  }
  return joined;
}
