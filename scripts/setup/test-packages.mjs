import { copyFileSync, existsSync, mkdirSync, realpathSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { cache, root } from "./paths.mjs";
import { run } from "./run.mjs";
import { fingerprint } from "./stamp.mjs";

const files = ["package.json", "package-lock.json"];
const hash = fingerprint(files.map((file) => join("test", file))).slice(0, 16);
const folder = join(cache, `test-packages-${hash}`);
const modules = join(root, "test", "node_modules");

/** npm packages that tests alone need: in the cache, shared by all clones with the same lock file, and linked from there. */
export const testPackages = {
  title: "npm packages of the tests (Jest, OpenAI's client, Playwright)",
  isDone: () => existsSync(folder) && isLinked(),
  perform: async (progress) => {
    if (!existsSync(folder)) await install(progress);
    if (!isLinked()) replaceByLink(join(folder, "node_modules"), modules);
  },
};

/** Jest's program. */
export const jest = join(modules, "jest", "bin", "jest.js");

function isLinked() {
  return existsSync(modules) && realpathSync(modules) === realpathSync(join(folder, "node_modules"));
}

/** Made aside and published by a link, so that an interrupted set-up leaves nothing that looks complete. */
async function install(progress) {
  const made = `${folder}.${process.pid}`;
  try {
    mkdirSync(made, { recursive: true });
    for (const file of files) copyFileSync(join(root, "test", file), join(made, file));
    await run("npm-test", "npm", ["ci", "--ignore-scripts"], { cwd: made, onLine: progress });
    replaceByLink(made, folder);
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    throw error;
  }
}

function replaceByLink(target, path) {
  const link = `${path}.${process.pid}.link`;
  symlinkSync(target, link);
  renameSync(link, path);
}
