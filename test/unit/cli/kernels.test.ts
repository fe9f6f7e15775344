import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { strToU8, zipSync } from "fflate";
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import table from "../../../lib/catalog/aiter-objects.json" with { type: "json" };
import { addAiter } from "../../../lib/cli/kernels/add-aiter.js";
import { explain } from "../../../lib/index.js";
import { installedKernels } from "../../../lib/kernels/store.js";
import { aiterFolder, aiterObjects } from "../../../scripts/setup/aiter.mjs";
import { noAiter } from "../../support/aiter.js";
import { runBuilder } from "../../support/builder.js";
import { coded } from "../../support/coded.js";

const root = mkdtempSync(join(tmpdir(), "add-aiter-"));
afterAll(() => rmSync(root, { recursive: true }));
let [env, count] = [{} as Record<string, string>, 0];
beforeEach(() => {
  count++;
  env = {
    ...(process.env as Record<string, string>),
    XDG_DATA_HOME: join(root, `data-${count}`),
    AITER_ASM_DIR: "",
  };
});
afterEach(() => vi.unstubAllEnvs());

const rows = table.kernels.gfx942;
const folderOf = (target: string) => join(env.XDG_DATA_HOME!, "rocm-attention", "kernels", target);

/** A wheel with members of the real one, changed. */
function wheel(change: (member: string, bytes: Uint8Array) => Uint8Array | null): string {
  const files: Record<string, Uint8Array> = { "amd_aiter-1.dist-info/LICENSE": strToU8("MIT") };
  for (const { member } of rows) {
    const bytes = change(member, readFileSync(join(aiterFolder, member)));
    if (bytes !== null) files[member] = bytes;
  }
  const path = join(root, `amd_aiter-${count}.whl`);
  writeFileSync(path, zipSync(files, { level: 1 }));
  return path;
}

it.skipIf(noAiter)(
  "lib/catalog/aiter-objects.json is what the wheel has (else run: kernels/build --objects)",
  () => {
    const text = runBuilder("from kernels.aiter import objects\nprint(json.dumps(objects.text()))") as string;
    expect(JSON.parse(text)).toEqual(table);
  },
);

describe.skipIf(noAiter)("kernels add aiter", () => {
  it("adds the objects of a wheel, which attentions then find first, and their licence", () => {
    const { added } = addAiter({ wheel: wheel((_, bytes) => bytes) }, env);
    const [gfx942, gfx950] = added;
    expect(gfx942).toMatchObject({ folder: folderOf("gfx942"), unverified: [], refused: [], missing: [] });
    expect(gfx942!.verified).toEqual(rows.map(({ id }) => id));
    expect(gfx950!.missing).toHaveLength(table.kernels.gfx950.length);
    expect(readFileSync(join(folderOf("gfx942"), "LICENSE.aiter"), "utf8")).toBe("MIT");
    const found = installedKernels(["gfx942"], env).kernels.filter(({ source }) => source === "user");
    expect(found.map(({ id }) => id).sort()).toEqual(rows.map(({ id }) => id).sort());
  });

  it("finds the folder of AITER_ASM_DIR, of all targets or of one", () => {
    const all = dirname(aiterObjects("gfx942"));
    for (const folder of [all, aiterObjects("gfx942")]) {
      const { source, added } = addAiter({}, { ...env, AITER_ASM_DIR: folder });
      expect(source).toContain("AITER_ASM_DIR");
      expect(added[0]!.verified).toHaveLength(rows.length);
    }
  });

  it("finds the packages of Python", () => {
    const { source, added } = addAiter({}, { ...env, PYTHONPATH: aiterFolder });
    expect(source).toContain("Python's packages");
    expect(added[1]!.verified).toHaveLength(table.kernels.gfx950.length);
  });

  it("leaves out other bytes, and takes them unverified where their arguments are the same", () => {
    const [other, broken] = rows.map(({ member }) => member);
    // A byte behind the last section changes nothing but the hash.
    const path = wheel((member, bytes) =>
      member === other ? Uint8Array.from([...bytes, 0]) : member === broken ? bytes.subarray(0, 100) : bytes,
    );
    const [first, second] = rows.map(({ id }) => id);
    expect(addAiter({ wheel: path }, env).added[0]).toMatchObject({
      refused: [first, second],
      unverified: [],
    });
    const [gfx942] = addAiter({ wheel: path, unverified: true }, env).added;
    expect(gfx942).toMatchObject({ refused: [second], unverified: [first] });
    const row = installedKernels(["gfx942"], env).kernels.find(({ id }) => id === first)!;
    const sha256 = createHash("sha256")
      .update(readFileSync(join(row.folder, row.file)))
      .digest("hex");
    expect(row).toMatchObject({ source: "user", verified: "none", sha256 });
  });

  it("is told by an explanation", () => {
    addAiter({ wheel: wheel((_, bytes) => bytes) }, env);
    const config = {
      numHeads: 32,
      numKvHeads: 4,
      headSize: 128,
      dtype: "bfloat16",
      backend: "ROCM_AITER_FA",
    } as const;
    const catalog = installedKernels(["gfx942"], env);
    const { phases } = explain({ ...config, kvCacheLayout: "shuffled", env }, { arch: "gfx942", catalog });
    const { kernels } = phases.find(({ phase }) => phase === "decode")!;
    expect(kernels[0]!.launches[0]).toMatchObject({ operation: "paged_decode", verified: "emulator" });
  });

  it.each<[string, () => Parameters<typeof addAiter>[0], string, string]>([
    ["no such file", () => ({ wheel: join(root, "none.whl") }), "ERR_INVALID_ARGUMENT", "a .whl file"],
    [
      "no archive",
      () => ({ wheel: join(aiterFolder, rows[0]!.member) }),
      "ERR_INVALID_ARGUMENT",
      "a zip archive",
    ],
    ["nothing in it", () => ({ wheel: wheel(() => null) }), "ERR_INVALID_ARGUMENT", "nothing was added"],
    ["no AITER", () => ({}), "ERR_AITER_NOT_INSTALLED", "pip download"],
  ])("refuses %s", (_, options, code, words) => {
    mkdirSync(env.XDG_DATA_HOME!, { recursive: true });
    expect(() => addAiter(options(), env)).toThrow(coded(code, words));
  });
});
