import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../../scripts/setup/paths.mjs";
import { typescript } from "../../scripts/setup/typescript.mjs";
import { runNode } from "../support/node.js";

// The package as it is on a platform that has no addon: its JavaScript alone, and no kernels.
const folder = mkdtempSync(join(tmpdir(), "without-addon-"));
beforeAll(async () => {
  if (!typescript.isDone()) await typescript.perform(() => {});
  cpSync(join(root, "dist"), join(folder, "dist"), { recursive: true });
  cpSync(join(root, "package.json"), join(folder, "package.json"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
});
afterAll(() => rmSync(folder, { recursive: true }));

function rocmAttention(...words: string[]) {
  const env = { PATH: process.env.PATH };
  const args = [join(folder, "dist/cli/main.js"), ...words];
  return runNode(args, { cwd: folder, env, encoding: "utf8" });
}

describe("without an addon", () => {
  it("explain works", () => {
    const { status, stdout, stderr } = rocmAttention(
      "explain",
      "deepseek-ai/DeepSeek-R1",
      "-tp",
      "8",
      "--json",
    );
    expect([status, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toMatchObject({ backend: "TRITON_MLA", target: { from: "assumed" } });
  });

  it("explain for the kernels of this machine says that there are none", () => {
    const { status, stdout } = rocmAttention("explain", "--catalog", "installed");
    expect(status).toBe(0);
    expect(stdout).toMatch(/createAttention fails with ERR_NO_KERNELS_FOR_ARCH/);
    expect(stdout).toContain("@rocm-attention/kernels-gfx942");
  });

  it("explain for a GPU says what is lacking, without a stack", () => {
    const { status, stdout, stderr } = rocmAttention("explain", "--device", "0");
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^ERR_ADDON: /);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it("doctor says how to get it", () => {
    const { status, stdout, stderr } = rocmAttention("doctor");
    expect([status, stderr]).toEqual([1, ""]);
    expect(stdout).toContain("the native addon of rocm-attention could not be loaded");
    expect(stdout).toMatch(/Next:\n\n {2}npm install --force rocm-attention\n$/);
  });
});

describe("a user's mistake is one message and exit code 1, not a stack", () => {
  it.each([
    [
      ["explain", "meta-llama/Llama-3.1-8B"],
      /neither a file.*Did you mean meta-llama\/Llama-3.1-8B-Instruct/s,
    ],
    [["explain", "package.json"], /^ERR_INVALID_ARGUMENT: /],
    [["explain", "dist/index.js"], /not a readable config.json/],
    [["explain", "--arch", "mi300"], /a GPU target such as "gfx942"/],
    [["explain", "--arch", "gfx942", "--device", "0"], /cannot be used with/],
    [["explain", "--tp", "0"], /Expected a positive integer/],
    [["explain", "--tp", "3"], /^ERR_INVALID_ARGUMENT: /],
    [["explain", "--kv-cache-dtype", "fp4"], /Allowed choices are/],
    [["explain", "--catalog", "all"], /Allowed choices are/],
    [["explain", "--no-such-option"], /unknown option/],
    [["exlpain"], /unknown command 'exlpain'/],
  ])("%j", (words, message) => {
    const { status, stdout, stderr } = rocmAttention(...words);
    expect(status).toBe(1);
    expect(stdout + stderr).toMatch(message);
    expect(stdout + stderr).not.toMatch(/^ +at /m);
  });
});
