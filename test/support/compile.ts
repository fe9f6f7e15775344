import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram } from "../../scripts/setup/toolchain.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const folder = fileURLToPath(new URL("../../build/test/compiled", import.meta.url));

const compiler = findProgram("clang++-22");

/** Why kernels cannot be compiled, or null. */
export const noCompiler = compiler === undefined ? "no clang++ for AMD GPUs (clang++-22)" : null;

/** The code object of a source in this folder for `arch`, freestanding C++. */
export function compileKernels(source: string, arch: string, flags: readonly string[] = []): Buffer {
  return readFileSync(compiledFile(source, arch, flags));
}

/** The file of that code object, kept by content under build/test. */
export function compiledFile(source: string, arch: string, flags: readonly string[] = []): string {
  const path = join(here, source);
  const hash = createHash("sha256")
    .update([arch, ...flags].join(" "))
    .update(readFileSync(path));
  const object = join(folder, `${source}-${arch}-${hash.digest("hex").slice(0, 16)}.co`);
  if (!existsSync(object)) {
    mkdirSync(folder, { recursive: true });
    const made = `${object}.${process.pid}`;
    execFileSync(compiler!, [
      ...["-x", "c++", "-std=c++17", "--target=amdgcn-amd-amdhsa", `-mcpu=${arch}`, "-O2", "-nogpulib"],
      ...["-mcode-object-version=5", ...flags, path, "-o", made],
    ]);
    renameSync(made, object);
  }
  return object;
}
