import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { oldGlibc, withOldGlibc } from "../../scripts/setup/old-glibc.mjs";
import { attentionProgram, MEANS } from "../support/attention-program.js";
import { Installation } from "../support/installation.js";

// Exactly the files that are packed, as they are installed.
const project = new Installation();
const { main, emulator, kernels } = inject("tarballs");
beforeAll(() => project.install(main, emulator, kernels));
afterAll(() => project.dispose());

const ADDON = `rocm-attention/prebuilds/${process.platform}-${process.arch}/rocm-attention.glibc.node`;
const LIBRARIES = [ADDON, "@rocm-attention/emulator/librocm_emulator.so"];

/** Attention in a worker, then on the main thread. */
const ATTENTION = `
  import { isMainThread, Worker } from "node:worker_threads";
  import { fileURLToPath } from "node:url";
  if (isMainThread) await new Promise((resolve) => new Worker(fileURLToPath(import.meta.url)).on("exit", resolve));
  ${attentionProgram()}`;

describe.each(LIBRARIES)("%s", (library) => {
  const path = () => join(project.folder, "node_modules", library);

  it("wants nothing of a C library after 2.28, and no C++ library", () => {
    const dynamic = execFileSync("readelf", ["--wide", "--dynamic", "--version-info", path()], {
      encoding: "utf8",
    });
    const versions = [...dynamic.matchAll(/Name: GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
    expect(versions.length).toBeGreaterThan(0);
    expect(Math.max(...versions)).toBeLessThanOrEqual(28);
    expect(dynamic).not.toMatch(/GLIBCXX|CXXABI|libstdc\+\+|libgcc_s|libc\+\+/);
  });

  it("exports what it is for and nothing of its C++ library", () => {
    const symbols = execFileSync("nm", ["--dynamic", "--defined-only", "--format=just-symbols", path()], {
      encoding: "utf8",
    });
    const names = symbols.trim().split("\n");
    expect(names).toContain(library === ADDON ? "napi_register_module_v1" : "hipModuleLaunchKernel");
    expect(names.filter((name) => !/^(napi_|node_api_|hip|rocmEmulator)/.test(name))).toEqual([]);
  });
});

describe("attention with them", () => {
  it.each(["x86_64", "x86_64_v3", "x86_64_v4"])(
    "runs at the emulator's level %s where there is one",
    (level) => {
      const { status, stdout, stderr } = project.run("attention.mjs", ATTENTION, {
        ROCM_EMULATOR_CPU: level,
      });
      const lacking = `ERR_INVALID_ARGUMENT ROCM_EMULATOR_CPU=${level} is more than this processor has (docs/emulator.md)\n`;
      expect([status, stderr]).toEqual([0, ""]);
      expect(level === "x86_64" ? [MEANS] : [MEANS, lacking]).toContain(stdout.slice(stdout.length / 2));
      expect(stdout).toBe(stdout.slice(stdout.length / 2).repeat(2));
    },
  );

  it("takes the best level that the operating system names", () => {
    const help = spawnSync("/lib64/ld-linux-x86-64.so.2", ["--help"], { encoding: "utf8" }).stdout;
    const best = /x86-64-v4 \(supported/.test(help)
      ? "x86_64_v4"
      : /x86-64-v3 \(supported/.test(help)
        ? "x86_64_v3"
        : "x86_64";
    const env = { ROCM_ATTENTION_DEVICE: "emulator:gfx942" };
    const main = "node_modules/rocm-attention/dist/cli/main.js";
    const source = `process.argv.push("doctor", "--json"); await import("./${main}");`;
    const { stdout } = project.run("doctor.mjs", source, env);
    const { checks } = JSON.parse(stdout) as { checks: { title: string; text: string }[] };
    const text = checks.find(({ title }) => title === "emulator")!.text;
    expect(text).toContain(best === "x86_64" ? "plain x86-64" : `level ${best}`);
  });

  it.skipIf(!oldGlibc.isDone())(
    "runs with the C library of Debian 11, on the main thread and in a worker",
    () => {
      expect(existsSync(withOldGlibc[0]!)).toBe(true);
      const { status, stdout, stderr } = project.run("attention.mjs", ATTENTION, {}, withOldGlibc);
      expect([status, stdout, stderr]).toEqual([0, MEANS + MEANS, ""]);
    },
  );
});
