import { readFileSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { root } from "../../scripts/setup/paths.mjs";
import { findProgram } from "../../scripts/setup/toolchain.mjs";
import { onGpu } from "../support/device.js";
import { codeOf, guideBlocks, guideFolder, typeCommands } from "../support/guide.js";
import { parseXml } from "../support/xml.js";

const clang = findProgram("clang++-22");
const blocks = guideBlocks("docs/writing-a-kernel.md");
const folder = guideFolder("guide");
afterAll(() => folder.dispose());

/** Types commands with clang on PATH. */
const type = (commands: string, cwd = root) =>
  typeCommands(commands, { cwd, env: { PATH: [dirname(clang!), process.env.PATH].join(delimiter) } });

it.skipIf(onGpu || clang === undefined)("the guide to a kernel does what it says, word for word", () => {
  for (const { language, text } of blocks) {
    const [, file] = /^\/\/ (\S+)\n/.exec(text) ?? [];
    if (language !== "sh") writeFileSync(join(folder.path, file!), text);
  }
  const { status, stdout, stderr } = type(codeOf(blocks, "sh").replaceAll("build/guide", folder.name));
  expect([status, stderr]).toEqual([0, ""]);

  // Its own words, what it prints.
  expect(stdout.match(/^at most [12]\.\de-3 from float64$/gm)).toHaveLength(4);
  const conflicts = [...stdout.matchAll(/LDS is busy for (\d+) clocks, (\d+) of them by bank conflicts/g)];
  const [before, after] = conflicts.map(([, busy, lost]) => Number(lost) / Number(busy));
  expect(before).toBeGreaterThan(0.5);
  expect(after).toBe(0);
  expect(stdout).toMatch(/ds_read_b128 .*: executed \d+ times, \d+ clocks of conflicts/);
  expect(stdout.match(/: 0\.5 waves per SIMD$/gm)).toHaveLength(3);
  expect(stdout).toMatch(/^PLAIN, hip\.plain_attention\.bfloat16\.d128: at most [12]\.\de-3 from float64$/m);
  expect(stdout).toMatch(/backend +PLAIN, because of VLLM_ATTENTION_BACKEND/);
  expect(stdout).toMatch(/2\. plain_attention\n[\s\S]*load latency +#+ .*, the limit/);
  expect(stdout).toContain("  plain_attention: the same\n");
  expect(stdout).toMatch(/\ndecode 2 x 64 +4\/1 +PLAIN /);
  expect(parseXml(readFileSync(join(folder.path, "plain.svg"), "utf8")).name).toBe("svg");
});

it.skipIf(onGpu || clang === undefined)("the guide's case finds a barrier that is missing", () => {
  const source = join(folder.path, "plain_attention.hip");
  const text = readFileSync(source, "utf8");
  const [first, second, ...others] = text.split("__syncthreads();");
  writeFileSync(source, [first, `${second}${others[0]}`, ...others.slice(1)].join("__syncthreads();"));
  const [compile] = blocks.filter(({ text }) => text.startsWith("clang++-22"));
  const commands = `${compile!.text}\nnode check.mjs\nROCM_EMULATOR_SCHEDULE=reverse node check.mjs`;
  const { status, stdout } = type(commands, folder.path);
  expect([status, stdout]).toEqual([1, expect.stringMatching(/^at most [12]\.\de-3 .*\nat most .*\n$/)]);
});
