import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cache, root } from "./paths.mjs";
import { kernelPython } from "./python.mjs";
import { run } from "./run.mjs";
import { fingerprint } from "./stamp.mjs";

const requirements = "kernels/aiter/requirements.txt";
const files = "kernels/aiter/files.txt";
/** Where the kept files of the wheel are, once the step is done. */
export const aiterFolder = join(cache, `aiter-${fingerprint([requirements, files]).slice(0, 16)}`);
const everyObject = join(cache, `aiter-objects-${fingerprint([requirements]).slice(0, 16)}`);

const EXTRACT = `
import sys, zipfile
wheel, folder, *kept = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    archive.extractall(folder, [name for name in archive.namelist() if name.startswith(tuple(kept))])
`;

/** Where the code objects for a target are; they are there once the step is done. */
export function aiterObjects(arch) {
  return join(aiterFolder, "aiter_meta", "hsa", arch);
}

/** Where all of the wheel's code objects for a target are, once that step is done. */
export function everyAiterObject(arch) {
  return join(everyObject, "aiter_meta", "hsa", arch);
}

/** A step that keeps the files of the wheel whose names begin with one of `kept()`. The set-up goes on without it where that fails. */
function unpacked(title, target, kept) {
  return {
    title,
    isDone: () => existsSync(target),
    perform: async (progress) => {
      const made = `${target}.${process.pid}`;
      const python = join(kernelPython.bin, "python");
      const options = { onLine: progress };
      mkdirSync(made, { recursive: true });
      try {
        const download = [
          "-m",
          "pip",
          "download",
          "--disable-pip-version-check",
          "--no-deps",
          "--dest",
          made,
        ];
        await run("aiter", python, [...download, "--require-hashes", "-r", requirements], options);
        const [wheel] = readdirSync(made);
        await run("aiter-extract", python, ["-c", EXTRACT, join(made, wheel), made, ...kept()], options);
        rmSync(join(made, wheel));
        renameSync(made, target);
      } catch (failure) {
        rmSync(made, { recursive: true, force: true });
        return `not available: ${failure.message.split("\n").find((line) => /ERROR/.test(line)) ?? failure.message}\n    Its kernels, and the tests that decode and run them, are left out.`;
      }
    },
  };
}

/**
 * AITER's assembly kernels for attention, and the sources and templates of those that are compiled: 40 MB to download,
 * 16 MB kept.
 */
export const aiter = unpacked("AITER's wheel", aiterFolder, () =>
  readFileSync(join(root, files), "utf8").match(/^[^#\n].*$/gm),
);

/** All 2,501 code objects, 100 MB, which `npm run test:all` decodes. */
export const everyAiterKernel = unpacked("AITER's code objects (test:all)", everyObject, () => [
  "aiter_meta/hsa/",
]);
