import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { runVitest } from "../../../scripts/checks.mjs";
import { root } from "../../../scripts/setup/paths.mjs";

mkdirSync(join(root, "build"), { recursive: true });
const folder = mkdtempSync(join(root, "build", "test-"));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(
  join(folder, "vitest.config.ts"),
  'export default { test: { include: ["*.test.ts"], pool: "forks" } };',
);

function countsOf(name: string, source: string) {
  const imports = 'import { beforeAll, describe, expect, it } from "vitest";\n';
  writeFileSync(join(folder, `${name}.test.ts`), imports + source);
  return runVitest([name], { folder, stdio: "ignore" });
}

const passing = 'it("passes", () => {});\n';

it("counts what passed, failed and was skipped, with reasons", () => {
  const source = `${passing}
    it("fails", () => expect(1).toBe(2));
    it("skips", (context) => context.skip("no such device"));
    it.skip("never runs", () => {});`;
  expect(countsOf("mixed", source)).toEqual({
    passed: 1,
    failed: 1,
    skipped: [
      { file: "mixed.test.ts", name: "skips", reason: "no such device" },
      { file: "mixed.test.ts", name: "never runs", reason: null },
    ],
  });
});

it.each([
  ["a file that cannot be loaded", 'throw new Error("no");'],
  [
    "a hook that throws",
    `describe("suite", () => { beforeAll(() => { throw new Error("no"); }); ${passing} });`,
  ],
  ["an unhandled rejection", `${passing} Promise.reject(new Error("no"));`],
  ["a worker that dies", `${passing} it("dies", () => process.kill(process.pid, "SIGKILL"));`],
  ["no tests at all", ""],
])("counts a failure for %s", (name, source) => {
  expect(countsOf(name.replaceAll(" ", "-"), source).failed).toBeGreaterThan(0);
});

it("counts a failure for a vitest that leaves no report", () => {
  expect(runVitest(["--no-such-option"], { folder, stdio: "ignore" })).toEqual({
    passed: 0,
    failed: 1,
    skipped: [],
  });
});
