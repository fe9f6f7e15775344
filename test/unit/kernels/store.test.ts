import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { KernelRow } from "../../../lib/catalog/manifest.js";
import { findKernelFolder, kernelLocations, kernelsFor, readKernel } from "../../../lib/kernels/store.js";
import { coded } from "../../support/coded.js";
import { kernelRow, manifestOf } from "../../support/manifests.js";

// Targets that nobody builds for, so that what is installed here plays no part.
const [BARE, EXACT] = ["gfx999", "gfx999:sramecc+:xnack-"];
const root = mkdtempSync(join(tmpdir(), "kernel-store-"));
afterAll(() => rmSync(root, { recursive: true }));

let folder: string;
let env: NodeJS.ProcessEnv;
beforeEach(() => {
  folder = mkdtempSync(join(root, "folder-"));
  env = { ROCM_ATTENTION_KERNEL_PATH: folder };
});

function writeManifest(path: string, changes: Record<string, unknown>): string {
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "manifest.json"), JSON.stringify(manifestOf(changes)));
  return path;
}

describe("the kernels for a device", () => {
  it("are those of its exact target before those of the bare one", () => {
    const bare = writeManifest(join(folder, BARE), { target: BARE });
    expect(kernelsFor(EXACT, env).path).toBe(bare);
    expect(kernelsFor(BARE, env).path).toBe(bare);
    const exact = writeManifest(join(folder, EXACT), { target: EXACT });
    expect(kernelsFor(EXACT, env).path).toBe(exact);
    expect(kernelsFor(BARE, env).path).toBe(bare);
    expect(kernelsFor(`${BARE}:xnack+`, env).path).toBe(bare);
  });

  it("may lie in the very folder that is named, and the first folder wins", () => {
    writeManifest(folder, { target: BARE });
    const other = mkdtempSync(join(root, "other-"));
    writeManifest(other, { target: BARE });
    expect(kernelsFor(BARE, env).path).toBe(folder);
    const both = [other, folder].join(delimiter);
    expect(kernelsFor(BARE, { ROCM_ATTENTION_KERNEL_PATH: both }).path).toBe(other);
  });

  it("are looked for in the named folders, the package, the build", () => {
    expect(kernelLocations(BARE, env)).toEqual([
      { target: BARE, path: join(folder, BARE), source: "ROCM_ATTENTION_KERNEL_PATH" },
      { target: BARE, path: folder, source: "ROCM_ATTENTION_KERNEL_PATH" },
      { target: BARE, path: expect.stringContaining(join("build", "kernels", BARE)), source: "build" },
    ]);
    expect(kernelLocations(BARE, {})).toHaveLength(1);
  });

  it("are not those of another target or of another version", () => {
    writeManifest(folder, { target: "gfx998" });
    writeManifest(join(folder, BARE), { target: BARE, version: "99.0.0" });
    expect(findKernelFolder(BARE, env)).toBeNull();
  });

  it("are ERR_NO_KERNELS_FOR_ARCH where there are none, with the command that adds them", () => {
    expect(() => kernelsFor(EXACT, env)).toThrow(
      coded("ERR_NO_KERNELS_FOR_ARCH", `for ${BARE}`, "npm install @rocm-attention/kernels-gfx999"),
    );
  });

  it("are ERR_KERNEL_CORRUPT where the manifest is damaged, not those of the next place", () => {
    const damaged = writeManifest(join(folder, BARE), { target: BARE, kernels: 7 });
    writeManifest(folder, { target: BARE });
    expect(() => kernelsFor(BARE, env)).toThrow(coded("ERR_KERNEL_CORRUPT", damaged, "kernels", "7"));
  });
});

describe("a kernel file", () => {
  const bytes = Buffer.from("a code object");
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const row: KernelRow = kernelRow({ file: "kernel.co", sha256 });
  const read = () => readKernel({ path: folder, manifest: undefined as never }, row);

  it("is given as it is", () => {
    writeFileSync(join(folder, row.file), bytes);
    expect(read()).toEqual(bytes);
  });

  it("is ERR_KERNEL_CORRUPT with one bit changed, cut short or lengthened", () => {
    const changed = Buffer.from(bytes);
    changed[3]! ^= 1;
    for (const damaged of [changed, bytes.subarray(1), Buffer.concat([bytes, bytes]), Buffer.alloc(0)]) {
      writeFileSync(join(folder, row.file), damaged);
      expect(read).toThrow(coded("ERR_KERNEL_CORRUPT", "kernel\\.co is damaged", "SHA-256", sha256));
    }
  });

  it("is ERR_KERNEL_CORRUPT where it is missing or no file", () => {
    expect(read).toThrow(coded("ERR_KERNEL_CORRUPT", "kernel\\.co cannot be read"));
    mkdirSync(join(folder, row.file));
    expect(read).toThrow(coded("ERR_KERNEL_CORRUPT", "kernel\\.co cannot be read"));
  });
});
