import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { root } from "../../scripts/setup/paths.mjs";
import { Installation } from "../support/installation.js";

// What users install: the tarballs alone, in a folder outside of the project and without any registry.
const project = new Installation();
const { main, emulator, models, kernels } = inject("tarballs");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
afterAll(() => project.dispose());

describe("installed with kernels, the emulator and the demo's models", () => {
  beforeAll(() => project.install(main, emulator, models, kernels));

  const [, example] = /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, "README.md"), "utf8"))!;

  it("runs the README's example", () => {
    const { status, stdout, stderr } = project.run("example.mjs", example!);
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
    const { status, stdout, stderr } = project.run("program.cjs", source);
    expect(stderr).toBe("");
    expect(stdout).toBe(`true ${version}\nFloat32Array(2) [ 0, 0 ]\n`);
    expect(status).toBe(0);
  });

  it("explains, checks itself and writes English", () => {
    const explanation = project.npm("exec", "--", "rocm-attention", "explain", "--json");
    expect(JSON.parse(explanation.stdout)).toMatchObject({ backend: "TRITON_ATTN" });
    const env = { ...process.env, ROCM_ATTENTION_DEVICE: "emulator:gfx942" };
    const command = join(project.folder, "node_modules", ".bin", "rocm-attention");
    const doctor = spawnSync(command, ["doctor", "--json"], { env, encoding: "utf8" });
    expect(JSON.parse(doctor.stdout)).toMatchObject({ works: true, version });
    expect(doctor.stdout).not.toContain("npm install");
    const demo = spawnSync(command, ["demo", "--tokens", "2", "--json"], { env, encoding: "utf8" });
    expect(JSON.parse(demo.stdout)).toMatchObject({ tokens: 2, device: { emulated: true } });
  });

  it("gives types to programs in TypeScript, as ES modules and as CommonJS", () => {
    const source = `
      import { BlockPool, createAttention, createBatch, Device, RocmAttentionError, type Explanation } from "rocm-attention";
      const device: Device = Device.open({ emulate: "gfx942" });
      const attention = createAttention(device, { numHeads: 8, numKvHeads: 2, headSize: 128, dtype: "bfloat16" });
      const explanation: Explanation = attention.explanation;
      const bits: Promise<Uint16Array> = device.empty([2], "bfloat16").read();
      const words: Promise<Int32Array> = device.empty([2], "int32").view({ shape: [1] }).read();
      // @ts-expect-error: a read of int64 gives a BigInt64Array
      const wrong: Promise<Int32Array> = device.empty([2], "int64").read();
      // @ts-expect-error: no such dtype
      createAttention(device, { numHeads: 8, numKvHeads: 2, headSize: 128, dtype: "bf16" });
      export { BlockPool, createBatch, RocmAttentionError, explanation, bits, words, wrong };`;
    const programs = ["program.mts", "program.cts"];
    for (const program of programs) project.write(program, source);
    const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022"];
    const tsc = [join(root, "node_modules/typescript/bin/tsc"), ...options, ...programs];
    const { status, stdout } = spawnSync(process.execPath, tsc, { cwd: project.folder, encoding: "utf8" });
    expect(stdout).toBe("");
    expect(status).toBe(0);
  });
});

describe("installed alone", () => {
  beforeAll(() => project.install(main));

  const run = (...words: string[]) => {
    const command = join(project.folder, "node_modules", ".bin", "rocm-attention");
    const env = { ...process.env, ROCM_ATTENTION_DEVICE: "emulator:gfx942" };
    return spawnSync(command, words, { cwd: project.folder, env, encoding: "utf8" });
  };

  it("says which package has the emulator, and which the demo's models", () => {
    const opened = project.run(
      "program.mjs",
      `
      import { Device } from "rocm-attention";
      try {
        Device.open({ emulate: "gfx950" });
      } catch ({ code, message }) {
        console.log(code, message);
      }`,
    );
    expect(opened.stdout).toMatch(/^ERR_EMULATOR_NOT_INSTALLED .*npm install @rocm-attention\/emulator@/);
    const doctor = run("doctor");
    expect(doctor.stdout).toMatch(/demo .*npm install @rocm-attention\/demo-models/);
    expect(doctor.stdout).toContain("\n  npm install @rocm-attention/emulator\n");
  });

  it("with the emulator says which package has kernels", () => {
    project.install(main, emulator);
    const source = `
      import { createAttention, Device } from "rocm-attention";
      const device = Device.open({ emulate: "gfx950" });
      try {
        createAttention(device, { numHeads: 8, numKvHeads: 2, headSize: 128, dtype: "bfloat16" });
      } catch ({ code, message }) {
        console.log(code, message);
      }
      await device.close();`;
    const { status, stdout } = project.run("program.mjs", source);
    expect(stdout).toMatch(/^ERR_NO_KERNELS_FOR_ARCH .*npm install @rocm-attention\/kernels-gfx950/);
    expect(status).toBe(0);
    const demo = run("demo", "--tokens", "1");
    expect(demo.stderr).toMatch(/^ERR_MODEL_NOT_INSTALLED: .*npm install @rocm-attention\/demo-models/);
  });
});
