import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { root } from "../../scripts/setup/paths.mjs";
import { onGpu } from "../support/device.js";
import { codeOf, guideBlocks, guideFolder, typeCommands } from "../support/guide.js";
import { runNode } from "../support/node.js";

const folder = guideFolder("guides");
afterAll(() => folder.dispose());

/** Runs the JavaScript of a page as one program. */
function run(page: string, env: NodeJS.ProcessEnv = {}): string[] {
  const program = join(folder.path, page.replace("md", "mjs"));
  writeFileSync(program, codeOf(guideBlocks(`docs/${page}`), "js"));
  const { status, stdout, stderr } = runNode([program], { env: { ...process.env, ...env } });
  expect([status, stderr]).toEqual([0, ""]);
  return stdout.trim().split("\n");
}

describe.skipIf(onGpu)("the guides do what they say:", () => {
  it("getting started", () => {
    const commands = codeOf(guideBlocks("docs/getting-started.md"), "sh").split("\n").filter(Boolean);
    // The first doctor is for whatever machine that is.
    expect(commands.shift()).toBe("npx rocm-attention doctor");
    const { status, stdout } = typeCommands(commands.join("\n"));
    expect(status).toBe(0);
    expect(stdout).toMatch(/ok {2}attention +emulated gfx942, [\s\S]*Attention works here\./);
    expect(stdout).toContain("backend  TRITON_ATTN");
    const lines = run("getting-started.md", { ROCM_ATTENTION_DEVICE: "emulator:gfx942" });
    expect(lines).toEqual([
      expect.stringMatching(/^5 rows by TRITON_ATTN, the first begins with 0\.\d{3}$/),
      expect.stringMatching(/^1 rows by TRITON_ATTN, the first begins with 0\.\d{3}$/),
    ]);
  });

  it("tuning", () => {
    const { status, stdout } = typeCommands(codeOf(guideBlocks("docs/tuning.md"), "sh"), {
      env: { ROCM_ATTENTION_DEVICE: "emulator:gfx942" },
    });
    expect(status).toBe(0);
    expect(stdout).toContain("these times are the CPU's, and say nothing about a GPU");
    expect(run("tuning.md")).toEqual(["2", "2", "true"]);
  });
});

it("every page of docs/ stands in its index", () => {
  const pages = readdirSync(join(root, "docs")).filter(
    (name) => name.endsWith(".md") && name !== "README.md",
  );
  const index = readFileSync(join(root, "docs", "README.md"), "utf8");
  expect(pages.filter((page) => !index.includes(`](${page})`))).toEqual([]);
});
