import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { root } from "../../../scripts/setup/paths.mjs";
import { fingerprint, isUpToDate, setStamp, writeWhole } from "../../../scripts/setup/stamp.mjs";

mkdirSync(join(root, "build"), { recursive: true });
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(root, "build", "test-"));
  mkdirSync(join(folder, "sources"));
  writeFileSync(join(folder, "sources", "a"), "one");
});
afterEach(() => rmSync(folder, { recursive: true }));

const sources = () => fingerprint([relative(root, join(folder, "sources"))]);

describe("fingerprint", () => {
  it("changes with a file's contents, name and number, and with nothing else", () => {
    const seen = [sources()];
    const expectNew = () => {
      expect(seen).not.toContain(sources());
      seen.push(sources());
    };
    writeFileSync(join(folder, "sources", "a"), "one");
    expect(sources()).toBe(seen[0]);
    writeFileSync(join(folder, "sources", "a"), "two");
    expectNew();
    writeFileSync(join(folder, "sources", "b"), "");
    expectNew();
    renameSync(join(folder, "sources", "b"), join(folder, "sources", "c"));
    expectNew();
  });

  it("depends on texts beside the files", () => {
    expect(fingerprint([], ["demo"])).not.toBe(fingerprint([], ["all"]));
  });
});

describe("isUpToDate", () => {
  it("wants the same inputs and every output", () => {
    const name = relative(join(root, "build", "stamps"), join(folder, "stamp"));
    const output = relative(root, join(folder, "output"));
    setStamp(name, sources());
    expect(isUpToDate(name, sources(), [output])).toBe(false);
    writeFileSync(join(folder, "output"), "");
    expect(isUpToDate(name, sources(), [output])).toBe(true);
    writeFileSync(join(folder, "sources", "a"), "two");
    expect(isUpToDate(name, sources(), [output])).toBe(false);
  });
});

it("writes a file whole", () => {
  writeWhole(join(folder, "file"), "text");
  writeWhole(join(folder, "file"), "other");
  expect(readdirSync(folder)).toEqual(["file", "sources"]);
});
