import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { type Unzipped, unzipSync } from "fflate";
import type { Environment } from "../../config.js";
import { invalidArgument } from "../../errors.js";

/** Where AITER's files are, by their names in its wheel. */
export interface AiterSource {
  /** For people: a path, and what it is. */
  readonly name: string;
  /** null: there is no such file. */
  read(member: string): Uint8Array | null;
  /** The text of the licence, where it is there. */
  readonly licence: string | null;
}

/** No code object of attention is larger. */
const MAX_OBJECT_BYTES = 16 * 2 ** 20;
const LICENCE = /^[^/]+\.dist-info\/(licenses\/)?LICENSE$/;
/** The folder of the wheel that AITER_ASM_DIR stands for. */
const OBJECTS = "aiter_meta/hsa/";

/** The file `wheel`, else the folder of AITER_ASM_DIR, else the packages of the Python on PATH; null: none has AITER's objects. */
export function findAiter(
  wheel: string | undefined,
  members: readonly string[],
  env: Environment,
): AiterSource | null {
  if (wheel !== undefined) return wheelSource(wheel, new Set(members));
  const candidates = [asmSource(env.AITER_ASM_DIR), ...pythonPaths(env).map(packagesSource)];
  return candidates.find((source) => source !== null && members.some((member) => source.has(member))) ?? null;
}

function wheelSource(wheel: string, members: ReadonlySet<string>): AiterSource {
  const stats = statSync(wheel, { throwIfNoEntry: false });
  if (stats?.isFile() !== true) throw invalidArgument("wheel", "a wheel of amd-aiter (a .whl file)", wheel);
  let files: Unzipped;
  try {
    files = unzipSync(readFileSync(wheel), {
      filter: ({ name, originalSize }) =>
        (members.has(name) || LICENCE.test(name)) && originalSize <= MAX_OBJECT_BYTES,
    });
  } catch (cause) {
    throw invalidArgument("wheel", "a wheel of amd-aiter (a zip archive)", `${wheel}: ${cause}`);
  }
  const licence = Object.keys(files).find((name) => LICENCE.test(name));
  return {
    name: wheel,
    read: (member) => files[member] ?? null,
    licence: licence === undefined ? null : new TextDecoder().decode(files[licence]),
  };
}

type FolderSource = AiterSource & { has(member: string): boolean };

/** AITER sets the variable to the folder of all targets, and some releases to that of one. */
function asmSource(folder: string | undefined): FolderSource | null {
  if (folder === undefined || folder === "") return null;
  const pathOf = (member: string) => {
    const [target, ...rest] = member.slice(OBJECTS.length).split("/");
    return basename(folder) === target ? join(folder, ...rest) : join(folder, target!, ...rest);
  };
  return folderSource(`${folder} (AITER_ASM_DIR)`, pathOf, null);
}

function packagesSource(folder: string): FolderSource {
  const info = listed(folder).find((name) => /^amd_aiter-.*\.dist-info$/.test(name));
  const licence =
    info && ["LICENSE", "licenses/LICENSE"].map((name) => join(folder, info, name)).find(existsSync);
  const text = licence ? readFileSync(licence, "utf8") : null;
  return folderSource(`${folder} (Python's packages)`, (member) => join(folder, member), text);
}

function folderSource(
  name: string,
  pathOf: (member: string) => string,
  licence: string | null,
): FolderSource {
  const has = (member: string) => {
    const stats = statSync(pathOf(member), { throwIfNoEntry: false });
    return stats?.isFile() === true && stats.size <= MAX_OBJECT_BYTES;
  };
  return { name, has, read: (member) => (has(member) ? readFileSync(pathOf(member)) : null), licence };
}

function pythonPaths(env: Environment): string[] {
  const { stdout, status } = spawnSync("python3", ["-c", "import sys; print('\\n'.join(sys.path))"], {
    encoding: "utf8",
    env: env as NodeJS.ProcessEnv,
  });
  return status === 0 ? stdout.split("\n").filter(Boolean) : [];
}

function listed(folder: string): string[] {
  return existsSync(folder) && statSync(folder).isDirectory() ? readdirSync(folder) : [];
}
