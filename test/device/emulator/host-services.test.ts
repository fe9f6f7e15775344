import { describe, expect, it } from "vitest";
import type { EmulatedArch } from "../../../lib/device/device.js";
import { assembleObject, Laboratory, noAssembler } from "../../support/assemble.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { noTriton, runTriton } from "../../support/triton.js";

// What a kernel asks of the host, or gives up with, is named in the report.

const reports = (work: Promise<unknown>, text: string) =>
  expect(work).rejects.toMatchObject({ code: "ERR_DEVICE_FAULT", message: expect.stringContaining(text) });

describe.skipIf(onGpu || noAssembler)("a trap", () => {
  it.each([
    [2, "trap 2 (an assertion that failed, or __builtin_trap())"],
    [3, "trap 3 (__builtin_debugtrap())"],
    [1, "trap 1 (of a trap handler)"],
  ])("%i is named", async (number, text) => {
    await using device = openTestDevice();
    const laboratory = Laboratory.assemble(device, {
      trap: { code: `s_trap ${number}`, inputs: 0, outputs: ["v0"] },
    });
    await reports(laboratory.run("trap", []), `${text}\n  kernel      trap,`);
  });
});

describe.skipIf(onGpu || noAssembler)("modifiers that are not modelled", () => {
  it.each([
    "v_mfma_f32_32x32x8_f16 v[100:115], v[2:3], v[4:5], 0 blgp:3",
    "ds_swizzle_b32 v1, v0 offset:0xe000",
  ])("are told from instructions that are not: %s", async (code) => {
    await using device = openTestDevice();
    const laboratory = Laboratory.assemble(device, { form: { code, inputs: 0, outputs: ["v0"] } });
    await reports(
      laboratory.run("form", []),
      "the emulator does not model this instruction with these modifiers",
    );
  });
});

describe("a service of the host", () => {
  it.for([
    ["printf", "gfx942", "call of the host (printf, or the message of an assertion that failed)"],
    ["assertion", "gfx950", "call of the host (printf, or the message of an assertion that failed)"],
    ["assertion that holds", "gfx942", ""],
  ] as [string, EmulatedArch, string][])(
    "is named where a Triton kernel uses it: %s on %s",
    ([name, arch, text], { skip }) => {
      const reason = onGpu ? "for the emulator alone" : noTriton();
      if (reason !== null) skip(reason);
      const { [name]: report } = runTriton<string>(arch, [name]);
      if (text === "") expect(report).toBe("");
      else expect(report).toContain(text);
    },
  );

  it.skipIf(onGpu || noAssembler)("is named where a kernel takes memory from the device's heap", async () => {
    await using device = openTestDevice();
    const kernel = device.loadModule(heapKernel()).kernel("takes_heap");
    device.defaultStream.launch(kernel, { grid: [1], block: 64, kernargs: new BigUint64Array([]) });
    await reports(device.defaultStream.synchronize(), "call of the host (malloc or free of device code)");
  });
});

/** A kernel that reads what its hidden argument for the heap points to. */
const heapKernel = () =>
  assembleObject(
    "gfx942",
    `.amdgcn_target "amdgcn-amd-amdhsa--gfx942"
.text
.globl takes_heap
.p2align 8
.type takes_heap,@function
takes_heap:
s_load_dwordx2 s[4:5], s[0:1], 0x60
s_waitcnt lgkmcnt(0)
s_load_dword s6, s[4:5], 0x0
s_endpgm
.size takes_heap, .-takes_heap
.rodata
.p2align 6
.amdhsa_kernel takes_heap
  .amdhsa_user_sgpr_kernarg_segment_ptr 1
  .amdhsa_kernarg_size 256
  .amdhsa_next_free_vgpr 8
  .amdhsa_next_free_sgpr 16
  .amdhsa_accum_offset 8
.end_amdhsa_kernel
.amdgpu_metadata
amdhsa.version: [1, 2]
amdhsa.target: amdgcn-amd-amdhsa--gfx942
amdhsa.kernels:
  - .name: takes_heap
    .symbol: takes_heap.kd
    .kernarg_segment_size: 256
    .group_segment_fixed_size: 0
    .private_segment_fixed_size: 0
    .kernarg_segment_align: 8
    .wavefront_size: 64
    .sgpr_count: 16
    .vgpr_count: 8
    .max_flat_workgroup_size: 64
    .args:
      - .offset: 96
        .size: 8
        .value_kind: hidden_heap_v1
.end_amdgpu_metadata
`,
  );
