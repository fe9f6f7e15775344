import fc from "fast-check";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { Device, EMULATED_ARCHS, type EmulatedArch } from "../../../lib/device/device.js";
import {
  type LaunchCounters,
  type ProfileRow,
  setEmulatorOption,
  takeLaunchCounters,
} from "../../../lib/device/emulator.js";
import { Laboratory, lanes, noAssembler, type Snippet } from "../../support/assemble.js";
import { coded } from "../../support/coded.js";
import { onGpu } from "../../support/device.js";
import { memoryBytes, memorySnippet } from "../../support/memory-snippets.js";
import { kernargs, noCompiler, runtimeKernels } from "../../support/runtime-kernels.js";

const devices = new Map<EmulatedArch, Device>();
function deviceOf(arch: EmulatedArch): Device {
  const known = devices.get(arch) ?? Device.open({ emulate: arch, computeUnits: 8 });
  devices.set(arch, known);
  return known;
}

afterEach(() => {
  for (const [name, value] of [
    ["COUNTERS", "off"],
    ["THREADS", "0"],
    ["SCHEDULE", "barrier"],
    ["DELIVERY", "early"],
  ] as const) {
    setEmulatorOption(name, value);
  }
});
afterAll(() => Promise.all([...devices.values()].map((device) => device.close())));

/** Runs one snippet with all counters. */
async function counted(laboratory: Laboratory, arch: EmulatedArch, name: string, inputs: Uint32Array[]) {
  setEmulatorOption("COUNTERS", "full");
  takeLaunchCounters(deviceOf(arch));
  await laboratory.run(name, inputs);
  await deviceOf(arch).defaultStream.synchronize();
  const launches = takeLaunchCounters(deviceOf(arch));
  expect(launches.map(({ kernel }) => kernel)).toEqual([name]);
  return launches[0]!;
}

/** The one row of an instruction whose text begins like this. */
function rowOf(launch: LaunchCounters, beginning: string): ProfileRow {
  const rows = launch.profile!.filter(({ text }) => `${text} `.startsWith(`${beginning} `));
  expect(rows.length, beginning).toBe(1);
  return rows[0]!;
}

const repeated = (count: number, code: string) =>
  `s_mov_b32 s40, ${count}
again:
${code}
s_sub_u32 s40, s40, 1
s_cmp_lg_u32 s40, 0
s_cbranch_scc1 again`.replaceAll("again", `again_${Buffer.from(code).toString("hex").slice(0, 48)}`);

