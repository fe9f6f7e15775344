import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "./run.mjs";
import { writeWhole } from "./stamp.mjs";

/** Installs Debian's packages; needs root. */
export async function installDebian(packages, options) {
  // Another installation may be under way: a new machine often updates itself.
  const patience = ["-o", "DPkg::Lock::Timeout=300"];
  const args = [...patience, "install", "--yes", "--no-install-recommends", ...packages];
  const environment = { ...options, env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } };
  if (spawnSync("apt-cache", ["show", packages[0]]).status !== 0) {
    await run("apt-update", "apt-get", [...patience, "update"], environment);
  }
  await run("apt-install", "apt-get", args, environment);
}

/**
 * Downloads the packages and those that they need beyond what is installed, and unpacks them into a folder of the cache, which
 * needs no root. `complete` adds to the folder before it is there.
 */
export async function unpackDebian(packages, folder, { complete, ...options }) {
  const temporary = `${folder}.${process.pid}`;
  const archives = join(temporary, "archives");
  mkdirSync(archives, { recursive: true });
  try {
    let state = [];
    if (spawnSync("apt-cache", ["show", packages[0]]).status !== 0) {
      // Without root the system's package lists cannot be renewed, so these are our own.
      const lists = join(temporary, "lists");
      mkdirSync(join(lists, "partial"), { recursive: true });
      state = [
        "-o",
        `Dir::State::lists=${lists}`,
        "-o",
        `Dir::Cache=${temporary}`,
        "-o",
        "Debug::NoLocking=1",
      ];
      await run("apt-update", "apt-get", [...state, "update"], options);
    }
    const simulate = ["--simulate", "--no-install-recommends", "install", ...packages];
    const plan = await run(
      "apt-simulate",
      "apt-get",
      [...state, "-o", "Debug::NoLocking=1", ...simulate],
      options,
    );
    const names = [...plan.matchAll(/^Inst (\S+)/gm)].map(([, name]) => name);
    await run("apt-download", "apt-get", [...state, "download", ...names], { ...options, cwd: archives });
    for (const archive of readdirSync(archives)) {
      await run("dpkg", "dpkg", ["-x", join(archives, archive), temporary], options);
    }
    complete(temporary);
    rmSync(archives, { recursive: true });
    if (!existsSync(folder)) renameSync(temporary, folder);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Writes bin/<name>, which starts a program with the libraries that were unpacked beside it. */
export function writeWrapper(folder, name, program) {
  const script = [
    "#!/bin/sh",
    'here=$(cd "$(dirname "$0")/.." && pwd)',
    `export LD_LIBRARY_PATH="$here/usr/lib/${triplet()}\${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"`,
    `exec "$here/${program}" "$@"`,
  ];
  mkdirSync(join(folder, "bin"), { recursive: true });
  writeWhole(join(folder, "bin", name), `${script.join("\n")}\n`, { mode: 0o755 });
}

function triplet() {
  return process.arch === "arm64" ? "aarch64-linux-gnu" : "x86_64-linux-gnu";
}
