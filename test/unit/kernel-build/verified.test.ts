import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { runBuilder } from "../../support/builder.js";

const folder = mkdtempSync(join(tmpdir(), "verified-"));
afterAll(() => rmSync(folder, { recursive: true }));

const [FIRST, SECOND] = ["1".repeat(64), "2".repeat(64)];
mkdirSync(join(folder, "gfx942"));
const built = { kernels: ["a", "b"].map((id, index) => ({ id, sha256: [FIRST, SECOND][index] })) };
writeFileSync(join(folder, "gfx942", "manifest.json"), JSON.stringify(built));

const RECORD = {
  date: "2026-03-14",
  device: { name: "AMD Instinct MI300X", arch: "gfx942", emulated: false },
  driver: "6.12.12",
  hip: { path: "/opt/rocm/lib/libamdhip64.so.7", version: "7.0.51831" },
  kernels: [{ id: "a", sha256: FIRST }],
};
const ON = { gpu: "AMD Instinct MI300X", driver: "6.12.12", hip: "7.0.51831", date: "2026-03-14" };

/** Takes a record over into a file; gives what it then has, or why it is refused. */
function accept(record: unknown, file = "verified.json"): unknown {
  const path = join(folder, "record.json");
  writeFileSync(path, typeof record === "string" ? record : JSON.stringify(record));
  const program = `
from pathlib import Path
from kernels.builder import verified
from kernels.builder.instance import BuildError
folder, file = Path(input["folder"]), Path(input["file"])
try:
    verified.accept(folder / "record.json", folder, file)
    known = {name: verified.on_hardware("gfx942", name, digest, file) for name, digest in input["asked"]}
    print(json.dumps(known))
except BuildError as error:
    print(json.dumps(str(error)))`;
  const asked = [
    ["a", FIRST],
    ["b", SECOND],
  ];
  return runBuilder(program, { input: { folder, file: join(folder, file), asked } });
}

describe("kernels/build --verified", () => {
  it("notes of each kernel where it matched float64, beside what was noted before", () => {
    expect(accept(RECORD)).toEqual({ a: ON, b: null });
    const later = { ...RECORD, date: "2026-04-01", kernels: [{ id: "b", sha256: SECOND }] };
    expect(accept(later)).toEqual({ a: ON, b: { ...ON, date: "2026-04-01" } });
    expect(JSON.parse(readFileSync(join(folder, "verified.json"), "utf8")).gfx942.a).toEqual({
      sha256: FIRST,
      on: ON,
    });
  });

  it("says nothing of the same kernel with other bytes", () => {
    const file = join(folder, "changed.json");
    writeFileSync(file, JSON.stringify({ gfx942: { b: { sha256: FIRST, on: ON } } }));
    expect(accept(RECORD, "changed.json")).toEqual({ a: ON, b: null });
  });

  it.each<[string, unknown, RegExp]>([
    ["an emulated device", { ...RECORD, device: { ...RECORD.device, emulated: true } }, /emulated device/],
    [
      "a device that does not say",
      { ...RECORD, device: { name: "MI300X", arch: "gfx942" } },
      /emulated device/,
    ],
    ["no GPU's name", { ...RECORD, device: { ...RECORD.device, name: " " } }, /the GPU's name/],
    ["no driver", { ...RECORD, driver: null }, /the driver's version/],
    ["no version of HIP", { ...RECORD, hip: { path: "/opt" } }, /HIP's version/],
    ["no HIP", { ...RECORD, hip: null }, /no hip/],
    ["no date", { ...RECORD, date: "yesterday" }, /its date/],
    ["no kernel", { ...RECORD, kernels: [] }, /kernels with their ids and hashes/],
    ["no hash", { ...RECORD, kernels: [{ id: "a", sha256: "1" }] }, /kernels with their ids and hashes/],
    [
      "another hash",
      { ...RECORD, kernels: [{ id: "a", sha256: SECOND }] },
      /a has the hash 2222.*1111.* here/,
    ],
    ["another kernel", { ...RECORD, kernels: [{ id: "c", sha256: FIRST }] }, /c is not among/],
    [
      "a target without kernels",
      { ...RECORD, device: { ...RECORD.device, arch: "gfx950" } },
      /kernels\/build --target gfx950/,
    ],
    ["a list", [], /has no device/],
    ["no JSON", "{", /no record/],
  ])("refuses a record with %s, and notes nothing", (_, record, why) => {
    const file = `refused-${Math.random()}.json`;
    expect(accept(record, file)).toMatch(why);
    expect(() => readFileSync(join(folder, file))).toThrow("ENOENT");
  });
});
