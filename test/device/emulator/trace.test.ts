import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { setEmulatorOption } from "../../../lib/device/emulator.js";
import { Laboratory, lanes, noAssembler } from "../../support/assemble.js";
import { coded } from "../../support/coded.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { kernargs, noCompiler, runtimeKernels } from "../../support/runtime-kernels.js";

const folder = mkdtempSync(join(tmpdir(), "trace-"));
let files = 0;
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  setEmulatorOption("TRACE", "off");
  setEmulatorOption("TRACE_FILE", "");
  setEmulatorOption("DELIVERY", "early");
});

/** What is traced while `body` runs, in lines. */
async function traced(wanted: string, body: () => Promise<unknown>): Promise<string[]> {
  const file = join(folder, `${++files}.txt`);
  setEmulatorOption("TRACE", wanted);
  setEmulatorOption("TRACE_FILE", file);
  await body();
  return readFileSync(file, "utf8").trimEnd().split("\n");
}

describe.skipIf(onGpu)("a trace", () => {
  it.skipIf(noAssembler)("has every instruction with the registers that it changed", async () => {
    await using device = openTestDevice();
    const code = [
      "s_movk_i32 s20, 0x7b",
      "v_mov_b32_e32 v2, 1.0",
      "v_add_u32_e32 v3, v1, v1",
      "s_cmp_eq_u32 s20, 0",
      "s_cmp_lg_u32 s20, 0",
      "v_cmp_gt_u32_e32 vcc, 3, v0",
    ];
    const laboratory = Laboratory.assemble(device, {
      some: { code: code.join("\n"), inputs: 1, outputs: ["v3"] },
    });
    const lines = await traced("some:0:0", () => laboratory.run("some", [lanes((lane) => lane % 16)]));
    expect(lines[0]).toBe("kernel some, workgroup 0, wave 0");
    const start = lines.findIndex((line) => line.endsWith(code[0]!));
    const rest = lines.slice(start).map((line) => line.replace(/^[+]0x[0-9a-f]{4} /, "").trim());
    const row = (first: number) =>
      Array.from({ length: 8 }, (_, i) => (2 * (first + i)).toString(16).padStart(8, "0")).join(" ");
    expect(
      rest.slice(
        0,
        rest.findIndex((line) => line.startsWith("s_nop")),
      ),
    ).toEqual([
      code[0],
      "s20      = 0x0000007b  (123)",
      code[1],
      "v2       = 0x3f800000  (1065353216, 1f) in all lanes",
      code[2],
      ...Array.from({ length: 8 }, (_, i) => `v3       = ${row(i % 2 ? 8 : 0)}  lanes ${8 * i}-${8 * i + 7}`),
      code[3],
      code[4],
      "scc      = 0x00000001  (1)",
      code[5],
      "vcc_lo   = 0x00000007  (7)",
    ]);
    expect(lines.at(-1)).toMatch(/^[+]0x[0-9a-f]+ {2}s_endpgm$/);
  });

  it.skipIf(noCompiler)("follows the wave that was asked for, alone, and changes nothing", async () => {
    await using device = openTestDevice();
    using module = device.loadModule(runtimeKernels("gfx942"));
    using values = device.zeros([128], "int32");
    const launch = async () => {
      await values.write(Int32Array.from({ length: 128 }, (_, index) => index));
      device.defaultStream.launch(module.kernel("reverse"), {
        ...{ grid: [1], block: 128, ldsBytes: 512, kernargs: kernargs(values.pointer, 128) },
      });
      expect([...((await values.read()) as Int32Array)]).toEqual(
        Array.from({ length: 128 }, (_, index) => 127 - index),
      );
    };
    const lines = await traced("rev:0:1", launch);
    expect(lines[0]).toBe("kernel reverse, workgroup 0, wave 1");
    // Lanes 64 and on of the workgroup.
    expect(lines.some((line) => line.includes("= 00000040 00000041 00000042"))).toBe(true);
    expect(lines.filter((line) => line.endsWith("s_barrier")).length).toBe(1);
    // Loaded values arrive at the wait under late delivery.
    setEmulatorOption("DELIVERY", "late");
    const late = (await traced("reverse:0:0", launch)).join("\n");
    expect(late).toMatch(/global_load_dword (v\d+), .*\n +\1 += 0x7fff7fff .* in all lanes/);
    expect(late).toMatch(/s_waitcnt vmcnt\(0\).*\n +v\d+ += 00000000 00000001 /);
    // No such workgroup, no such wave.
    setEmulatorOption("TRACE_FILE", join(folder, "none.txt"));
    setEmulatorOption("TRACE", "reverse:1:0");
    await launch();
    expect(readFileSync(join(folder, "none.txt"), "utf8")).toBe("");
  });

  it.each([
    ["TRACE", "reverse"],
    ["TRACE", "reverse:0"],
    ["TRACE", "reverse:0:x"],
    ["TRACE", "reverse:0:16"],
    ["TRACE_FILE", "/nowhere/at/all"],
  ])("refuses %s=%s", (name, value) => {
    expect(() => setEmulatorOption(name, value)).toThrow(coded("ERR_INVALID_ARGUMENT", `${name}=${value}`));
  });
});
