import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cache, root } from "./paths.mjs";
import { kernelPython } from "./python.mjs";
import { run } from "./run.mjs";
import { fingerprint } from "./stamp.mjs";

const requirements = "kernels/aiter/requirements.txt";
const files = "kernels/aiter/files.txt";
const folder = join(cache, `aiter-${fingerprint([requirements, files]).slice(0, 16)}`);

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

/**
 * AITER's wheel, of which the assembly kernels for attention are kept, and the templates of kernels that the set-up
 * compiles: 40 MB to download, 16 MB kept. Where it cannot be had the set-up goes on without.
 */
export const aiter = {
  title: "AITER's wheel (tests)",
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
      const kept = readFileSync(join(root, files), "utf8").match(/^[^#\n].*$/gm);
      await run("aiter-extract", python, ["-c", EXTRACT, join(made, wheel), made, ...kept], options);
      rmSync(join(made, wheel));
      renameSync(made, folder);
    } catch (failure) {
      rmSync(made, { recursive: true, force: true });
      return `not available: ${failure.message.split("\n").find((line) => /ERROR/.test(line)) ?? failure.message}\n    The tests that decode and run them are skipped.`;
    }
  },
};
