import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, it, vi } from "vitest";
import { runCommand } from "../../../lib/cli/program.js";
import { aiterFolder } from "../../../scripts/setup/aiter.mjs";
import { noAiter } from "../../support/aiter.js";

const folder = mkdtempSync(join(tmpdir(), "json-"));
afterAll(() => rmSync(folder, { recursive: true }));

const EMULATOR = "emulator:gfx942";

/** Words behind a command's name, the code of the error that they come to, and variables. */
type Words = [words: string[], code?: string | undefined, env?: Record<string, string>];

/** Of every command words that succeed, that are right and fail, and that are wrong. */
const COMMANDS: Record<string, { succeeds: Words; fails: Words; wrong: Words }> = {
  explain: {
    succeeds: [[]],
    fails: [["--attention-backend", "TRITON_MLA"], "ERR_BACKEND_UNSUPPORTED"],
    wrong: [["--arch", "gfx9"]],
  },
  doctor: {
    succeeds: [[], undefined, { ROCM_ATTENTION_DEVICE: EMULATOR }],
    fails: [[], undefined, { ROCM_ATTENTION_DEVICE: "emulator:gfx900" }],
    wrong: [["gfx942"]],
  },
  "kernels add": {
    succeeds: [["aiter"], undefined, { AITER_ASM_DIR: join(aiterFolder, "aiter_meta", "hsa") }],
    fails: [["aiter", "--wheel", "/nowhere"], "ERR_INVALID_ARGUMENT"],
    wrong: [["triton"]],
  },
  demo: {
    succeeds: [["--tokens", "1", "--device", EMULATOR]],
    fails: [["--backend", "TRITON_MLA", "--device", EMULATOR], "ERR_BACKEND_UNSUPPORTED"],
    wrong: [["--device", "emulator"]],
  },
  bench: {
    succeeds: [["--shape", "decode", "--device", EMULATOR]],
    fails: [["--backend", "NONE", "--device", EMULATOR], "ERR_INVALID_BACKEND"],
    wrong: [["--shape", "nothing", "--device", EMULATOR]],
  },
  profile: {
    succeeds: [["decode"]],
    fails: [["decode", "--svg", "/nowhere/at.svg"], "ERR_INVALID_ARGUMENT"],
    wrong: [["decode", "prefill"]],
  },
};

beforeEach(() => {
  // So that a machine with a GPU is one without.
  vi.stubEnv("ROCM_ATTENTION_HIP_LIBRARY", "/nowhere/libamdhip64.so");
  vi.stubEnv("ROCM_ATTENTION_DEVICE", undefined);
  vi.stubEnv("XDG_DATA_HOME", folder);
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Types a command; gives what came on both streams, and the exit status. */
async function type(...words: string[]) {
  const written = { stdout: "", stderr: "" };
  const catching = (stream: "stdout" | "stderr", end: string) => (text: unknown) => {
    written[stream] += `${text}${end}`;
    return true;
  };
  vi.spyOn(console, "log").mockImplementation(catching("stdout", "\n"));
  vi.spyOn(console, "error").mockImplementation(catching("stderr", "\n"));
  for (const stream of ["stdout", "stderr"] as const) {
    vi.spyOn(process[stream], "write").mockImplementation(catching(stream, ""));
  }
  vi.spyOn(process, "exit").mockImplementation((status) => {
    throw new Error(`exit ${status}`);
  });
  await runCommand(words).catch((error: Error) => {
    if (!error.message.startsWith("exit ")) throw error;
  });
  const status = process.exitCode ?? 0;
  vi.restoreAllMocks();
  process.exitCode = undefined;
  return { ...written, status };
}

/** The commands that a help text lists. */
async function listed(...words: string[]): Promise<string[]> {
  const { stdout } = await type(...words, "--help");
  const [, list = ""] = stdout.split("\nCommands:\n");
  const names = [...list.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name!);
  return names.filter((name) => name !== "help");
}

it("has every command in its table", async () => {
  const names = [];
  for (const name of await listed()) {
    const nested = await listed(name);
    names.push(...(nested.length === 0 ? [name] : nested.map((inner) => `${name} ${inner}`)));
  }
  expect(Object.keys(COMMANDS).sort()).toEqual(names.sort());
});

const cases = Object.entries(COMMANDS).flatMap(([name, { succeeds, fails, wrong }]) => [
  { name, outcome: "succeeds", status: 0, words: succeeds },
  { name, outcome: "fails", status: 1, words: fails },
  {
    name,
    outcome: "is typed wrong",
    status: 1,
    words: [wrong[0], "ERR_INVALID_ARGUMENT", wrong[2]] as Words,
  },
]);

it.each(cases)("$name prints one JSON object where it $outcome", async ({ name, status, words, outcome }) => {
  const [rest, code, env = {}] = words;
  if (noAiter !== null && name === "kernels add" && outcome === "succeeds") return;
  for (const [variable, value] of Object.entries(env)) vi.stubEnv(variable, value);
  const result = await type(...name.split(" "), ...rest, "--json");
  const { error = null } = JSON.parse(result.stdout);
  expect(error?.code).toBe(code);
  if (code !== undefined) expect(error.message.length).toBeGreaterThan(20);
  expect([result.status, result.stderr]).toEqual([status, ""]);
});
