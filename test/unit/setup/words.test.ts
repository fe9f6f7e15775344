import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../../../scripts/setup/paths.mjs";

const type = (...words: string[]) => spawnSync(process.execPath, words, { cwd: root, encoding: "utf8" });

it.each(["scripts/test.mjs", "scripts/test-gpu.mjs"])("%s --help answers, and does nothing", (script) => {
  const { status, stdout } = type(join(root, script), "--help");
  expect(status).toBe(0);
  expect(stdout).toMatch(/^npm (test|run test:gpu) {3,}/);
});

it.each([
  ["scripts/test.mjs", "--al"],
  ["scripts/test.mjs", "test/unit"],
  ["scripts/test-gpu.mjs", "--all"],
])("%s refuses %s, and says what there is", (script, word) => {
  const { status, stderr } = type(join(root, script), word);
  expect(status).toBe(2);
  expect(stderr).toContain(word);
  expect(stderr).toContain("npm run test:gpu");
});
