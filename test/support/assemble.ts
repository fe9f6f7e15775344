import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Device } from "../../lib/device/device.js";
import type { Module } from "../../lib/device/module.js";
import { findProgram } from "../../scripts/setup/toolchain.mjs";

const folder = fileURLToPath(new URL("../../build/test/assembled", import.meta.url));

/** Why assembly cannot be tested, or null. */
export const noAssembler =
  findProgram("clang-22") === undefined ? "no assembler for AMD GPUs (clang-22)" : null;

/** An LLVM tool's path ("llvm-objdump-22"); throws where there is none. */
export function llvmTool(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(`${name} was not found`);
  return path;
}

/** Assembles a code object; the result is kept by content under build/test. */
export function assembleObject(arch: string, source: string): Buffer {
  const hash = createHash("sha256").update(arch).update(source).digest("hex").slice(0, 16);
  const path = join(folder, `${arch}-${hash}.co`);
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    const made = `${path}.${process.pid}`;
    execFileSync(
      llvmTool("clang-22"),
      [
        "-x",
        "assembler",
        "--target=amdgcn-amd-amdhsa",
        `-mcpu=${arch}`,
        "-mcode-object-version=5",
        "-",
        "-o",
        made,
      ],
      { input: source, stdio: ["pipe", "ignore", "inherit"] },
    );
    renameSync(made, path);
  }
  return readFileSync(path);
}

/**
 * Instructions to run on a workgroup of one wave or more. s2 holds the wave's number, v0 the lane's, v1, v2, ... the
 * inputs, and v255 the lane's number times 4. Scalar registers from s8 and vector registers up to v239 are free. All
 * lanes are active at first.
 */
export interface Snippet {
  /** Assembly text, one instruction a line. */
  code: string;
  /** How many inputs of 64 dwords there are. */
  inputs: number;
  /** Registers to give back: "v7", or "s9" (the same value in all lanes), "vcc_lo", "scc" and so on. */
  outputs: string[];
  /** Bytes of LDS, default 0. */
  ldsBytes?: number;
  /** Waves of the workgroup, default 1. They get the same inputs; the outputs are those of wave 0. */
  waves?: number;
  /** FLOAT_DENORM_MODE_32: 3 keeps denormals (default), 0 flushes them. */
  denormals32?: 0 | 3;
  /** FP16_OVFL, default false. */
  fp16Overflow?: boolean;
}

const addressRegister = 255;
const copyRegister = 254;
/** What the stores change is kept where they do not reach. */
const saved = new Map([
  ["scc", "s3"],
  ["exec_lo", "s100"],
  ["exec_hi", "s101"],
]);

function kernelText(name: string, snippet: Snippet): string {
  const { code, inputs, outputs, ldsBytes = 0, waves = 1, denormals32 = 3 } = snippet;
  const loads = Array.from(
    { length: inputs },
    (_, k) =>
      `global_load_dword v${k + 1}, v${addressRegister}, s[4:5]\ns_add_u32 s4, s4, 256\ns_addc_u32 s5, s5, 0`,
  );
  const stores = outputs.map((register) => {
    const isVector = /^[va]\d/.test(register);
    const vector = isVector ? register : `v${copyRegister}`;
    const copy = isVector ? "" : `v_mov_b32 ${vector}, ${saved.get(register) ?? register}\n`;
    return `${copy}global_store_dword v${addressRegister}, ${vector}, s[6:7]
s_add_u32 s6, s6, 256\ns_addc_u32 s7, s7, 0`;
  });
  return `
.globl ${name}
.p2align 8
.type ${name},@function
${name}:
s_load_dwordx4 s[4:7], s[0:1], 0x0
v_and_b32 v0, 0x3ff, v0
v_lshrrev_b32 v${copyRegister}, 6, v0
v_readfirstlane_b32 s2, v${copyRegister}
v_and_b32 v0, 63, v0
v_lshlrev_b32 v${addressRegister}, 2, v0
s_waitcnt lgkmcnt(0)
${loads.join("\n")}
s_waitcnt vmcnt(0)
${code}
s_nop 4
s_waitcnt vmcnt(0) lgkmcnt(0)
s_cselect_b32 s3, 1, 0
s_mov_b64 s[100:101], exec
s_mov_b64 exec, -1
${waves > 1 ? `s_cmp_lg_u32 s2, 0\ns_cbranch_scc1 .L${name}_end` : ""}
${stores.join("\n")}
.L${name}_end:
s_endpgm
.size ${name}, .-${name}
.rodata
.p2align 6
.amdhsa_kernel ${name}
  .amdhsa_user_sgpr_kernarg_segment_ptr 1
  .amdhsa_system_vgpr_workitem_id 0
  .amdhsa_group_segment_fixed_size ${ldsBytes}
  .amdhsa_kernarg_size 16
  .amdhsa_next_free_vgpr 512
  .amdhsa_next_free_sgpr 102
  .amdhsa_accum_offset 256
  .amdhsa_float_denorm_mode_32 ${denormals32}
  .amdhsa_float_denorm_mode_16_64 3
  .amdhsa_fp16_overflow ${Number(snippet.fp16Overflow ?? false)}
  .amdhsa_reserve_vcc 1
.end_amdhsa_kernel
.text
`;
}

