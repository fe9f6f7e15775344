import type { Device } from "../../lib/device/device.js";
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

/** What the `reverse` kernel of a code object makes of 0, 1, ... 127: global load, LDS write, LDS read, global store. */
export async function reverse(device: Device, codeObject: Uint8Array): Promise<number[]> {
  const values = Int32Array.from({ length: 128 }, (_, index) => index);
  const tensor = await device.upload(values, { shape: [128], dtype: "int32" });
  device.defaultStream.launch(device.loadModule(codeObject).kernel("reverse"), {
    ...{ grid: [1], block: 128, ldsBytes: 512, kernargs: kernargs(tensor.pointer, 128) },
  });
  return [...((await tensor.read()) as Int32Array)];
}
export const reversed = Array.from({ length: 128 }, (_, index) => 127 - index);
