import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cache } from "./paths.mjs";
import { run } from "./run.mjs";

const folder = join(cache, "glibc-debian-11");
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";
const LIBRARIES = ["libc6", "libgcc-s1", "libstdc++6"];

/**
 * The C library of Debian 11 (2.31) with those that Node.js needs beside it, unpacked in the cache: tests load the published
 * binaries with it. Where Debian's packages cannot be had the set-up goes on without.
 */
export const oldGlibc = {
  title: "older C library (for tests)",
  isDone: () => existsSync(folder),
  perform: async (progress) => {
    const temporary = `${folder}.${process.pid}`;
    const options = { onLine: progress, cwd: temporary };
    mkdirSync(join(temporary, "lists", "partial"), { recursive: true });
    const settings = [
      `Dir::Etc::sourcelist=${temporary}/sources.list`,
      "Dir::Etc::sourceparts=-",
      `Dir::State::lists=${temporary}/lists`,
      "Dir::State::status=/dev/null",
      `Dir::Cache=${temporary}`,
      "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false",
      "Debug::NoLocking=1",
    ].flatMap((setting) => ["-o", setting]);
    try {
      const mirrors = await run("apt-mirrors", "apt-get", [
        "indextargets",
        "--format",
        "$(REPO_URI)",
        "Origin: Debian",
      ]);
      const mirror = mirrors.split("\n").find((uri) => /\/debian\/?$/.test(uri));
      if (mirror === undefined) return "not available: this system does not use Debian's packages";
      writeFileSync(join(temporary, "sources.list"), `deb [signed-by=${KEYRING}] ${mirror} bullseye main\n`);
      await run("old-glibc-update", "apt-get", [...settings, "update"], options);
      await run("old-glibc", "apt-get", [...settings, "download", ...LIBRARIES], options);
      for (const archive of readdirSync(temporary).filter((name) => name.endsWith(".deb"))) {
        await run("old-glibc-dpkg", "dpkg-deb", ["-x", archive, "root"], options);
      }
      if (!existsSync(folder)) renameSync(join(temporary, "root"), folder);
    } catch (failure) {
      return `not available: ${failure.message.split("\n")[0]}`;
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  },
};

/** The command line that starts this Node.js with that C library; its program and arguments follow. */
export const withOldGlibc = [
  join(folder, "lib/x86_64-linux-gnu/ld-2.31.so"),
  "--library-path",
  ["lib", "usr/lib"].map((lib) => join(folder, lib, "x86_64-linux-gnu")).join(":"),
  process.execPath,
];
