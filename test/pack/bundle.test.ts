import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { type BuildOptions, build } from "esbuild";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { root } from "../../scripts/setup/paths.mjs";
import { ADDON, embeddedAddon, prebuiltFolder } from "../../scripts/setup/prebuilds.mjs";
import { attentionProgram, MEANS } from "../support/attention-program.js";
import { noHipKernels } from "../support/hip-kernels.js";
import { Installation } from "../support/installation.js";

const project = new Installation();
const { main, emulator, kernels } = inject("tarballs");
beforeAll(() => project.install(main, emulator, kernels));
afterAll(() => project.dispose());

const FORMATS = ["esm", "cjs"] as const;

/** Bundles a program of the project; its file lies where the package's own folder cannot be taken for it. */
async function bundle(source: string, format: "esm" | "cjs", options: BuildOptions = {}): Promise<string> {
  const outfile = join(project.folder, "out", "deep", format === "esm" ? "bundle.mjs" : "bundle.cjs");
  const entryPoints = [project.write("program.mjs", source)];
  // A bundle of CommonJS has no import.meta: the package says so when it needs it.
  const logOverride = { "empty-import-meta": "silent" } as const;
  const fixed = { entryPoints, outfile, format, logOverride, bundle: true, platform: "node" } as const;
  const { warnings } = await build({ ...fixed, ...options });
  expect(warnings).toEqual([]);
  return outfile;
}

function run(file: string, env: NodeJS.ProcessEnv = {}) {
  const options = { cwd: join(file, ".."), env: { ...process.env, ...env }, encoding: "utf8" } as const;
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], options);
  return { status, stdout, stderr };
}

describe.each(FORMATS)("bundled by esbuild as %s", (format) => {
  it("works with the package external", async () => {
    const file = await bundle(attentionProgram(), format, { external: ["rocm-attention"] });
    expect(run(file)).toEqual({ status: 0, stdout: MEANS, stderr: "" });
  });

  it("says what to do where the package is in the bundle", async () => {
    const { status, stdout, stderr } = run(await bundle(attentionProgram(), format));
    expect([status, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^ERR_ADDON the native addon of rocm-attention could not be loaded/);
    expect(stdout).toContain("esbuild --external:rocm-attention");
    expect(stdout).toContain("setAddon(path) or ROCM_ATTENTION_ADDON=path");
  });
});

describe("an addon with embedded kernels", () => {
  // Nothing but the bundle and the addon; the emulator stands for the HIP runtime of a GPU.
  const folder = mkdtempSync(join(tmpdir(), "rocm-attention-embedded-"));
  const gpu = {
    ROCM_ATTENTION_HIP_LIBRARY: join(prebuiltFolder(), "librocm_emulator.so"),
    ROCM_EMULATOR_ARCH: "gfx942",
    ROCM_EMULATOR_COMPUTE_UNITS: "2",
    HOME: folder,
  };
  let addon: string;
  beforeAll(async () => {
    const step = embeddedAddon(["gfx942"]);
    if (!step.isDone()) await step.perform(() => {});
    addon = join(prebuiltFolder(["gfx942"]), ADDON);
    copyFileSync(addon, join(folder, "rocm-attention.node"));
  }, 600_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  it("attends for a bundle beside it, in a folder that has nothing else", async () => {
    const name = 'setAddon("./rocm-attention.node");';
    copyFileSync(await bundle(attentionProgram("Device.open(0)", name), "cjs"), join(folder, "program.cjs"));
    expect(readdirSync(folder).sort()).toEqual(["program.cjs", "rocm-attention.node"]);
    expect(run(join(folder, "program.cjs"), gpu)).toEqual({ status: 0, stdout: MEANS, stderr: "" });
  });

  it.skipIf(noHipKernels !== null)("compiles functions from the sources that it has in itself", async () => {
    const source = `
      import { compileFlex, createAttention, Device, flex, setAddon } from "rocm-attention";
      setAddon("./rocm-attention.node");
      const device = Device.open(0);
      const shape = { numHeads: 1, numKvHeads: 1, headSize: 64, dtype: "float16", backend: "FLEX_ATTENTION" };
      const options = { ...shape, maskMod: flex.dilatedWindow(5, 2) };
      compileFlex(device, options)
        .then(() => console.log(createAttention(device, options).explanation.notes.join()))
        .then(() => device.close())
        .catch(({ code, message }) => console.log(code, message));`;
    copyFileSync(await bundle(source, "cjs"), join(folder, "flex.cjs"));
    const compiled = run(join(folder, "flex.cjs"), { ...gpu, XDG_CACHE_HOME: join(folder, "cache") });
    expect(compiled).toEqual({ status: 0, stdout: expect.stringContaining("are compiled"), stderr: "" });
  });

  it("is named by the variable too, and stands behind the folders of kernels", () => {
    const source = `
      import { kernelFolders } from "./node_modules/rocm-attention/dist/kernels/store.js";
      const [installed, embedded] = kernelFolders("gfx942");
      console.log(installed.source, embedded.source, embedded.manifest.kernels.length === installed.manifest.kernels.length);`;
    const env = { ROCM_ATTENTION_ADDON: join(folder, "rocm-attention.node"), HOME: folder };
    expect(project.run("store.mjs", source, env).stdout).toBe("package embedded true\n");
  });

  it("holds the code objects, the licences and the sources as they were built", () => {
    const built = join(root, "build", "kernels", "gfx942");
    const bytes = readFileSync(addon);
    const files = readdirSync(built).filter((name) => /^LICENSE|^manifest|\.co$/.test(name));
    expect(files.length).toBeGreaterThan(10);
    const sources = readdirSync(join(built, "sources"), { recursive: true, withFileTypes: true });
    for (const entry of sources) {
      if (entry.isFile()) files.push(relative(built, join(entry.parentPath, entry.name)));
    }
    for (const name of files) expect(bytes.includes(readFileSync(join(built, name)))).toBe(true);
  });
});
