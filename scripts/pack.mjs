import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "./setup/paths.mjs";
import { prebuiltFolder } from "./setup/prebuilds.mjs";
import { run } from "./setup/run.mjs";

/** Packs the main package, which its `prepack` script builds before, into `destination`. Returns the tarball's path. */
export function packMain(destination) {
  return npmPack(root, destination);
}

/** Packs the kernels of a target, as they lie in build/kernels, into `destination`. Returns the tarball's path. */
export function packKernels(target, destination) {
  const built = join(root, "build", "kernels", target);
  const files = readdirSync(built).map((name) => join(built, name));
  return packFolder(`kernels-${target}`, [join(root, "packages", "README.md"), ...files], destination);
}

/** Packs the emulator, as the step `prebuilds` has left it, into `destination`. Returns the tarball's path. */
export function packEmulator(destination) {
  const files = readdirSync(prebuiltFolder()).filter((name) => !name.endsWith(".node"));
  return packFolder(
    "emulator",
    files.map((name) => join(prebuiltFolder(), name)),
    destination,
  );
}

/** Packs the demo's models into `destination`. Returns the tarball's path. */
export function packModels(destination) {
  const names = readdirSync(join(root, "models")).filter((name) => /\.(safetensors|md)$/.test(name));
  return packFolder(
    "demo-models",
    names.map((name) => join(root, "models", name)),
    destination,
  );
}

/** Packs packages/<name> with these files and the project's licence. */
async function packFolder(name, files, destination) {
  const folder = join(destination, name);
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(root, "packages", name), folder, { recursive: true });
  for (const file of [...files, join(root, "LICENSE")]) {
    cpSync(file, join(folder, file.slice(file.lastIndexOf("/") + 1)), { recursive: true, dereference: true });
  }
  const tarball = await npmPack(folder, destination);
  rmSync(folder, { recursive: true });
  return tarball;
}

async function npmPack(folder, destination) {
  mkdirSync(destination, { recursive: true });
  await run("npm-pack", "npm", ["pack", "--pack-destination", destination], { cwd: folder });
  const { name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  return join(destination, `${name.replace("@", "").replace("/", "-")}-${version}.tgz`);
}
