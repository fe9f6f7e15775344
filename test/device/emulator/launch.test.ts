import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Device, EMULATED_ARCHS } from "../../../lib/device/device.js";
import { setEmulatorOption } from "../../../lib/device/emulator.js";
import type { Module } from "../../../lib/device/module.js";
import { assembleObject } from "../../support/assemble.js";
import { coded } from "../../support/coded.js";
import { compileKernels, noCompiler } from "../../support/compile.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { kernargs } from "../../support/runtime-kernels.js";

// What a wave finds when it starts: its arguments, the apertures, private memory, LDS, EXEC and MODE.

const seeds = Uint32Array.from({ length: 256 }, (_, i) => Math.imul(i + 1, 2654435761) >>> 0);

/** What the kernel `scratch` computes for a work-item. */
function mixed(index: number, rounds: number): number {
  const state = Uint32Array.from({ length: 48 }, (_, i) => seeds[(index + i) & 255]!);
  for (let i = 0; i < rounds; i++) {
    const from = seeds[(index * 7 + i) & 255]! % 48;
    const to = seeds[(index * 3 + i) & 255]! % 48;
    state[to] = Math.imul(state[to]!, 5) + state[from]! + i;
  }
  return state.reduce((sum, x) => (Math.imul(sum, 31) + x) >>> 0, 0);
}

describe.skipIf(noCompiler || onGpu).each(EMULATED_ARCHS)("a launch on %s", (arch) => {
  let device: Device;
  let module: Module;
  beforeAll(() => {
    device = openTestDevice({ emulate: arch });
    module = device.loadModule(compileKernels("launch-kernels.cpp", arch));
  });
  afterAll(() => device.close());
  const dwords = (data: Uint32Array) =>
    device.upload(new Int32Array(data.buffer), { shape: [data.length], dtype: "int32" });
  const launch = (
    symbol: string,
    args: Uint8Array,
    options: { block: number; grid?: number[]; lds?: number },
  ) =>
    device.defaultStream.launch(module.kernel(symbol), {
      ...{ grid: options.grid ?? [1], block: options.block, ldsBytes: options.lds ?? 0, kernargs: args },
    });

  it.each([5, 6])(
    "fills hidden arguments and the dispatch packet, code object version %i",
    async (version) => {
      const flags = [`-mcode-object-version=${version}`];
      using other = device.loadModule(compileKernels("launch-kernels.cpp", arch, flags));
      const out = device.zeros([80], "int32");
      const shape = { grid: [3, 5, 2], block: [64, 2, 1] as [number, number, number], ldsBytes: 1024 };
      device.defaultStream.launch(other.kernel("hidden"), { ...shape, kernargs: kernargs(out.pointer) });
      const words = Uint32Array.from((await out.read()) as Int32Array);
      const halves = new Uint16Array(words.buffer);
      // LLVM's AMDGPU usage guide: implicit arguments of code object v5, and hsa_kernel_dispatch_packet_t.
      expect([...words.subarray(0, 3)]).toEqual([3, 5, 2]);
      expect([...halves.subarray(6, 12)]).toEqual([64, 2, 1, 0, 0, 0]); // group sizes, remainders
      expect([...words.subarray(10, 16)]).toEqual([0, 0, 0, 0, 0, 0]); // global offsets
      expect(halves[32]).toBe(3); // dimensions
      expect(words[30]).toBe(1024); // dynamic LDS
      expect([...halves.subarray(128 + 2, 128 + 5)]).toEqual([64, 2, 1]);
      expect([...words.subarray(64 + 3, 64 + 6)]).toEqual([192, 10, 2]);
      expect(words[64 + 7]).toBe(1024); // LDS of a workgroup
    },
  );

  it.each(["on", "off"])("gives explicit arguments, preloaded: %s", async (preload) => {
    const flags = ["-mllvm", "-amdgpu-kernarg-preload-count=16"];
    using other = device.loadModule(compileKernels("launch-kernels.cpp", arch, flags));
    setEmulatorOption("PRELOAD", preload);
    const out = device.zeros([4], "int32");
    const args = new DataView(new ArrayBuffer(25));
    args.setBigUint64(0, out.pointer, true);
    args.setUint32(8, 11, true);
    args.setUint16(12, 22, true);
    args.setBigUint64(16, 33n << 32n, true);
    args.setUint8(24, 44);
    const bytes = new Uint8Array(args.buffer);
    device.defaultStream.launch(other.kernel("arguments"), { grid: [1], block: 1, kernargs: bytes });
    expect(await out.read()).toEqual(Int32Array.of(11, 22, 33, 44));
    setEmulatorOption("PRELOAD", "on");
  });

  it.each([
    ["on", 256],
    ["off", 0],
  ])("enters a kernel that preloads (%s) at +%i", async (preload, entry) => {
    using other = device.loadModule(assembleObject(arch, preloading(arch)));
    setEmulatorOption("PRELOAD", preload);
    const out = device.zeros([2], "int32");
    device.defaultStream.launch(other.kernel("preloading"), {
      ...{ grid: [1], block: 64, kernargs: kernargs(out.pointer, 77) },
    });
    expect(await out.read()).toEqual(Int32Array.of(entry, 77));
    setEmulatorOption("PRELOAD", "on");
  });

  it("reaches LDS, private memory and device memory by generic pointers", async () => {
    const kinds = await dwords(Uint32Array.from({ length: 64 }, (_, lane) => lane % 3));
    const values = await dwords(Uint32Array.from({ length: 128 }, (_, lane) => 300 + lane));
    launch("apertures", kernargs(kinds.pointer, values.pointer), { block: 64 });
    const expected = Int32Array.from({ length: 128 }, (_, i) => {
      const [lane, kind] = [i % 64, (i % 64) % 3];
      if (i < 64) return 300 + lane + (kind === 2 ? 1 : 0);
      return kind === 0 ? 101 + lane : kind === 1 ? 201 + lane : 0;
    });
    expect(await values.read()).toEqual(expected);
  });

  it("gives every work-item private memory of its own", async () => {
    const [groups, rounds] = [3, 100];
    const input = await dwords(seeds);
    const out = device.zeros([groups * 128], "int32");
    launch("scratch", kernargs(input.pointer, out.pointer, rounds), { grid: [groups], block: 128 });
    const expected = Uint32Array.from({ length: groups * 128 }, (_, index) => mixed(index, rounds));
    expect(Uint32Array.from((await out.read()) as Int32Array)).toEqual(expected);
  });

  it("leaves the lanes off that a last wave lacks", async () => {
    const out = device.zeros([256], "int32");
    launch("active", kernargs(out.pointer), { grid: [2], block: 100 });
    const expected = Int32Array.from({ length: 256 }, (_, i) => (i >= 200 ? 0 : i % 100 < 64 ? 64 : 36));
    expect(await out.read()).toEqual(expected);
  });

  it("numbers the work-items of blocks and grids of three dimensions", async () => {
    const out = device.zeros([12 * 105], "int32");
    device.defaultStream.launch(module.kernel("places"), {
      ...{ grid: [2, 3, 2], block: [5, 3, 7], kernargs: kernargs(out.pointer) },
    });
    const expected: number[] = [];
    const each = (sizes: number[], body: (x: number, y: number, z: number) => void) => {
      for (let z = 0; z < sizes[2]!; z++)
        for (let y = 0; y < sizes[1]!; y++) for (let x = 0; x < sizes[0]!; x++) body(x, y, z);
    };
    each([2, 3, 2], (gx, gy, gz) =>
      each([5, 3, 7], (x, y, z) => {
        expected.push(x | (y << 4) | (z << 8) | (gx << 12) | (gy << 16) | (gz << 20));
      }),
    );
    expect([...((await out.read()) as Int32Array)]).toEqual(expected);
  });

  it("has dynamic LDS behind the static, up to the target's limit together", async () => {
    const out = device.zeros([1], "int32");
    const limit = (arch === "gfx950" ? 160 : 64) * 1024 - 32768;
    launch("manyLds", kernargs(out.pointer, limit / 4), { block: 1, lds: limit });
    expect(await out.read()).toEqual(Int32Array.of(21));
    expect(() => launch("manyLds", kernargs(out.pointer, 1), { block: 1, lds: limit + 4 })).toThrow(
      coded("ERR_INVALID_ARGUMENT", `${limit}`, "ldsBytes"),
    );
  });

  it.each(["barrier", "turn", "reverse"])("has a MODE for each wave (schedule %s)", async (schedule) => {
    setEmulatorOption("SCHEDULE", schedule);
    const tiny = 2 ** -130;
    const values = await device.upload(new Float32Array(128).fill(tiny), { shape: [128], dtype: "float32" });
    const out = device.zeros([256], "float32");
    launch("modes", kernargs(values.pointer, out.pointer, { float: 2 }), { block: 128 });
    const expected = Float32Array.from({ length: 256 }, (_, i) => (i % 128 < 64 ? 2 * tiny : 0));
    expect(await out.read()).toEqual(expected);
    setEmulatorOption("SCHEDULE", "barrier");
  });
});

