import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cache } from "./paths.mjs";
import { kernelPython } from "./python.mjs";
import { run } from "./run.mjs";
import { fingerprint } from "./stamp.mjs";

const requirements = "scripts/setup/aiter-requirements.txt";
const folder = join(cache, `aiter-${fingerprint([requirements, "scripts/setup/aiter.mjs"]).slice(0, 16)}`);

const COMPOSABLE_KERNEL = "aiter_meta/3rdparty/composable_kernel";
const PAGED_ATTENTION = "aiter_meta/csrc/cpp_itfs/pa";

/**
 * The attention kernels among the wheel's hundreds of code objects, the C++ templates of CK-tile and of AITER's paged
 * attention, and the licences that they come with.
 */
const KEPT = [
  ...["fmha_v3_fwd", "pa", "mla"].flatMap((kind) =>
    ["gfx942", "gfx950"].map((arch) => `aiter_meta/hsa/${arch}/${kind}/`),
  ),
  "amd_aiter-0.1.7.post2.dev18.dist-info/LICENSE",
  `${COMPOSABLE_KERNEL}/LICENSE`,
  `${COMPOSABLE_KERNEL}/include/ck_tile/`,
  // With their licence, Apache 2.0, at their beginning.
  ...["pa_common.cuh", "pa_kernels.cuh", "pa_v1.cuh"].map((name) => `${PAGED_ATTENTION}/${name}`),
];

const EXTRACT = `
import sys, zipfile
wheel, folder, *kept = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    archive.extractall(folder, [name for name in archive.namelist() if name.startswith(tuple(kept))])
`;

/** Where the code objects for a target are; they are there once the step is done. */
export function aiterObjects(arch) {
  return join(folder, "aiter_meta", "hsa", arch);
}

/** Where the headers of the templates are. */
export const templateFolders = [`${COMPOSABLE_KERNEL}/include`, PAGED_ATTENTION].map((path) =>
  join(folder, path),
);

/**
 * AITER's assembly kernels for attention, which the emulator's tests decode and run, and the templates of those that
 * the set-up compiles: 40 MB to download, 16 MB kept. Where they cannot be had the set-up goes on without them.
 */
export const aiter = {
  title: "AITER's wheel (tests)",
  requirements,
  isDone: () => existsSync(folder),
  perform: async (progress) => {
    const made = `${folder}.${process.pid}`;
    const python = join(kernelPython.bin, "python");
    const options = { onLine: progress };
    mkdirSync(made, { recursive: true });
    try {
      const download = ["-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--dest", made];
      await run("aiter", python, [...download, "--require-hashes", "-r", requirements], options);
      const [wheel] = readdirSync(made);
      await run("aiter-extract", python, ["-c", EXTRACT, join(made, wheel), made, ...KEPT], options);
      rmSync(join(made, wheel));
      renameSync(made, folder);
    } catch (failure) {
      rmSync(made, { recursive: true, force: true });
      return `not available: ${failure.message.split("\n").find((line) => /ERROR/.test(line)) ?? failure.message}\n    The tests that decode and run them are skipped.`;
    }
  },
};
