import { createHash } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "vitest";
import { CONTRACT } from "../../../lib/catalog/manifest.js";
import { RocmAttentionError } from "../../../lib/errors.js";
import { kernelSources } from "../../../lib/kernels/sources.js";
import {
  installedKernels,
  kernelFolders,
  kernelsForDevice,
  otherContracts,
  readKernel,
} from "../../../lib/kernels/store.js";
import { setLogger } from "../../../lib/log.js";
import { coded } from "../../support/coded.js";
import { kernelRow, locatedRow, manifestOf } from "../../support/manifests.js";

// Targets that nobody builds for, so that what is installed here plays no part.
const [BARE, EXACT] = ["gfx999", "gfx999:sramecc+:xnack-"];
const root = mkdtempSync(join(tmpdir(), "kernel-store-"));
afterAll(() => rmSync(root, { recursive: true }));

let folder: string;
let env: NodeJS.ProcessEnv;
beforeEach(() => {
  folder = mkdtempSync(join(root, "folder-"));
  env = { ROCM_ATTENTION_KERNEL_PATH: folder, HOME: join(folder, "home") };
});

function writeManifest(path: string, changes: Record<string, unknown>): string {
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "manifest.json"), JSON.stringify(manifestOf(changes)));
  return path;
}

const ids = (catalog: { kernels: readonly { id: string; folder: string }[] }) =>
  catalog.kernels.map((row) => [row.id, row.folder]);

