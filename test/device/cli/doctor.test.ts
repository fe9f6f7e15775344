import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { runCommand } from "../../../lib/cli/program.js";
import { Tensor } from "../../../lib/device/tensor.js";
import { kernelFolders } from "../../../lib/kernels/store.js";
import { VARIABLE_NAMES } from "../../../lib/selection/variables.js";

const EMULATED = "emulator:gfx942";
const folder = mkdtempSync(join(tmpdir(), "doctor-"));
afterAll(() => rmSync(folder, { recursive: true }));

beforeEach(() => {
  for (const name of [...VARIABLE_NAMES, "ROCM_ATTENTION_KERNEL_PATH"]) vi.stubEnv(name, undefined);
  // So that a machine with a GPU is one without.
  vi.stubEnv("ROCM_ATTENTION_HIP_LIBRARY", "/nowhere/libamdhip64.so");
});

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Types `rocm-attention doctor` with these variables; gives what it prints and its exit code. */
async function doctor(env: Record<string, string>, ...options: string[]) {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const print = vi.spyOn(console, "log").mockImplementation(() => {});
  await runCommand(["doctor", ...options]);
  return { text: print.mock.calls.map(([line]) => line).join("\n"), exitCode: process.exitCode ?? 0 };
}

async function checks(env: Record<string, string>) {
  const { text, exitCode } = await doctor(env, "--json");
  const { works, next, checks } = JSON.parse(text);
  expect(exitCode).toBe(works ? 0 : 1);
  const states = Object.fromEntries(checks.map(({ title, state }: never) => [title, state]));
  return { works, next, states, text: JSON.stringify(checks) };
}

/** A copy of the kernels for gfx942, changed. */
function kernelsWith(change: (path: string) => void): string {
  const path = mkdtempSync(join(folder, "kernels-"));
  cpSync(kernelFolders("gfx942")[0]!.path, join(path, "gfx942"), { recursive: true });
  change(join(path, "gfx942"));
  return path;
}

describe("doctor", () => {
  it("runs attention on the emulator that is asked for, and compares its numbers", async () => {
    const { text, exitCode } = await doctor({ ROCM_ATTENTION_DEVICE: EMULATED });
    expect(text).toMatch(/ok {2}attention +emulated gfx942, TRITON_ATTN: \S+e-\d from float64, in \d+ ms/);
    expect(text).toMatch(/-- {2}HIP runtime +none; .* Tried:\n +\/nowhere\/libamdhip64.so: cannot open/);
    expect(text).toMatch(/Attention works here\.$/);
    expect(exitCode).toBe(0);
  });

  it("asks for the emulator where there is no GPU", async () => {
    const { text, exitCode } = await doctor({ ROCM_ATTENTION_HIP_LIBRARY: "", ROCM_PATH: "/nowhere" });
    // A machine that has a GPU has nothing to ask for.
    if (exitCode === 0) return expect(text).toContain("Attention works here.");
    expect(text).toContain("no GPU, and ROCM_ATTENTION_DEVICE asks for no emulated one");
    expect(text).toMatch(/Next:\n\n {2}ROCM_ATTENTION_DEVICE=emulator:gfx942 npx rocm-attention doctor$/);
    return expect(exitCode).toBe(1);
  });

  it("asks for another HIP library where the one that is named cannot be loaded", async () => {
    expect(await checks({})).toMatchObject({
      works: false,
      next: "unset ROCM_ATTENTION_HIP_LIBRARY",
      states: { devices: "problem" },
    });
  });

  it("says which emulators there are", async () => {
    const { works, next, text } = await checks({ ROCM_ATTENTION_DEVICE: "emulator:gfx900" });
    expect([works, next]).toEqual([false, "ROCM_ATTENTION_DEVICE=emulator:gfx942 npx rocm-attention doctor"]);
    expect(text).toContain("expected one of emulator:gfx90a, emulator:gfx942, emulator:gfx950");
  });

  it("finds a damaged kernel, which attention here would use or not", async () => {
    const path = kernelsWith((kernels) => {
      const file = readdirSync(kernels).find((name) => name.includes("float16"))!;
      writeFileSync(join(kernels, file), "damaged");
    });
    const env = { ROCM_ATTENTION_DEVICE: EMULATED, ROCM_ATTENTION_KERNEL_PATH: path };
    const { works, next, states, text } = await checks(env);
    expect([works, next]).toEqual([false, "unset ROCM_ATTENTION_KERNEL_PATH"]);
    expect(states).toMatchObject({ "kernels gfx942": "problem", "kernels gfx950": "ok" });
    expect(text).toContain("is damaged: its SHA-256 is");
  });

  it("finds a manifest that is none", async () => {
    const path = kernelsWith((kernels) => writeFileSync(join(kernels, "manifest.json"), "{"));
    const env = { ROCM_ATTENTION_DEVICE: EMULATED, ROCM_ATTENTION_KERNEL_PATH: path };
    expect(await checks(env)).toMatchObject({
      works: false,
      next: "unset ROCM_ATTENTION_KERNEL_PATH",
      states: { "kernels gfx942": "problem", attention: "problem" },
    });
  });

  it("says which folder has no kernels, and goes on with those that there are", async () => {
    const env = { ROCM_ATTENTION_DEVICE: EMULATED, ROCM_ATTENTION_KERNEL_PATH: "/nowhere/kernels" };
    const { works, text } = await checks(env);
    expect(works).toBe(true);
    expect(text).toContain("there are no kernels in /nowhere/kernels");
  });

  it.each([
    ["TRITON", "ERR_INVALID_BACKEND", "unset VLLM_ATTENTION_BACKEND"],
    ["TRITON_MLA", "ERR_BACKEND_UNSUPPORTED", "unset VLLM_ATTENTION_BACKEND"],
  ])("says why attention with VLLM_ATTENTION_BACKEND=%s fails: %s", async (backend, code, next) => {
    const env = { ROCM_ATTENTION_DEVICE: EMULATED, VLLM_ATTENTION_BACKEND: backend };
    const result = await checks(env);
    expect(result).toMatchObject({ works: false, next, states: { attention: "problem" } });
    expect(result.text).toContain(code);
  });

  it.each<[string, (value: number) => number]>([
    ["a wrong number", (value) => 1.5 * value],
    ["a NaN", () => Number.NaN],
  ])("finds %s in the last row of a decode", async (_, change) => {
    const read = Tensor.prototype.readFloat32;
    vi.spyOn(Tensor.prototype, "readFloat32").mockImplementation(async function (this: Tensor) {
      const values = await read.call(this);
      return this.shape[0] === 2
        ? values.map((value, i) => (i >= values.length - 128 ? change(value) : value))
        : values;
    });
    const { works, states, text } = await checks({ ROCM_ATTENTION_DEVICE: EMULATED });
    expect([works, states.attention]).toEqual([false, "problem"]);
    expect(text).toContain("the numbers are wrong");
  });

  it("says what each variable does", async () => {
    const env = { ROCM_ATTENTION_DEVICE: EMULATED, VLLM_ROCM_USE_AITER: "1", VLLM_MLA_DISABLE: "1" };
    const { works, text } = await checks(env);
    expect(works).toBe(true);
    expect(text).toContain("VLLM_ROCM_USE_AITER=1: ");
    expect(text).toContain("VLLM_MLA_DISABLE=1: no effect: nothing in this package depends on it");
    expect(text).toContain(`ROCM_ATTENTION_DEVICE=${EMULATED}`);
  });
});