/** A kernel that writes which of its two entries ran, and its argument, which only the first entry loads itself. */
function preloading(arch: string): string {
  return `.amdgcn_target "amdgcn-amd-amdhsa--${arch}"
.text
.globl preloading
.p2align 8
.type preloading,@function
preloading:
s_load_dwordx2 s[2:3], s[0:1], 0x0
s_load_dword s4, s[0:1], 0x8
s_waitcnt lgkmcnt(0)
v_mov_b32 v1, 0
s_branch .Lstore
.p2align 8
v_mov_b32 v1, 256
.Lstore:
v_mov_b32 v0, 0
v_mov_b32 v2, s4
global_store_dword v0, v1, s[2:3]
global_store_dword v0, v2, s[2:3] offset:4
s_endpgm
.rodata
.p2align 6
.amdhsa_kernel preloading
  .amdhsa_user_sgpr_kernarg_segment_ptr 1
  .amdhsa_user_sgpr_kernarg_preload_length 3
  .amdhsa_kernarg_size 12
  .amdhsa_next_free_vgpr 8
  .amdhsa_next_free_sgpr 16
  .amdhsa_accum_offset 8
.end_amdhsa_kernel
.amdgpu_metadata
amdhsa.version: [1, 2]
amdhsa.target: amdgcn-amd-amdhsa--${arch}
amdhsa.kernels:
  - .name: preloading
    .symbol: preloading.kd
    .kernarg_segment_size: 12
    .group_segment_fixed_size: 0
    .private_segment_fixed_size: 0
    .kernarg_segment_align: 8
    .wavefront_size: 64
    .sgpr_count: 16
    .vgpr_count: 8
    .agpr_count: 0
    .max_flat_workgroup_size: 64
    .args:
      - .offset: 0
        .size: 8
        .value_kind: global_buffer
        .address_space: global
      - .offset: 8
        .size: 4
        .value_kind: by_value
.end_amdgpu_metadata
`;
}
