import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "../../../scripts/setup/paths.mjs";
import { runBuilder } from "../../support/builder.js";
import { descriptorOffset } from "../../support/kernel-descriptor.js";

const ID = "triton.reduce_segments.bfloat16.d128";
const folder = join(root, "build", "kernels", "gfx942");
const built = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")).kernels.find(
  (row: { id: string }) => row.id === ID,
);
const code = readFileSync(join(folder, built.file));

/** What Triton's provider says of the kernel. */
const stated = {
  symbol: built.symbol,
  workgroupSize: built.workgroupSize,
  ldsBytes: built.ldsBytes,
  arguments: [
    ...built.kernargs.map(({ name, type }: { name: string; type: string }) => ({ name, type })),
    { name: "global_scratch", type: "null" },
    { name: "profile_scratch", type: "null" },
  ],
};
type Facts = typeof stated;

/** The row that the build makes of a code object and what a provider states, or the error. */
function rowOf(changes: Partial<Facts> = {}, bytes: Uint8Array = code): unknown {
  return runBuilder(
    `
from kernels.builder import manifest
from kernels.builder.instance import BuildError, Made
from kernels.triton import provider
instance = next(each for each in provider.instances("gfx942", "all") if each.id == input["id"])
try:
    print(json.dumps(manifest.row(provider, instance, Made(bytes.fromhex(input["code"]), input["facts"]), "gfx942")))
except BuildError as error:
    print(json.dumps(str(error)))`,
    { input: { id: ID, code: Buffer.from(bytes).toString("hex"), facts: { ...stated, ...changes } } },
  );
}

/** The code object with another number in the kernel's descriptor. */
function patched(offset: number, value: number): Buffer {
  const copy = Buffer.from(code);
  copy.writeUInt32LE(value, descriptorOffset(code, built.symbol) + offset);
  return copy;
}

const argument = (name: string, change: object) =>
  stated.arguments.map((each: { name: string }) => (each.name === name ? { ...each, ...change } : each));
const [count, bytes, workItems] = [stated.arguments.length, built.kernargBytes, built.workgroupSize];

describe("a row of the manifest", () => {
  it("is what its provider and the code object say together", () => {
    expect(rowOf()).toEqual(built);
  });

  it.each<[string, Partial<Facts>, string]>([
    ["a symbol that is not there", { symbol: "other" }, "has no kernel other"],
    [
      "more work-items",
      { workgroupSize: 2 * workItems },
      `workgroups of ${2 * workItems}, but ${workItems} in its note`,
    ],
    ["more LDS than there is", { ldsBytes: 65537 }, "65537 bytes of LDS, but gfx942 has 65536"],
    [
      "an argument fewer",
      { arguments: stated.arguments.slice(1) },
      `${count - 1} arguments, but ${count} in its note`,
    ],
    ["another size", { arguments: argument("write_lse", { type: "int64" }) }, "argument write_lse is int64"],
    [
      "a number for a pointer",
      { arguments: argument("output", { type: "int64" }) },
      "argument output is int64",
    ],
    [
      "a pointer for a number",
      { arguments: argument("write_lse", { type: "pointer" }) },
      "write_lse is pointer",
    ],
    [
      "a member behind the end",
      { arguments: argument("output", { offset: bytes - 4 }).slice(0, 1) },
      `output is at ${bytes - 4}`,
    ],
  ])("is refused where its provider states %s", (_, changes, message) => {
    expect(rowOf(changes)).toContain(message);
  });

  it.each([
    ["static LDS", 0, 64, "static LDS are 0 in the note, 64 in the descriptor"],
    ["private memory", 4, 16, "private memory are 0 in the note, 16 in the descriptor"],
    ["kernarg bytes", 8, 88, `kernarg bytes are ${bytes} in the note, 88 in the descriptor`],
    ["registers", 48, 0, "registers in the note, 8 in the descriptor"],
  ])("is refused where note and descriptor disagree on %s", (_, offset, value, message) => {
    expect(rowOf({}, patched(offset, value))).toContain(message);
  });

  it("is refused where the file is no code object", () => {
    expect(rowOf({}, Buffer.from("no ELF"))).toContain("no 64-bit ELF file");
  });
});