describe.skipIf(onGpu || noAssembler)("clocks", () => {
  /** Operands and the clocks that the ISA documents give (passes of 4). */
  const matrix: Record<EmulatedArch, [mnemonic: string, operands: string, clocks: number][]> = {
    gfx942: [
      ["v_mfma_f32_32x32x8_bf16", "v[0:15], v[100:101], v[102:103], v[0:15]", 32],
      ["v_mfma_f32_16x16x16_f16", "v[0:3], v[100:101], v[102:103], v[0:3]", 16],
      ["v_mfma_f32_16x16x32_fp8_fp8", "v[0:3], v[100:101], v[102:103], v[0:3]", 16],
      ["v_mfma_f32_32x32x16_fp8_fp8", "v[0:15], v[100:101], v[102:103], v[0:15]", 32],
      ["v_mfma_f32_32x32x2_f32", "v[0:15], v100, v102, v[0:15]", 64],
      ["v_mfma_f32_16x16x4_f32", "v[0:3], v100, v102, v[0:3]", 32],
      ["v_mfma_f32_4x4x4_16b_f16", "v[0:3], v[100:101], v[102:103], v[0:3]", 8],
      ["v_mfma_f32_32x32x4_2b_f16", "v[0:31], v[100:101], v[102:103], v[0:31]", 64],
      ["v_mfma_f64_16x16x4_f64", "v[0:7], v[100:101], v[102:103], v[0:7]", 32],
    ],
    gfx950: [
      ["v_mfma_f32_32x32x8_bf16", "v[0:15], v[100:101], v[102:103], v[0:15]", 32],
      ["v_mfma_f32_32x32x16_bf16", "v[0:15], v[100:103], v[104:107], v[0:15]", 32],
      ["v_mfma_f32_16x16x32_f16", "v[0:3], v[100:103], v[104:107], v[0:3]", 16],
      ["v_mfma_f32_16x16x128_f8f6f4", "v[0:3], v[100:107], v[108:115], v[0:3]", 32],
    ],
    gfx90a: [
      ["v_mfma_f32_32x32x8bf16_1k", "v[0:15], v[100:101], v[102:103], v[0:15]", 64],
      ["v_mfma_f32_16x16x16f16", "v[0:3], v[100:101], v[102:103], v[0:3]", 32],
      ["v_mfma_f32_4x4x4f16", "v[0:3], v[100:101], v[102:103], v[0:3]", 8],
    ],
  };

  it.each(EMULATED_ARCHS)("of matrix instructions on %s, in each pass of a loop", async (arch) => {
    const snippets = matrix[arch]!.map(([mnemonic, operands]): [string, Snippet] => [
      mnemonic,
      { code: repeated(7, `${mnemonic} ${operands}\ns_nop 15`), inputs: 0, outputs: [] },
    ]);
    const laboratory = Laboratory.assemble(deviceOf(arch), Object.fromEntries(snippets));
    for (const [mnemonic, , clocks] of matrix[arch]!) {
      const launch = await counted(laboratory, arch, mnemonic, []);
      expect(rowOf(launch, mnemonic), mnemonic).toMatchObject({ executed: 7, clocks: 7 * clocks });
      expect(launch.clocks.matrix).toBe(7 * clocks);
      expect(launch.instructions).toMatchObject({ matrix: 7, branch: 7 });
    }
  });

  it("of vector and transcendental instructions", async () => {
    const laboratory = Laboratory.assemble(deviceOf("gfx942"), {
      nothing: { code: "", inputs: 0, outputs: [] },
      some: {
        code: "v_add_f32 v1, v2, v3\nv_pk_fma_f32 v[4:5], v[6:7], v[6:7], v[6:7]\nv_mul_lo_u32 v8, v9, v9\nv_exp_f32 v1, v1\nv_rcp_f32 v1, v1",
        inputs: 0,
        outputs: [],
      },
    });
    const before = await counted(laboratory, "gfx942", "nothing", []);
    const after = await counted(laboratory, "gfx942", "some", []);
    const more = (key: "vector" | "transcendental" | "matrix") => after.clocks[key] - before.clocks[key];
    expect([more("vector"), more("transcendental"), more("matrix")]).toEqual([4 + 4 + 16, 32, 0]);
    expect(after.instructions.vector - before.instructions.vector).toBe(3);
    expect(after.instructions.transcendental - before.instructions.transcendental).toBe(2);
  });
});

