import { existsSync } from "node:fs";
import { join } from "node:path";
import { installDebian, unpackDebian, writeWrapper } from "./debian.mjs";
import { cache } from "./paths.mjs";

const PACKAGE = "chromium-headless-shell";
const PROGRAMS = [PACKAGE, "chromium", "chromium-browser", "google-chrome"];
const unpacked = join(cache, PACKAGE);

/** A Chromium without windows: on PATH, else Debian's, installed as root or unpacked into the cache. The set-up goes on without. */
export const browser = {
  title: "Chromium (the examples' page)",
  isDone: () => findBrowser() !== undefined,
  perform: async (progress) => {
    const options = { onLine: progress };
    const complete = (folder) => writeWrapper(folder, PACKAGE, `usr/lib/chromium/${PACKAGE}`);
    try {
      if (process.getuid() === 0) await installDebian([PACKAGE], options);
      else await unpackDebian([PACKAGE], unpacked, { ...options, complete });
    } catch (failure) {
      return `not available: ${failure.message.split("\n")[0]}\n    The test of the examples' page is skipped.`;
    }
  },
};

/** The path of a Chromium. */
export function findBrowser() {
  const folders = [...(process.env.PATH ?? "").split(":"), join(unpacked, "bin")];
  return PROGRAMS.flatMap((program) => folders.map((folder) => join(folder, program))).find(existsSync);
}