describe("the kernels for a device", () => {
  it("are those of its exact target, then those of the bare one", () => {
    const bare = writeManifest(join(folder, BARE), {
      target: BARE,
      kernels: [kernelRow(), kernelRow({ id: "bare" })],
    });
    expect(ids(kernelsForDevice(EXACT, env))).toEqual([
      ["triton.copy", bare],
      ["bare", bare],
    ]);
    const exact = writeManifest(join(folder, EXACT), { target: EXACT });
    expect(ids(kernelsForDevice(EXACT, env))).toEqual([
      ["triton.copy", exact],
      ["bare", bare],
    ]);
    expect(ids(kernelsForDevice(`${BARE}:xnack+`, env))).toHaveLength(2);
    expect(ids(kernelsForDevice(BARE, env))[0]).toEqual(["triton.copy", bare]);
  });

  it("are the union of all folders; of rows with one id the first wins", () => {
    writeManifest(folder, { target: BARE });
    const other = mkdtempSync(join(root, "other-"));
    writeManifest(other, { target: BARE, kernels: [kernelRow(), kernelRow({ id: "more" })] });
    const both = [folder, other].join(delimiter);
    expect(ids(installedKernels([BARE], { ...env, ROCM_ATTENTION_KERNEL_PATH: both }))).toEqual([
      ["triton.copy", folder],
      ["more", other],
    ]);
  });

  it("are looked for in the named folders, the user's, the package, the build", () => {
    expect(kernelSources(BARE, env)).toEqual([
      { target: BARE, path: join(folder, BARE), source: "ROCM_ATTENTION_KERNEL_PATH" },
      { target: BARE, path: folder, source: "ROCM_ATTENTION_KERNEL_PATH" },
      { target: BARE, path: join(folder, "home/.local/share/rocm-attention/kernels", BARE), source: "user" },
      { target: BARE, path: expect.stringContaining(join("build", "kernels", BARE)), source: "build" },
      { target: BARE, path: `embedded:${BARE}`, source: "embedded" },
    ]);
    const [user] = kernelSources(BARE, { XDG_DATA_HOME: "/data" });
    expect(user!.path).toBe(`/data/rocm-attention/kernels/${BARE}`);
  });

  it("are read once, and again when the manifest changes", () => {
    const path = writeManifest(folder, { target: BARE });
    const first = installedKernels([BARE], env);
    expect(installedKernels([BARE], env)).toBe(first);
    writeFileSync(join(path, "manifest.json"), JSON.stringify(manifestOf({ target: BARE, kernels: [] })));
    expect(installedKernels([BARE], env).kernels).toEqual([]);
  });

  it("are not those of another target; those of another contract are named", () => {
    writeManifest(folder, { target: "gfx998" });
    const other = writeManifest(join(folder, BARE), { target: BARE, contract: CONTRACT + 1 });
    expect(installedKernels([BARE], env).kernels).toEqual([]);
    expect(otherContracts(BARE, env)).toEqual([
      `${other} has kernels of contract ${CONTRACT + 1}, this version launches those of ${CONTRACT}`,
    ]);
  });

  it("are ERR_KERNEL_CORRUPT where the manifest is damaged, not those of the next place", () => {
    const damaged = writeManifest(join(folder, BARE), { target: BARE, kernels: 7 });
    writeManifest(folder, { target: BARE });
    expect(() => kernelFolders(BARE, env)).toThrow(coded("ERR_KERNEL_CORRUPT", damaged, "kernels", "7"));
  });

  it("are ERR_KERNEL_CORRUPT where the manifest is no file, or larger than 16 MB", () => {
    mkdirSync(join(folder, "manifest.json"));
    expect(() => kernelFolders(BARE, env)).toThrow(coded("ERR_KERNEL_CORRUPT", "no regular file"));
    rmSync(join(folder, "manifest.json"), { recursive: true });
    writeFileSync(join(folder, "manifest.json"), Buffer.alloc(16 * 2 ** 20 + 1, " "));
    expect(() => kernelFolders(BARE, env)).toThrow(coded("ERR_KERNEL_CORRUPT", "at most 16777216"));
  });

  it("are refused with a code, or found, whatever bytes stand in their place", () => {
    const text = JSON.stringify(manifestOf({ target: BARE }));
    const edit = fc.tuple(fc.nat(text.length - 1), fc.string({ maxLength: 3 }), fc.nat(4));
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        let damaged = text;
        for (const [at, insert, removed] of edits) {
          damaged = damaged.slice(0, at) + insert + damaged.slice(at + removed);
        }
        writeFileSync(join(folder, "manifest.json"), damaged);
        try {
          kernelFolders(BARE, env);
        } catch (error) {
          expect(error).toBeInstanceOf(RocmAttentionError);
          expect((error as RocmAttentionError).code).toBe("ERR_KERNEL_CORRUPT");
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe("kernels that others may write", () => {
  const warnings: string[] = [];
  beforeEach(() => {
    warnings.length = 0;
    setLogger((_, message) => warnings.push(message));
  });
  afterEach(() => setLogger(null));

  it.each(["the folder", "the manifest", "an object"])("are refused: %s", (what) => {
    const home = join(folder, "home/.local/share/rocm-attention/kernels", BARE);
    writeManifest(home, { target: BARE });
    writeFileSync(join(home, "triton.copy.co"), "code");
    const path = { "the folder": home, "the manifest": join(home, "manifest.json") }[what];
    chmodSync(path ?? join(home, "triton.copy.co"), 0o777);
    const all = () => {
      for (const row of installedKernels([BARE], { HOME: join(folder, "home") }).kernels) readKernel(row);
    };
    expect(all).toThrow(coded("ERR_KERNEL_UNTRUSTED", "may be written by every user", "chmod"));
  });

  it.skipIf(process.getuid!() !== 0)("are refused where they belong to another user", () => {
    const home = join(folder, "home/.local/share/rocm-attention/kernels", BARE);
    writeManifest(home, { target: BARE });
    chownSync(home, 12345, 12345);
    expect(() => installedKernels([BARE], { HOME: join(folder, "home") })).toThrow(
      coded("ERR_KERNEL_UNTRUSTED", "belongs to another user", "12345"),
    );
  });

  it("are taken where the variable names them, with a warning, once", () => {
    writeManifest(folder, { target: BARE });
    chmodSync(folder, 0o777);
    for (const _ of [1, 2]) expect(installedKernels([BARE], env).kernels).toHaveLength(1);
    expect(warnings).toEqual([expect.stringContaining("may be written by every user")]);
  });
});

describe("a kernel file", () => {
  const bytes = Buffer.from("a code object");
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const file = "kernel.co";
  const read = () => readKernel(locatedRow(folder, { file, sha256 }));

  it("is given as it is", () => {
    writeFileSync(join(folder, file), bytes);
    expect(read()).toEqual(bytes);
  });

  it("is ERR_KERNEL_CORRUPT with one bit changed, cut short or lengthened", () => {
    const changed = Buffer.from(bytes);
    changed[3]! ^= 1;
    for (const damaged of [changed, bytes.subarray(1), Buffer.concat([bytes, bytes]), Buffer.alloc(0)]) {
      writeFileSync(join(folder, file), damaged);
      expect(read).toThrow(coded("ERR_KERNEL_CORRUPT", "kernel\\.co is damaged", "SHA-256", sha256));
    }
  });

  it("is ERR_KERNEL_CORRUPT where it is missing or no file", () => {
    expect(read).toThrow(coded("ERR_KERNEL_CORRUPT", "kernel\\.co cannot be read"));
    mkdirSync(join(folder, file));
    expect(read).toThrow(coded("ERR_KERNEL_CORRUPT", "kernel\\.co cannot be read"));
  });
});
