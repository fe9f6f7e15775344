import { compileKernels } from "./compile.js";

export { noCompiler } from "./compile.js";

/** The code object of runtime-kernels.cpp for `arch`. */
export function runtimeKernels(arch: string): Buffer {
  return compileKernels("runtime-kernels.cpp", arch);
}

/** Kernel arguments: pointers (bigint) at multiples of 8, numbers as 32-bit values at multiples of 4. */
export function kernargs(...values: (bigint | number | { float: number })[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(8 * values.length));
  let offset = 0;
  for (const value of values) {
    if (typeof value === "bigint") {
      offset = (offset + 7) & ~7;
      view.setBigUint64(offset, value, true);
      offset += 8;
    } else {
      if (typeof value === "number") view.setUint32(offset, value, true);
      else view.setFloat32(offset, value.float, true);
      offset += 4;
    }
  }
  return new Uint8Array(view.buffer, 0, offset);
}