describe.skipIf(onGpu || noAssembler)("LDS clocks", () => {
  const range = (first: number, last: number) =>
    Array.from({ length: last - first + 1 }, (_, i) => first + i);
  const consecutive = (size: number) =>
    Array.from({ length: 64 / size }, (_, group) => range(group * size, group * size + size - 1));
  const both = (...groups: number[][]) => [
    ...groups,
    ...groups.map((group) => group.map((lane) => lane + 32)),
  ];
  const narrow128 = both(
    [...range(0, 3), ...range(20, 23)],
    [...range(4, 7), ...range(16, 19)],
    [...range(8, 11), ...range(28, 31)],
    [...range(12, 15), ...range(24, 27)],
  );
  const wide128 = both(
    [...range(0, 3), ...range(12, 15), ...range(20, 27)],
    [...range(4, 11), ...range(16, 19), ...range(28, 31)],
  );

  interface Case {
    code: string;
    dwords: number;
    groups: Record<"gfx942" | "gfx950", [lanes: number[][], banks: number]>;
    /** Byte offsets of the accesses that it makes. */
    offsets?: number[];
    atomic?: boolean;
  }
  const alike = (size: number): Case["groups"] => ({
    gfx942: [consecutive(size), 32],
    gfx950: [consecutive(size), 32],
  });
  const cases: Record<string, Case> = {
    ds_read_b32: { code: "ds_read_b32 v10, v1 offset:4", dwords: 1, groups: alike(32), offsets: [4] },
    ds_write_b32: { code: "ds_write_b32 v1, v10", dwords: 1, groups: alike(32) },
    ds_read_u16: { code: "ds_read_u16 v10, v1", dwords: 1, groups: alike(32) },
    ds_add_u32: { code: "ds_add_u32 v1, v10", dwords: 1, groups: alike(32), atomic: true },
    ds_read_b64: {
      code: "ds_read_b64 v[10:11], v1",
      dwords: 2,
      groups: { gfx942: [consecutive(16), 32], gfx950: [consecutive(32), 64] },
    },
    ds_write_b64: { code: "ds_write_b64 v1, v[10:11]", dwords: 2, groups: alike(16) },
    ds_read_b128: {
      code: "ds_read_b128 v[10:13], v1",
      dwords: 4,
      groups: { gfx942: [narrow128, 32], gfx950: [wide128, 64] },
    },
    ds_write_b128: { code: "ds_write_b128 v1, v[10:13]", dwords: 4, groups: alike(8) },
    ds_read2_b32: {
      code: "ds_read2_b32 v[10:11], v1 offset0:3 offset1:64",
      dwords: 1,
      groups: alike(32),
      offsets: [12, 256],
    },
    ds_write2st64_b32: {
      code: "ds_write2st64_b32 v1, v10, v11 offset0:0 offset1:2",
      dwords: 1,
      groups: alike(32),
      offsets: [0, 512],
    },
  };
  const ldsBytes = 16384;
  const snippets = Object.fromEntries(
    Object.entries(cases).map(([name, { code }]): [string, Snippet] => [
      name,
      {
        code: `s_mov_b32 exec_lo, -1\nv_readfirstlane_b32 s20, v2\nv_readfirstlane_b32 s21, v3
s_mov_b64 exec, s[20:21]\n${code}\ns_waitcnt lgkmcnt(0)\ns_mov_b64 exec, -1`,
        inputs: 3,
        outputs: [],
        ldsBytes,
      },
    ]),
  );

  /** The rule, bank by bank. */
  function clocksOf(
    { dwords, groups, offsets = [0], atomic }: Case,
    arch: "gfx942" | "gfx950",
    at: number[],
    exec: bigint,
  ) {
    const [lanesOfGroups, banks] = groups[arch];
    let [clocks, least] = [0, 0];
    for (const offset of offsets) {
      for (const group of lanesOfGroups) {
        const active = group.filter((lane) => (exec >> BigInt(lane)) & 1n);
        if (active.length === 0) continue;
        const wanted = active.flatMap((lane) =>
          range(0, dwords - 1).map((i) => Math.floor((at[lane]! + offset) / 4) + i),
        );
        const served = atomic ? wanted : [...new Set(wanted)];
        clocks += Math.max(
          ...range(0, banks - 1).map((bank) => served.filter((dword) => dword % banks === bank).length),
        );
        least++;
      }
    }
    return { ldsClocks: clocks, ldsConflictClocks: clocks - least };
  }

  it.each(["gfx942", "gfx950"] as const)(
    "follow the bank rules on %s, whatever the lanes ask for",
    async (arch) => {
      const laboratory = Laboratory.assemble(deviceOf(arch), snippets);
      const access = fc.record({
        name: fc.constantFrom(...Object.keys(cases)),
        // Strides of all kinds, or no pattern at all.
        start: fc.nat(7),
        stride: fc.nat(64),
        noise: fc.array(fc.nat(3), { minLength: 64, maxLength: 64 }),
        exec: fc.oneof(fc.constant(2n ** 64n - 1n), fc.bigInt(1n, 2n ** 64n - 1n)),
      });
      await fc.assert(
        fc.asyncProperty(access, async ({ name, start, stride, noise, exec }) => {
          const { dwords } = cases[name]!;
          const at = noise.map((n, lane) => ((start + n + lane * stride) * 4 * dwords) % (ldsBytes - 1024));
          const mask = [lanes(() => Number(exec & 0xffffffffn)), lanes(() => Number(exec >> 32n))];
          const launch = await counted(laboratory, arch, name, [lanes((lane) => at[lane]!), ...mask]);
          expect(rowOf(launch, name)).toMatchObject(clocksOf(cases[name]!, arch, at, exec));
        }),
        { numRuns: 60 },
      );
    },
  );

  it("of known patterns", async () => {
    const laboratory = Laboratory.assemble(deviceOf("gfx942"), snippets);
    const full = lanes(() => 0xffffffff);
    const clocks = async (name: string, at: (lane: number) => number) => {
      const row = rowOf(await counted(laboratory, "gfx942", name, [lanes(at), full, full]), name);
      return [row.ldsClocks, row.ldsConflictClocks];
    };
    expect(await clocks("ds_read_b32", (lane) => 4 * lane)).toEqual([2, 0]);
    expect(await clocks("ds_read_b32", () => 64)).toEqual([2, 0]); // broadcast
    expect(await clocks("ds_read_b32", (lane) => 128 * lane)).toEqual([64, 62]); // all in one bank
    expect(await clocks("ds_read_b128", (lane) => 16 * lane)).toEqual([8, 0]);
    expect(await clocks("ds_write_b128", (lane) => 128 * lane)).toEqual([64, 56]); // rows of a 128-byte tile
    expect(await clocks("ds_add_u32", () => 0)).toEqual([64, 62]);
  });
});

