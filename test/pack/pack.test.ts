import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packKernels, packMain } from "../../scripts/pack.mjs";
import { root } from "../../scripts/setup/paths.mjs";

// What users install: the tarballs, in a folder outside of the project and without any network.
const folder = mkdtempSync(join(tmpdir(), "rocm-attention-"));
const project = join(folder, "project");
const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
let main: string;
let kernels: string;

function npm(...args: string[]) {
  const env = { ...process.env, npm_config_registry: "http://127.0.0.1:9/", npm_config_offline: "true" };
  return spawnSync("npm", args, { cwd: project, env, encoding: "utf8" });
}

/** Makes the project anew, with these tarballs and those of the main package's dependencies installed. */
function install(...tarballs: string[]) {
  rmSync(project, { recursive: true, force: true });
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), '{ "private": true }');
  const dependencies = Object.keys(own.dependencies).map((name) => join(root, "node_modules", name));
  const { status, stderr } = npm("install", "--install-links", ...tarballs, ...dependencies);
  expect(stderr).not.toMatch(/npm (error|warn (?!Unknown))/);
  expect(status).toBe(0);
}

function node(name: string, source: string, env: NodeJS.ProcessEnv = {}) {
  writeFileSync(join(project, name), source);
  const { status, stdout, stderr } = spawnSync(process.execPath, [name], {
    cwd: project,
    env: { ...process.env, ...env },
    encoding: "utf8",
  });
  return { status, stdout, stderr };
}

