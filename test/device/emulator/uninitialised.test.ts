import { afterEach, describe, expect, it } from "vitest";
import type { Device } from "../../../lib/device/device.js";
import { setEmulatorOption } from "../../../lib/device/emulator.js";
import { assembleObject, noAssembler } from "../../support/assemble.js";
import { coded } from "../../support/coded.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { kernargs } from "../../support/runtime-kernels.js";

// UNINITIALISED=report, by every way to memory. At first s[4:5] points to 64 dwords that nobody has written, s[8:11]
// describes them as a buffer, v[4:5] is each lane's address of its dword and v1 its offset; M0 is 0.

const again = "s_waitcnt vmcnt(0)\nglobal_load_dword v3, v1, s[4:5]";
const readsLds = "s_waitcnt vmcnt(0) lgkmcnt(0)\nds_read_b32 v3, v1";
const shared = "s_mov_b64 s[12:13], src_shared_base\nv_mov_b32 v8, v1\nv_mov_b32 v9, s13";

const faults = {
  global: "global_load_dword v3, v1, s[4:5]",
  byte: "global_load_ubyte v3, v1, s[4:5]",
  flat: "flat_load_dword v3, v[4:5]",
  buffer: "buffer_load_dword v3, v1, s[8:11], 0 offen",
  wideBuffer: "buffer_load_dwordx4 v[8:11], v1, s[8:11], 0 offen",
  scalar: "s_load_dword s12, s[4:5], 0x10",
  scalarBuffer: "s_buffer_load_dword s12, s[8:11], 0x10",
  bufferToLds: "buffer_load_dword v1, s[8:11], 0 offen lds",
  globalToLds: "global_load_lds_dword v1, s[4:5]",
  atomic: "global_atomic_add v1, v1, s[4:5]",
  returningAtomic: "global_atomic_swap v3, v1, v1, s[4:5] sc0",
  packedAtomic: "global_atomic_pk_add_bf16 v1, v1, s[4:5]",
  flatAtomic: "flat_atomic_add v[4:5], v1",
  bufferAtomic: "buffer_atomic_add v1, v1, s[8:11], 0 offen",
  lds: "ds_read_b32 v3, v1",
  wideLds: "v_lshlrev_b32 v2, 2, v1\nds_read_b128 v[8:11], v2",
  ldsAtomic: "ds_add_u32 v1, v1",
  flatLds: `${shared}\nflat_load_dword v3, v[8:9]`,
};
const harmless = {
  outOfRange: "buffer_load_dword v3, v1, s[8:11], 0 offen offset:256",
  written: `global_store_dword v1, v1, s[4:5]\n${again}`,
  writtenFlat: `flat_store_dword v[4:5], v1\n${again}`,
  writtenBuffer: `buffer_store_dword v1, v1, s[8:11], 0 offen\n${again}`,
  writtenLds: `ds_write_b32 v1, v1\n${readsLds}`,
  writtenFlatLds: `${shared}\nflat_store_dword v[8:9], v1\n${readsLds}`,
  loadedToLds: `global_store_dword v1, v1, s[4:5]\ns_waitcnt vmcnt(0)\nglobal_load_lds_dword v1, s[4:5]\n${readsLds}`,
};

const kernel = (name: string, code: string) => `.globl ${name}
.p2align 8
.type ${name},@function
${name}:
s_load_dwordx2 s[4:5], s[0:1], 0x0
v_lshlrev_b32 v1, 2, v0
s_mov_b32 m0, 0
s_mov_b32 s10, 256
s_mov_b32 s11, 0x00020000
s_waitcnt lgkmcnt(0)
s_mov_b64 s[8:9], s[4:5]
v_mov_b32 v5, s5
v_add_co_u32 v4, vcc, s4, v1
v_addc_co_u32 v5, vcc, 0, v5, vcc
${code}
s_waitcnt vmcnt(0) lgkmcnt(0)
s_endpgm
.rodata
.p2align 6
.amdhsa_kernel ${name}
  .amdhsa_user_sgpr_kernarg_segment_ptr 1
  .amdhsa_group_segment_fixed_size 1024
  .amdhsa_kernarg_size 8
  .amdhsa_next_free_vgpr 16
  .amdhsa_next_free_sgpr 32
  .amdhsa_accum_offset 16
.end_amdhsa_kernel
.text
`;
const metadata = (name: string) => `  - .name: ${name}
    .symbol: ${name}.kd
    .kernarg_segment_size: 8
    .group_segment_fixed_size: 1024
    .private_segment_fixed_size: 0
    .kernarg_segment_align: 8
    .wavefront_size: 64
    .sgpr_count: 32
    .vgpr_count: 16
    .max_flat_workgroup_size: 64
    .args:
      - .offset: 0
        .size: 8
        .value_kind: global_buffer
        .address_space: global
`;
const source = () => {
  const kernels = Object.entries({ ...faults, ...harmless });
  return `.amdgcn_target "amdgcn-amd-amdhsa--gfx942"
.text
${kernels.map(([name, code]) => kernel(name, code)).join("")}.amdgpu_metadata
amdhsa.version: [1, 2]
amdhsa.target: amdgcn-amd-amdhsa--gfx942
amdhsa.kernels:
${kernels.map(([name]) => metadata(name)).join("")}.end_amdgpu_metadata
`;
};

describe.skipIf(noAssembler || onGpu).each(["early", "late"])("with delivery %s", (delivery) => {
  let device: Device;
  afterEach(async () => {
    setEmulatorOption("UNINITIALISED", "allow");
    setEmulatorOption("DELIVERY", "early");
    await device.close();
  });
  async function run(name: string): Promise<void> {
    setEmulatorOption("UNINITIALISED", "report");
    setEmulatorOption("DELIVERY", delivery);
    device = openTestDevice({ emulate: "gfx942" });
    const memory = device.empty([64], "int32");
    const module = device.loadModule(assembleObject("gfx942", source()));
    device.defaultStream.launch(module.kernel(name), {
      ...{ grid: [1], block: 64, kernargs: kernargs(memory.pointer) },
    });
    await device.defaultStream.synchronize();
  }

  it.each(Object.keys(faults))("%s: what nobody has written is reported", async (name) => {
    await expect(run(name)).rejects.toEqual(coded("ERR_DEVICE_FAULT", "nobody has written", name));
  });
  it.each(Object.keys(harmless))("%s: what is written or not there is not", async (name) => {
    await run(name);
  });
});
