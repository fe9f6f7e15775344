import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addonFailure, type Surroundings } from "../../lib/native-failure.js";

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "rocm-attention-"));
  mkdirSync(join(root, "build/Release"), { recursive: true });
  writeFileSync(join(root, "build/Release/other.node"), "");
});
afterAll(() => rmSync(root, { recursive: true }));

const here: Surroundings = { platform: "linux", arch: "x64", glibc: "2.36", env: {} };

function message(file: string | undefined, cause: Error, around: Partial<Surroundings> = {}): string {
  const failure = addonFailure(root, file, cause, { ...here, ...around });
  expect(failure).toMatchObject({ code: "ERR_ADDON", cause });
  return failure.message.replaceAll(root, "<root>");
}

describe("addonFailure", () => {
  it("shows the folders where an addon could have been, and how to build one", () => {
    expect(message(undefined, new Error("No native build was found"))).toMatchInlineSnapshot(`
      "the native addon of rocm-attention could not be loaded (linux-x64).
      Tried:
        <root>/build/Release: holds other.node, none of them suitable
        <root>/build/Debug: no such folder
        <root>/prebuilds/linux-x64: no such folder
      What to do:
      - in a clone of the project build it: npm run build:native
      - as an installed package reinstall it: npm install --force rocm-attention"
    `);
  });

  it("shows the loader's words for a file that does not load", () => {
    expect(
      message("/x/rocm_attention.node", new Error("/x/rocm_attention.node: invalid ELF header")),
    ).toContain("  /x/rocm_attention.node: /x/rocm_attention.node: invalid ELF header\n");
  });

  it("knows an addon that was built for a newer system", () => {
    const text = message("/x/a.node", new Error("/lib/libc.so.6: version `GLIBC_2.38' not found"));
    expect(text).toContain("glibc here: 2.36");
    expect(text).toContain("npm run build:native");
  });

  it("knows a bundle", () => {
    const failure = addonFailure(null, undefined, new Error("bundled"), here);
    expect(failure.message).toContain("esbuild --external:rocm-attention");
    expect(failure.message).toContain("setAddon(path) or ROCM_ATTENTION_ADDON=path");
  });

  it.each<[Partial<Surroundings>, string]>([
    [{ platform: "darwin", arch: "arm64", glibc: undefined }, "this is darwin-arm64"],
    [{ platform: "linux", arch: "arm64" }, "this is linux-arm64"],
    [{ glibc: undefined }, "this is linux-x64 without glibc (musl?)"],
  ])("says where the package does not work: %o", (around, words) => {
    expect(message(undefined, new Error("none"), around)).toContain(words);
  });

  it("names the variables that stand in the way", () => {
    const env = { ROCM_ATTENTION_PREBUILD: "/nowhere", NODE_OPTIONS: "--no-addons" };
    const text = message(undefined, new Error("none"), { env });
    expect(text).toContain("ROCM_ATTENTION_PREBUILD=/nowhere: ");
    expect(text).toContain("remove --no-addons from NODE_OPTIONS");
  });
});
