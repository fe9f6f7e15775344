import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { KernelRow } from "../../lib/catalog/manifest.js";
import { imageOf } from "../../lib/flex/image.js";
import type { Program } from "../../lib/flex/program.js";
import { sourceOf } from "../../lib/flex/source.js";
import type { Device } from "../../lib/index.js";
import { root } from "../../scripts/setup/paths.mjs";
import { findProgram } from "../../scripts/setup/toolchain.mjs";
import { Random } from "./reference.js";
import { kernargs } from "./runtime-kernels.js";

/** As flex-programs.hip has them. */
const [ROWS, KEYS] = [64, 8];

/** What a program made of the same rows, keys and scores in two ways, as bits: masks, then scores. */
export interface Results {
  readonly interpreted: Int32Array;
  readonly generated: Int32Array;
}

/** Runs programs interpreted and generated; the latter are all in one code object. */
export async function runPrograms(device: Device, programs: readonly Program[]): Promise<Results[]> {
  const module = device.loadModule(await compile(programs, device.info.arch));
  const random = new Random(17);
  const rows = Int32Array.from({ length: 6 * ROWS }, () => random.below(60));
  const scores = Float32Array.from(random.normals(ROWS * KEYS));
  const inputs = [
    await device.upload(rows, { shape: [ROWS, 6], dtype: "int32" }),
    await device.upload(scores, { shape: [ROWS, KEYS], dtype: "float32" }),
  ];
  const output = device.empty([2 * ROWS * KEYS], "int32");
  const run = async (symbol: string, program: bigint) => {
    const pointers = [program, ...inputs.map(({ pointer }) => pointer), output.pointer];
    device.defaultStream.launch(module.kernel(symbol), {
      ...{ grid: [1], block: ROWS, kernargs: kernargs(...pointers) },
    });
    return (await output.read()) as Int32Array;
  };
  const results: Results[] = [];
  for (const [i, program] of programs.entries()) {
    const image = imageOf(program);
    using words = await device.upload(image, { shape: [image.length], dtype: "uint8" });
    results.push({
      interpreted: await run("interpreted", words.pointer),
      generated: await run(`generated_${i}`, words.pointer),
    });
  }
  for (const tensor of [...inputs, output]) tensor.dispose();
  return results;
}

async function compile(programs: readonly Program[], arch: string): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), "rocm-attention-test-"));
  try {
    const [generated, object] = [join(folder, "programs.h"), join(folder, "programs.co")];
    const classes = programs.map(
      (program, i) => `namespace program_${i} {\n${sourceOf(program)}}\nFLEX_GENERATED(${i})\n`,
    );
    writeFileSync(generated, classes.join(""));
    const source = fileURLToPath(new URL("flex-programs.hip", import.meta.url));
    const own = ["-Ikernels/hip", `-DFLEX_PROGRAMS="${generated}"`, `--offload-arch=${arch}`, source];
    await promisify(execFile)(findProgram("clang++-22")!, [...recipeFlags(arch), ...own, "-o", object], {
      cwd: root,
    });
    return readFileSync(object);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The flags that compileFlex takes from a kernel's row. */
function recipeFlags(arch: string): readonly string[] {
  const manifest = readFileSync(join(root, "build", "kernels", arch, "manifest.json"), "utf8");
  const { kernels } = JSON.parse(manifest) as { kernels: KernelRow[] };
  return kernels.find(({ recipe }) => recipe !== undefined)!.recipe!.flags;
}
