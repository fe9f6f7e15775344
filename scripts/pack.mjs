import { cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "./setup/paths.mjs";
import { run } from "./setup/run.mjs";

/** Packs the main package, built before by its `prepack` script, into `destination`. Returns the tarball's path. */
export function packMain(destination) {
  return npmPack(root, destination);
}

/** Packs the kernels of a target, as they lie in build/kernels, into `destination`. Returns the tarball's path. */
export async function packKernels(target, destination) {
  const folder = join(destination, `kernels-${target}`);
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(root, "packages", `kernels-${target}`), folder, { recursive: true });
  cpSync(join(root, "build", "kernels", target), folder, { recursive: true });
  cpSync(join(root, "packages", "README.md"), join(folder, "README.md"));
  cpSync(join(root, "LICENSE"), join(folder, "LICENSE"));
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