function contents(tarball: string): string[] {
  const { stdout } = spawnSync("tar", ["-tzf", tarball], { encoding: "utf8" });
  return stdout
    .trim()
    .split("\n")
    .map((path) => path.replace(/^package\//, ""));
}

beforeAll(async () => {
  main = await packMain(folder);
  kernels = await packKernels("gfx942", folder);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("the main package", () => {
  it("holds what is needed to run and nothing else", () => {
    const paths = contents(main);
    const prebuilds = `prebuilds/${process.platform}-${process.arch}`;
    expect(paths).toEqual(expect.arrayContaining(["package.json", "README.md", "LICENSE", "dist/index.js"]));
    expect(paths).toContain("dist/index.d.ts");
    const expected =
      /^(package\.json|(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md|LICENSE|docs\/.*\.(md|svg)|examples\/.*|models\/.*\.safetensors|dist\/(.*\.(js|js\.map|d\.ts)|catalog\/.*\.json))$/;
    expect(paths.filter((path) => !expected.test(path)).sort()).toEqual([
      `${prebuilds}/librocm_emulator.so`,
      `${prebuilds}/rocm_attention.glibc.node`,
    ]);
  });

  it("documents every function, class, interface and method in its declarations", () => {
    const declarations = join(root, "dist", "index.d.ts");
    const options = { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, types: ["node"] };
    const program = ts.createProgram([declarations], options);
    const checker = program.getTypeChecker();
    const isDocumented = (symbol: ts.Symbol) => symbol.getDocumentationComment(checker).length > 0;
    const kinds = ts.SymbolFlags;
    const exported = checker
      .getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(declarations)!)!)
      .map((symbol) => (symbol.flags & kinds.Alias ? checker.getAliasedSymbol(symbol) : symbol))
      .filter(({ flags }) => flags & (kinds.Function | kinds.Class | kinds.Interface));
    const methods = exported
      .flatMap(({ members, exports }) => [...(members?.values() ?? []), ...(exports?.values() ?? [])])
      .filter(({ flags, name }) => flags & kinds.Method && !name.startsWith("__@"));
    expect(exported.length).toBeGreaterThan(40);
    expect(methods.length).toBeGreaterThan(40);
    expect(
      [...exported, ...methods].filter((symbol) => !isDocumented(symbol)).map(({ name }) => name),
    ).toEqual([]);
  });

  it("runs no script when it is installed", () => {
    for (const script of ["preinstall", "install", "postinstall", "prepare"]) {
      expect(own.scripts).not.toHaveProperty(script);
    }
  });

  it("is right in the eyes of publint", async () => {
    const tarball = readFileSync(main);
    const { messages } = await publint({ pack: { tarball: tarball.buffer as ArrayBuffer }, strict: true });
    expect(messages.map((message) => formatMessage(message, own))).toEqual([]);
  });
});

describe("a package of kernels", () => {
  it("holds the manifest and the code objects that it names", () => {
    const manifest = JSON.parse(readFileSync(join(root, "build/kernels/gfx942/manifest.json"), "utf8"));
    const files = manifest.kernels.map(({ file }: { file: string }) => file);
    const others = contents(kernels).filter((file) => !/^LICENSE\.\w+$/.test(file)); // of what kernels were made from
    expect(others.sort()).toEqual(["LICENSE", "README.md", "manifest.json", "package.json", ...files].sort());
  });
});

describe("installed with kernels", () => {
  beforeAll(() => install(main, kernels));

  const [, example] = /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8"))!;

  it("runs the README's example", () => {
    const { status, stdout, stderr } = node("example.mjs", example!);
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^TRITON_ATTN Float32Array\(6144\)/);
    expect(status).toBe(0);
  });

  it("is imported and required by CommonJS", () => {
    const source = `
      const required = require("rocm-attention");
      import("rocm-attention").then(async ({ Device, RocmAttentionError }) => {
        console.log(required.Device === Device, require("rocm-attention/package.json").version);
        const device = Device.open({ emulate: "gfx942", computeUnits: 2 });
        console.log(await device.zeros([2], "float32").readFloat32());
        await device.close();
      });`;
    const { status, stdout, stderr } = node("program.cjs", source);
    expect(stderr).toBe("");
    expect(stdout).toBe(`true ${own.version}\nFloat32Array(2) [ 0, 0 ]\n`);
    expect(status).toBe(0);
  });

  it("explains, checks itself and writes English", () => {
    const explanation = npm("exec", "--", "rocm-attention", "explain", "--json");
    expect(JSON.parse(explanation.stdout)).toMatchObject({ backend: "TRITON_ATTN" });
    const env = { ...process.env, ROCM_ATTENTION_DEVICE: "emulator:gfx942" };
    const command = join(project, "node_modules", ".bin", "rocm-attention");
    const doctor = spawnSync(command, ["doctor", "--json"], { env, encoding: "utf8" });
    expect(JSON.parse(doctor.stdout)).toMatchObject({ works: true, version: own.version });
    const demo = spawnSync(command, ["demo", "--tokens", "2", "--json"], { env, encoding: "utf8" });
    expect(JSON.parse(demo.stdout)).toMatchObject({ tokens: 2, device: { emulated: true } });
  });

  it("gives types to programs in TypeScript, as ES modules and as CommonJS", () => {
    const source = `
      import { BlockPool, createAttention, createBatch, Device, RocmAttentionError, type Explanation } from "rocm-attention";
      const device: Device = Device.open({ emulate: "gfx942" });
      const attention = createAttention(device, { numHeads: 8, numKvHeads: 2, headSize: 128, dtype: "bfloat16" });
      const explanation: Explanation = attention.explanation;
      // @ts-expect-error: no such dtype
      createAttention(device, { numHeads: 8, numKvHeads: 2, headSize: 128, dtype: "bf16" });
      export { BlockPool, createBatch, RocmAttentionError, explanation };`;
    const programs = ["program.mts", "program.cts"];
    for (const program of programs) writeFileSync(join(project, program), source);
    const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022"];
    const tsc = [join(root, "node_modules/typescript/bin/tsc"), ...options, ...programs];
    const { status, stdout } = spawnSync(process.execPath, tsc, { cwd: project, encoding: "utf8" });
    expect(stdout).toBe("");
    expect(status).toBe(0);
  });
});

it("installed without kernels says which package has them", () => {
  install(main);
  const source = `
    import { createAttention, Device } from "rocm-attention";
    const device = Device.open({ emulate: "gfx950" });
    try {
      createAttention(device, { numHeads: 8, numKvHeads: 2, headSize: 128, dtype: "bfloat16" });
    } catch ({ code, message }) {
      console.log(code, message);
    }
    await device.close();`;
  const { status, stdout } = node("program.mjs", source);
  expect(stdout).toMatch(/^ERR_NO_KERNELS_FOR_ARCH .*npm install @rocm-attention\/kernels-gfx950/);
  expect(status).toBe(0);
});
