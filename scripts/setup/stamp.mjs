import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { root } from "./paths.mjs";

const folder = join(root, "build", "stamps");

/** A hash of the names and contents of files and folders (relative to the project) and of `extra` texts. */
export function fingerprint(paths, extra = []) {
  const hash = createHash("sha256");
  const addPath = (path) => {
    const full = join(root, path);
    if (!existsSync(full)) return;
    if (statSync(full).isDirectory()) {
      for (const name of readdirSync(full).sort()) if (name !== "__pycache__") addPath(join(path, name));
      return;
    }
    const bytes = readFileSync(full);
    hash.update(`${path}\0${bytes.length}\0`).update(bytes);
  };
  for (const path of paths) addPath(path);
  for (const text of extra) hash.update(`\0${text}`);
  return hash.digest("hex");
}

/** Whether `name` was last made from exactly these inputs and all of its outputs are there. */
export function isUpToDate(name, inputs, outputs) {
  if (!outputs.every((output) => existsSync(join(root, output)))) return false;
  const stamp = join(folder, name);
  return existsSync(stamp) && readFileSync(stamp, "utf8") === inputs;
}

/** Notes, after success, what `name` was made from. */
export function setStamp(name, inputs) {
  mkdirSync(folder, { recursive: true });
  writeWhole(join(folder, name), inputs);
}

/** Writes a file so that it is there wholly or not at all, even when this process is interrupted. */
export function writeWhole(path, text, options) {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text, options);
  renameSync(temporary, path);
}
