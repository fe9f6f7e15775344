import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("runtime-kernels.cpp", import.meta.url));
const folder = fileURLToPath(new URL("../../build/test", import.meta.url));

/** clang++ for AMD GPUs: ROCm's, on PATH, or as the set-up unpacked it. */
function compiler(): string | undefined {
  const cache =
    process.env.ROCM_ATTENTION_CACHE ||
    join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "rocm-attention");
  const rocm = process.env.ROCM_PATH;
  return [
    ...(rocm ? [join(rocm, "llvm", "bin", "clang++")] : []),
    ...[...(process.env.PATH ?? "").split(":"), join(cache, "llvm-22", "bin")].map((path) =>
      join(path, "clang++-22"),
    ),
  ].find(existsSync);
}

/** Why runtime-kernels.cpp cannot be compiled, or null. */
export const noCompiler = compiler() === undefined ? "no clang++ for AMD GPUs (clang++-22)" : null;

/** The code object of runtime-kernels.cpp for `arch`. */
export function runtimeKernels(arch: string): Buffer {
  const object = join(folder, `runtime-kernels-${arch}.co`);
  if (!existsSync(object) || statSync(object).mtimeMs < statSync(source).mtimeMs) {
    mkdirSync(folder, { recursive: true });
    const made = `${object}.${process.pid}`;
    execFileSync(compiler()!, [
      ...["-x", "c++", "-std=c++17", "--target=amdgcn-amd-amdhsa", `-mcpu=${arch}`, "-O2", "-nogpulib"],
      ...["-mcode-object-version=5", source, "-o", made],
    ]);
    renameSync(made, object);
  }
  return readFileSync(object);
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
