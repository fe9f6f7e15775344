import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../../../scripts/setup/paths.mjs";
import { findProgram } from "../../../scripts/setup/toolchain.mjs";
import { runBuilder } from "../../support/builder.js";

const scratch = mkdtempSync(join(tmpdir(), "kernel-cache-"));
const cache = join(scratch, "cache");
afterAll(() => rmSync(scratch, { recursive: true }));

/** A clone of the builder alone, with a provider of one HIP kernel whose source includes a header. */
function clone(name: string): string {
  const folder = join(scratch, name);
  const parts = [
    "kernels/builder",
    "lib/catalog",
    "kernels/aiter/requirements.txt",
    "kernels/aiter/files.txt",
  ];
  for (const part of parts) cpSync(join(root, part), join(folder, part), { recursive: true });
  mkdirSync(join(folder, "kernels", "toy"));
  writeFileSync(join(folder, HEADER), "#define VALUE 1\n");
  const source = '#include "toy.h"\nextern "C" __attribute__((global)) void toy(int* to) { *to = VALUE; }\n';
  writeFileSync(join(folder, SOURCE), source);
  writeFileSync(
    join(folder, PROVIDER),
    `
from kernels.builder import clang
from kernels.builder.instance import Instance, Made

NAME = "toy"
FLAGS = ["-O1"]

def compile(instance, target, folder):
    of = instance.description
    code, dependencies, _ = clang.compile_source("kernels/toy/toy.hip", of["flags"], [], target, folder)
    return Made(code, {}, dependencies)

def compiler(instance):
    return clang.compiler()
`,
  );
  return folder;
}
const HEADER = "kernels/toy/toy.h";
const SOURCE = "kernels/toy/toy.hip";
const PROVIDER = "kernels/toy/provider.py";

/** How many kernels the build of the clone's provider makes, and the code object's hash. */
function build(folder: string, { target = "gfx942" } = {}): [number, string] {
  const program = `
from kernels.builder import cache, pool
from kernels.builder.instance import Instance
from kernels.toy import provider
job = (provider, Instance("toy", "toy", {"flags": provider.FLAGS}, {"features": {}}, ""), input)
built = pool.build([job])
print(json.dumps([built, cache.sha256(cache.find(cache.key(*job)).code)]))`;
  return runBuilder(program, { input: target, folder, cache }) as [number, string];
}

function edit(folder: string, file: string, from: string, to: string): void {
  const text = readFileSync(join(folder, file), "utf8");
  expect(text).toContain(from);
  writeFileSync(join(folder, file), text.replace(from, to));
}

describe.skipIf(findProgram("clang++-22") === undefined)("the cache of code objects", () => {
  let folder: string;
  let original: string;
  beforeAll(() => {
    folder = clone("first");
    const [built, hash] = build(folder);
    expect(built).toBe(1);
    original = hash;
  });

  it("has what was built, for other clones too", () => {
    expect(build(folder)).toEqual([0, original]);
    expect(build(clone("second"))).toEqual([0, original]);
  });

  it("does not depend on what a provider says but does not do", () => {
    edit(folder, PROVIDER, "NAME =", "# A comment.\nNAME =");
    expect(build(folder)).toEqual([0, original]);
  });

  it("depends on a line of a header", () => {
    edit(folder, HEADER, "VALUE 1", "VALUE 2");
    const [built, changed] = build(folder);
    expect(built).toBe(1);
    expect(changed).not.toBe(original);
    expect(build(folder)).toEqual([0, changed]);
    // What was built before the change is still there, for this clone as for others.
    edit(folder, HEADER, "VALUE 2", "VALUE 1");
    expect(build(folder)).toEqual([0, original]);
  });

  it("depends on a line of a source", () => {
    edit(folder, SOURCE, "*to = VALUE", "*to = VALUE + 3");
    expect(build(folder)[0]).toBe(1);
    edit(folder, SOURCE, "*to = VALUE + 3", "*to = VALUE");
  });

  it("depends on a header that is not there any more", () => {
    rmSync(join(folder, HEADER));
    expect(() => build(folder)).toThrow("'toy.h' file not found");
    writeFileSync(join(folder, HEADER), "#define VALUE 1\n");
    expect(build(folder)).toEqual([0, original]);
  });

  it("does not keep what was made from a file that changed meanwhile", () => {
    const soon = Date.now() / 1000 + 3600;
    const touched = clone("touched");
    edit(touched, HEADER, "VALUE 1", "VALUE 4");
    utimesSync(join(touched, HEADER), soon, soon);
    expect(() => build(touched)).toThrow(`${HEADER} was changed while it was compiled`);
  });

  it("depends on the flags and on the target", () => {
    expect(build(folder, { target: "gfx950" })[0]).toBe(1);
    edit(folder, PROVIDER, '"-O1"', '"-O1", "-DUNUSED"');
    expect(build(folder)[0]).toBe(1);
  });
});