describe.skipIf(onGpu || noAssembler)("device memory", () => {
  const instructions: Record<string, { code: string; bytes: number; reads: boolean; writes: boolean }> = {
    global_load_dword: { code: "global_load_dword v20, v1, s[8:9]", bytes: 4, reads: true, writes: false },
    global_load_dwordx4: {
      code: "global_load_dwordx4 v[20:23], v1, s[8:9]",
      bytes: 16,
      reads: true,
      writes: false,
    },
    buffer_store_dwordx2: {
      code: "buffer_store_dwordx2 v[2:3], v1, s[8:11], 0 offen",
      bytes: 8,
      reads: false,
      writes: true,
    },
    global_atomic_add: { code: "global_atomic_add v1, v2, s[8:9]", bytes: 4, reads: true, writes: true },
  };
  const snippets = Object.fromEntries(
    Object.entries(instructions).map(([name, { code }]) => [name, memorySnippet(code, 3, [])]),
  );

  it("counts the bytes that lanes ask for and the lines that they touch", async () => {
    const laboratory = Laboratory.assemble(deviceOf("gfx942"), snippets);
    const contents = Array.from({ length: 8 }, () => lanes((lane) => lane));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...Object.keys(instructions)),
        fc.array(fc.nat(memoryBytes / 16 - 1), { minLength: 64, maxLength: 64 }),
        fc.nat(128),
        async (name, places, spread) => {
          const { code, bytes, reads, writes } = instructions[name]!;
          const at = places.map((place) => (place % (spread + 1)) * 16);
          const launch = await counted(laboratory, "gfx942", name, [
            lanes((lane) => at[lane]!),
            ...[lanes(() => 7), lanes(() => 7)],
            ...contents,
          ]);
          // The memory begins at a multiple of 128 bytes: three inputs of 256 bytes lie before it.
          const lines = new Set(at.map((address) => Math.floor(address / 128))).size;
          expect(rowOf(launch, code)).toMatchObject({
            bytesRead: reads ? 64 * bytes : 0,
            bytesWritten: writes ? 64 * bytes : 0,
            lines,
          });
          // The snippet stores the memory afterwards, 16 lines.
          expect(launch.memory!.linesWritten).toBe(16 + (writes ? lines : 0));
        },
      ),
      { numRuns: 30 },
    );
  });

  it("leaves out what lies beyond a buffer's range", async () => {
    const laboratory = Laboratory.assemble(deviceOf("gfx942"), {
      clipped: memorySnippet("buffer_load_dwordx2 v[20:21], v1, s[8:11], 0 offen", 1, [], 20),
    });
    const inputs = [lanes((lane) => 8 * lane), ...Array.from({ length: 8 }, () => lanes(() => 0))];
    const launch = await counted(laboratory, "gfx942", "clipped", inputs);
    expect(rowOf(launch, "buffer_load_dwordx2")).toMatchObject({ bytesRead: 20, lines: 1 });
  });
});

