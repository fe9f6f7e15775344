import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { root } from "../../scripts/setup/paths.mjs";

const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  scripts: Record<string, string>;
};
/** Those that run a program of this project; npm runs `prepack` by itself. */
const own = Object.entries(scripts).filter(
  ([name, command]) => command.startsWith("node ") && name !== "prepack",
);

it("are all but the tools of others", () => {
  const others = Object.keys(scripts).filter((name) => !own.some(([each]) => each === name));
  expect(others).toEqual(["docs:api", "lint", "prepack"]);
});

it.each(own)("npm run %s answers --help, and refuses what it does not know", (_, command) => {
  const type = (word: string) =>
    spawnSync(process.execPath, [...command.split(" ").slice(1), word], { cwd: root, encoding: "utf8" });
  const help = type("--help");
  expect(help.status).toBe(0);
  expect(help.stdout).toMatch(/^(npm run |npm test|node |Usage: )/);
  const refused = type("--nonsense");
  expect(refused.status).toBeGreaterThan(0);
  expect(refused.stdout).toBe("");
  expect(refused.stderr).toMatch(/unknown option '--nonsense'/i);
  expect(refused.stderr).not.toMatch(/^ +at /m);
});