function metadata(names: [string, Snippet][], arch: string): string {
  const kernels = names.map(
    ([name, { ldsBytes = 0, waves = 1 }]) => `  - .name: ${name}
    .symbol: ${name}.kd
    .kernarg_segment_size: 16
    .group_segment_fixed_size: ${ldsBytes}
    .private_segment_fixed_size: 0
    .kernarg_segment_align: 8
    .wavefront_size: 64
    .sgpr_count: 102
    .vgpr_count: 512
    .agpr_count: 256
    .max_flat_workgroup_size: ${64 * waves}
    .args:
      - .offset: 0
        .size: 8
        .value_kind: global_buffer
        .address_space: global
      - .offset: 8
        .size: 8
        .value_kind: global_buffer
        .address_space: global`,
  );
  return `.amdgpu_metadata
amdhsa.version: [1, 2]
amdhsa.target: amdgcn-amd-amdhsa--${arch}
amdhsa.kernels:
${kernels.join("\n")}
.end_amdgpu_metadata
`;
}

/** Snippets, assembled into one code object and loaded. */
export class Laboratory {
  private constructor(
    private readonly device: Device,
    private readonly module: Module,
    private readonly snippets: Map<string, Snippet>,
  ) {}

  static assemble(device: Device, snippets: Record<string, Snippet>): Laboratory {
    const entries = Object.entries(snippets);
    const { arch } = device.info;
    const kernels = entries.map(([name, snippet]) => kernelText(name, snippet));
    const source = `.amdgcn_target "amdgcn-amd-amdhsa--${arch}"\n.text\n${kernels.join("")}${metadata(entries, arch)}`;
    return new Laboratory(device, device.loadModule(assembleObject(arch, source)), new Map(entries));
  }

  /** Runs a snippet on inputs of 64 dwords each; gives back 64 dwords for each output. */
  async run(name: string, inputs: readonly Uint32Array[]): Promise<Uint32Array[]> {
    const snippet = this.snippets.get(name);
    if (snippet === undefined) throw new Error(`no snippet ${name}`);
    if (inputs.length !== snippet.inputs) throw new Error(`${name} takes ${snippet.inputs} inputs`);
    const given = new Uint32Array(64 * Math.max(1, inputs.length));
    for (const [k, input] of inputs.entries()) given.set(input, 64 * k);
    const { device } = this;
    using input = await device.upload(given, { shape: [given.length], dtype: "int32" });
    using output = device.zeros([64 * snippet.outputs.length], "int32");
    const kernargs = new BigUint64Array([input.pointer, output.pointer]);
    device.defaultStream.launch(this.module.kernel(name), {
      grid: [1],
      block: 64 * (snippet.waves ?? 1),
      kernargs,
    });
    const values = (await output.read()) as Int32Array;
    const dwords = new Uint32Array(values.buffer, values.byteOffset, values.length);
    return snippet.outputs.map((_, k) => dwords.slice(64 * k, 64 * (k + 1)));
  }
}

/** 64 dwords from a function of the lane. */
export function lanes(value: (lane: number) => number): Uint32Array {
  return Uint32Array.from({ length: 64 }, (_, lane) => value(lane) >>> 0);
}

/** The bits of 64 floats. */
export function floatLanes(value: (lane: number) => number): Uint32Array {
  return new Uint32Array(Float32Array.from({ length: 64 }, (_, lane) => value(lane)).buffer);
}

/** Registers as floats. */
export function asFloats(bits: Uint32Array): Float32Array {
  return new Float32Array(bits.buffer, bits.byteOffset, bits.length);
}
