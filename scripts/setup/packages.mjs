import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./paths.mjs";
import { run } from "./run.mjs";

/** The npm packages that package-lock.json names. */
export const packages = {
  title: "npm packages",
  isDone: isInstalled,
  perform: async (progress) => {
    await run("npm-ci", "npm", ["ci"], { onLine: progress });
  },
};

/** Compares package-lock.json with npm's own record of what it has installed, which it writes last. */
function isInstalled() {
  const record = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(record)) return false;
  const wanted = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")).packages;
  const installed = JSON.parse(readFileSync(record, "utf8")).packages;
  return Object.entries(wanted).every(([path, { version, integrity, optional }]) => {
    if (path === "") return true;
    const entry = installed[path];
    // Optional packages are left out where they do not fit the machine.
    return entry === undefined
      ? optional === true
      : entry.version === version && entry.integrity === integrity;
  });
}