describe.skipIf(onGpu || noCompiler)("a launch", () => {
  /** Adds to 64 floats in each of `workgroups` workgroups. */
  async function add(device: Device, workgroups: number, level: string): Promise<LaunchCounters | undefined> {
    const count = 64 * workgroups;
    using values = await device.upload(new Float32Array(count).fill(1), { shape: [count], dtype: "float32" });
    using module = device.loadModule(runtimeKernels(device.info.arch));
    setEmulatorOption("COUNTERS", level);
    takeLaunchCounters(device);
    device.defaultStream.launch(module.kernel("add"), {
      ...{ grid: [workgroups], block: 64, kernargs: kernargs(values.pointer, { float: 0.5 }, count) },
    });
    expect(new Set(await values.readFloat32())).toEqual(new Set([1.5]));
    const launches = takeLaunchCounters(device);
    expect(launches.length).toBeLessThan(2);
    return launches[0];
  }

  it("is counted by the level of when it was enqueued", async () => {
    const device = deviceOf("gfx942");
    expect(await add(device, 3, "off")).toBeUndefined();
    const full = await add(device, 3, "full");
    const { memory, workgroups, profile, ...basic } = full!;
    expect(workgroups!.length).toBe(3);
    expect(await add(device, 3, "basic")).toEqual(basic);
    expect(basic).toMatchObject({
      kernel: "add",
      grid: [3, 1, 1],
      block: [64, 1, 1],
      waves: 3,
      wavesPerSimd: 8,
    });
    expect(memory).toMatchObject({
      bytesRead: 3 * 256,
      bytesWritten: 3 * 256,
      lines: 3 * 4,
      linesWritten: 6,
    });
    const executed = profile!.reduce((sum, row) => sum + row.executed, 0);
    expect(executed).toBe(Object.values(basic.instructions).reduce((sum, count) => sum + count));
    expect(profile!.map(({ pc }) => pc)).toEqual(profile!.map(({ pc }) => pc).sort((a, b) => a - b));
    expect(profile!.at(-1)).toMatchObject({ text: "s_endpgm", executed: 3 });
  });

  it.each([
    ["gfx942", 304, 11, [2, 2, 2, 1, 1, 1, 1, 1]],
    ["gfx942", 80, 11, [3, 3, 3, 2]],
    ["gfx950", 256, 3, [1, 1, 1, 0, 0, 0, 0, 0]],
    ["gfx90a", 110, 11, [11]],
  ] as const)(
    "sends workgroups to the XCDs of %s with %i compute units in turn",
    async (emulate, computeUnits, workgroups, byXcd) => {
      await using device = Device.open({ emulate, computeUnits });
      const { memory } = (await add(device, workgroups, "full"))!;
      // Two lines of values each, and the line with the kernel's arguments.
      expect(memory!.linesByXcd).toEqual(byXcd.map((groups) => (groups ? 2 * groups + 1 : 0)));
      expect(memory).toMatchObject({ linesRead: 2 * workgroups + 1, linesWritten: 2 * workgroups });
    },
  );

  it("has the same counters for any threads, schedule and delivery", async () => {
    const device = deviceOf("gfx942");
    /** All but where its memory lay. */
    const addressless = (launch: LaunchCounters | undefined) => {
      for (const allocation of launch!.memory!.allocations) allocation.address = 0;
      return launch;
    };
    const expected = addressless(await add(device, 40, "full"));
    for (const [name, value] of [
      ["THREADS", "1"],
      ["THREADS", "5"],
      ["SCHEDULE", "seed:3"],
      ["DELIVERY", "late"],
    ] as const) {
      setEmulatorOption(name, value);
      expect(addressless(await add(device, 40, "full")), `${name}=${value}`).toEqual(expected);
    }
  });

  it("is kept until it is taken, the last 256 of many", async () => {
    const device = deviceOf("gfx942");
    using values = device.zeros([64], "float32");
    using module = device.loadModule(runtimeKernels("gfx942"));
    setEmulatorOption("COUNTERS", "basic");
    for (let i = 1; i <= 260; i++) {
      device.defaultStream.launch(module.kernel("add"), {
        ...{ grid: [i], block: 64, kernargs: kernargs(values.pointer, { float: 1 }, 64) },
      });
    }
    await device.defaultStream.synchronize();
    expect(takeLaunchCounters(device).map(({ grid }) => grid[0])).toEqual(
      Array.from({ length: 256 }, (_, i) => i + 5),
    );
    expect(takeLaunchCounters(device)).toEqual([]);
  });
});

describe.skipIf(onGpu)("counters", () => {
  it("refuse levels and devices that there are not", async () => {
    expect(() => setEmulatorOption("COUNTERS", "most")).toThrow(
      coded("ERR_INVALID_ARGUMENT", "COUNTERS=most"),
    );
    const device = Device.open({ emulate: "gfx942", computeUnits: 1 });
    await device.close();
    expect(() => takeLaunchCounters(device)).toThrow(coded("ERR_DISPOSED", "close()"));
  });
});
