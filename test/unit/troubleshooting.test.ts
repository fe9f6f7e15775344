import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const text = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

it("docs/troubleshooting.md has every error code, and no other", () => {
  const codes = [...text("lib/errors.ts").matchAll(/^ {2}\| "(ERR_\w+)"/gm)].map(([, code]) => code);
  const rows = [...text("docs/troubleshooting.md").matchAll(/^\| (ERR_\w+) \|/gm)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(15);
  expect(rows.sort()).toEqual(codes.sort());
});

it("CHANGELOG.md begins with this version", () => {
  const { version } = JSON.parse(text("package.json"));
  expect(/^## (\S+)/m.exec(text("CHANGELOG.md"))?.[1]).toBe(version);
});
