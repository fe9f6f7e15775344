import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { aiter, templateFolders } from "./aiter.mjs";
import { cache, root } from "./paths.mjs";
import { run } from "./run.mjs";
import { fingerprint } from "./stamp.mjs";
import { findProgram, toolchain } from "./toolchain.mjs";

const TARGETS = ["gfx942", "gfx950", "gfx90a"];

/** The instances of CK-tile's and AITER's templates, and their sources; those that compile longest come first. */
const INSTANCES = [
  { name: "ck.paged.n128", source: "kernels/ck/paged.hip", defines: ["-DKEYS=128"] },
  { name: "ck.split", source: "kernels/ck/split.hip" },
  { name: "ck.forward", source: "kernels/ck/forward.hip" },
  { name: "ck.batch_prefill", source: "kernels/ck/batch_prefill.hip" },
  { name: "ck.paged.n16", source: "kernels/ck/paged.hip", defines: ["-DKEYS=16"] },
  { name: "ck.combine", source: "kernels/ck/combine.hip" },
  { name: "aiter.pa_v1", source: "kernels/aiter/pa_v1.hip" },
];

const FLAGS = [
  ...["-x", "hip", "--cuda-device-only", "-nogpuinc", "-nogpulib", "-std=c++20", "-O3", "-DNDEBUG"],
  // One code object without wrapping, which older ROCms load too, with the same bytes each time.
  ...["--no-gpu-bundle-output", "-mcode-object-version=5", "-fuse-cuid=none"],
  // What CK-tile is tuned with.
  ...["-DCK_TILE_FMHA_FWD_FAST_EXP2=1", "-fgpu-flush-denormals-to-zero", "-fno-offload-uniform-block"],
  ...["-mllvm", "--lsr-drop-solution=1", "-mllvm", "-enable-post-misched=0"],
  // CK-tile's structures of arguments have base classes, and the sources check where their members are.
  "-Wno-invalid-offsetof",
];

/**
 * The code objects of the instances and where they are once the step is done; null where the compiler or the templates
 * are missing.
 * @returns {{ name: string, target: string, source: string, flags: string[], path: string }[] | null}
 */
export function hipObjects() {
  const compiler = findProgram("clang++-22");
  if (compiler === undefined || !aiter.isDone()) return null;
  const [version] = spawnSync(compiler, ["--version"], { encoding: "utf8" }).stdout.split("\n");
  return TARGETS.flatMap((target) =>
    INSTANCES.map(({ name, source, defines = [] }) => {
      const folder = dirname(source);
      const headers = readdirSync(join(root, folder)).filter((file) => !file.endsWith(".hip"));
      const flags = [...FLAGS, ...defines, `--offload-arch=${target}`];
      const made = fingerprint(
        [source, ...headers.map((file) => join(folder, file)), "kernels/include", aiter.requirements],
        [...flags, version],
      );
      const path = join(cache, "hip", `${name}-${target}-${made.slice(0, 16)}.co`);
      return { name, target, source, flags, path };
    }),
  );
}

/**
 * CK-tile's attention kernels and AITER's paged decode, compiled from the templates of AITER's wheel for the emulator's
 * tests: minutes of each core, once for each version. Where the compiler or the wheel is missing the set-up goes on.
 */
export const hipKernels = {
  title: "CK's kernels (tests)",
  isDone: () => hipObjects()?.every(({ path }) => existsSync(path)) ?? false,
  perform: async (progress) => {
    const objects = hipObjects();
    if (objects === null) {
      const lacking = [toolchain, aiter].filter((step) => !step.isDone()).map(({ title }) => title);
      return `not available without ${lacking.join(" and ")}\n    The tests that decode and run them are skipped.`;
    }
    // What is not finished is here, the compiler's own files too.
    const made = join(cache, `hip.${process.pid}`);
    for (const folder of [made, join(cache, "hip")]) mkdirSync(folder, { recursive: true });
    const missing = objects.filter(({ path }) => !existsSync(path));
    const waiting = [...missing];
    let done = 0;
    const compileSome = async () => {
      for (let object = waiting.shift(); object !== undefined; object = waiting.shift()) {
        const start = performance.now();
        await compile(object, made).catch((failure) => {
          waiting.length = 0;
          throw failure;
        });
        const seconds = ((performance.now() - start) / 1000).toFixed(1);
        progress(`${++done} of ${missing.length}: ${object.name} for ${object.target}, ${seconds} s`);
      }
    };
    progress(`0 of ${missing.length}`);
    const workers = await Promise.allSettled(Array.from({ length: availableParallelism() }, compileSome));
    rmSync(made, { recursive: true });
    const failed = workers.find(({ status }) => status === "rejected");
    if (failed !== undefined) throw failed.reason;
  },
};

async function compile({ name, target, source, flags, path }, folder) {
  const own = ["kernels/include", dirname(source)].map((headers) => `-I${headers}`);
  const templates = templateFolders.flatMap((headers) => ["-isystem", headers]);
  const made = join(folder, basename(path));
  const env = { ...process.env, TMPDIR: folder };
  const args = [...flags, ...own, ...templates, source, "-o", made];
  await run(`hip-${target}-${name}`, findProgram("clang++-22"), args, { env });
  renameSync(made, path);
}
