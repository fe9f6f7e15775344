import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
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

/** The file that the compiler makes of a C++ text, both kept by content under build/test. */
export async function compileText(text: string, flags: readonly string[]): Promise<string> {
  const digest = (content: string) => createHash("sha256").update(content).digest("hex").slice(0, 16);
  const source = join(folder, `${digest(text)}.cpp`);
  const output = join(folder, `${digest(text)}-${digest(flags.join(" "))}`);
  const made = `${output}.${process.pid}`;
  if (!existsSync(source)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(made, text);
    renameSync(made, source);
  }
  if (!existsSync(output)) {
    await promisify(execFile)(compiler!, [...flags, source, "-o", made]);
    renameSync(made, output);
  }
  return output;
}
