import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * Compiles a HIP source of this folder to a code object. With ROCm that is `hipcc --genco --offload-arch=gfx942 FILE -o OUT`;
 * here clang does it alone (`clang++-22`, or the one that CLANG names), with the headers that this project's kernels are
 * compiled with.
 * @param {string} source  "rms_norm.hip"
 * @param {string} target  "gfx942"
 */
export function compileHip(source, target) {
  const folder = mkdtempSync(join(tmpdir(), "hip-"));
  try {
    const file = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
    const output = join(folder, "kernel.co");
    const headers = ["-nogpuinc", "-nogpulib", `-I${file("../../kernels/include")}`];
    const options = [
      "-x",
      "hip",
      "--cuda-device-only",
      "--no-gpu-bundle-output",
      "-O3",
      `--offload-arch=${target}`,
    ];
    execFileSync(process.env.CLANG ?? "clang++-22", [...options, ...headers, file(source), "-o", output]);
    return readFileSync(output);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * A kernel's arguments as they lie in memory: each at a multiple of its size. bigint: a pointer, "i32" and "f32" numbers.
 * @param {...(bigint | { i32: number } | { f32: number })} values
 */
export function kernelArguments(...values) {
  const view = new DataView(new ArrayBuffer(8 * values.length));
  let end = 0;
  for (const value of values) {
    const size = typeof value === "bigint" ? 8 : 4;
    const at = Math.ceil(end / size) * size;
    if (typeof value === "bigint") view.setBigUint64(at, value, true);
    else if ("i32" in value) view.setInt32(at, value.i32, true);
    else view.setFloat32(at, value.f32, true);
    end = at + size;
  }
  return new Uint8Array(view.buffer, 0, end);
}
