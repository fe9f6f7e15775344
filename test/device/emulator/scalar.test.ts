import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../../lib/device/device.js";
import { Laboratory, lanes, noAssembler, type Snippet } from "../../support/assemble.js";
import { onGpu, openTestDevice } from "../../support/device.js";

const u64 = (value: bigint) => BigInt.asUintN(64, value);
const i64 = (value: bigint) => BigInt.asIntN(64, value);
const u32 = (value: bigint) => BigInt.asUintN(32, value);
const i32 = (value: bigint) => BigInt.asIntN(32, value);
const bits = (value: bigint) => [...value.toString(2)].filter((digit) => digit === "1").length;
const reversed = (value: bigint, width: number) =>
  BigInt(`0b${[...value.toString(2).padStart(width, "0")].reverse().join("")}`);
const a = 0x89abcdef_7654321fn;
const b = 0x00000013_f0f0f0f1n;
const [al, bl] = [u32(a), u32(b)];

// s[8:9] is a, s[10:11] is b, SCC is 1 at first; the result goes to s[12:13], which is -1 before.
/** Result (32 bits unless the code has a 64-bit result) and SCC (1: unchanged). */
const operations: Record<string, [result: bigint, scc: boolean]> = {
  "s_mov_b32 s12, s8": [al, true],
  "s_mov_b32 s12, -5": [u32(-5n), true],
  "s_mov_b32 s12, 0x12345678": [0x12345678n, true],
  "s_mov_b32 s12, 1.0": [0x3f800000n, true],
  "s_not_b32 s12, s8": [u32(~al), true],
  "s_brev_b32 s12, s8": [reversed(al, 32), true],
  "s_bcnt0_i32_b32 s12, s8": [BigInt(32 - bits(al)), true],
  "s_bcnt1_i32_b32 s12, s8": [BigInt(bits(al)), true],
  "s_bcnt1_i32_b64 s12, s[8:9]": [BigInt(bits(a)), true],
  "s_bcnt1_i32_b32 s12, 0": [0n, false],
  "s_ff0_i32_b32 s12, s8": [5n, true],
  "s_ff1_i32_b32 s12, s10": [0n, true],
  "s_ff1_i32_b32 s12, 0": [u32(-1n), true],
  "s_ff1_i32_b64 s12, s[8:9]": [0n, true],
  "s_flbit_i32_b32 s12, s8": [1n, true],
  "s_flbit_i32_b64 s12, s[10:11]": [27n, true],
  "s_flbit_i32 s12, s10": [4n, true],
  "s_flbit_i32 s12, -1": [u32(-1n), true],
  "s_flbit_i32_i64 s12, s[10:11]": [27n, true],
  "s_sext_i32_i8 s12, s10": [u32(-15n), true],
  "s_sext_i32_i16 s12, s10": [u32(BigInt.asIntN(16, bl)), true],
  "s_bitset1_b32 s12, 3\ns_bitset0_b32 s12, 31": [0x7fffffffn, true],
  "s_abs_i32 s12, s10": [-i32(bl), true],
  "s_wqm_b32 s12, 0x10200": [0xf0f00n, true],
  "s_quadmask_b32 s12, 0x10200": [0x14n, true],
  "s_add_u32 s12, s8, s10": [u32(al + bl), true],
  "s_add_u32 s12, s8, 1": [al + 1n, false],
  "s_addc_u32 s12, s8, 1": [al + 2n, false],
  "s_sub_u32 s12, s8, s10": [u32(al - bl), true],
  "s_sub_u32 s12, s10, s8": [bl - al, false],
  "s_subb_u32 s12, s10, s8": [bl - al - 1n, false],
  "s_add_i32 s12, s8, s8": [u32(2n * al), true],
  "s_add_i32 s12, s8, s10": [u32(al + bl), false],
  "s_sub_i32 s12, s8, 4": [al - 4n, false],
  "s_min_i32 s12, s8, s10": [bl, false],
  "s_min_u32 s12, s8, s10": [al, true],
  "s_max_i32 s12, s8, s10": [al, true],
  "s_max_u32 s12, s8, s10": [bl, false],
  "s_cselect_b32 s12, s8, s10": [al, true],
  "s_cmp_eq_u32 s8, s10\ns_cselect_b32 s12, s8, s10": [bl, false],
  "s_cmp_eq_u32 s8, s10\ns_cmov_b32 s12, s8": [u32(-1n), false],
  "s_cmov_b32 s12, s8": [al, true],
  "s_and_b32 s12, s8, s10": [al & bl, true],
  "s_and_b32 s12, s8, 0": [0n, false],
  "s_andn2_b32 s12, s8, s10": [al & ~bl, true],
  "s_orn2_b32 s12, s8, s10": [u32(al | ~bl), true],
  "s_nand_b32 s12, s8, s10": [u32(~(al & bl)), true],
  "s_xnor_b32 s12, s8, s8": [u32(-1n), true],
  "s_xor_b32 s12, s8, s8": [0n, false],
  "s_lshl_b32 s12, s8, 36": [u32(al << 4n), true],
  "s_lshr_b32 s12, s10, 4": [bl >> 4n, true],
  "s_ashr_i32 s12, s10, 4": [u32(i32(bl) >> 4n), true],
  "s_bfm_b32 s12, 5, 9": [0x3e00n, true],
  "s_mul_i32 s12, s8, s10": [u32(al * bl), true],
  "s_mul_hi_u32 s12, s8, s10": [(al * bl) >> 32n, true],
  "s_mul_hi_i32 s12, s8, s10": [u32((al * i32(bl)) >> 32n), true],
  "s_bfe_u32 s12, s8, 0x80008": [(al >> 8n) & 0xffn, true],
  "s_bfe_i32 s12, s10, 0x40004": [u32(-1n), true],
  "s_bfe_u32 s12, s8, 8": [0n, false],
  "s_absdiff_i32 s12, s10, 16": [16n - i32(bl), true],
  "s_absdiff_i32 s12, 0x80000000, 1": [0x7fffffffn, true],
  "s_lshl3_add_u32 s12, s8, s10": [u32((al << 3n) + bl), true],
  "s_pack_ll_b32_b16 s12, s8, s10": [(al & 0xffffn) | u32(bl << 16n), true],
  "s_pack_lh_b32_b16 s12, s8, s10": [(al & 0xffffn) | (bl & 0xffff0000n), true],
  "s_pack_hh_b32_b16 s12, s8, s10": [(al >> 16n) | (bl & 0xffff0000n), true],
  "s_movk_i32 s12, 0x8001": [u32(-32767n), true],
  "s_addk_i32 s12, 0x11": [0x10n, false],
  "s_mulk_i32 s12, 0xfff0": [16n, true],
  "s_cmpk_eq_i32 s12, 0xffff": [u32(-1n), true],
  "s_cmpk_gt_u32 s10, 0xffff": [u32(-1n), true],
  "s_cmp_lt_i32 s10, s8": [u32(-1n), true],
  "s_cmp_lt_u32 s10, s8": [u32(-1n), false],
  "s_cmp_eq_u64 s[8:9], s[8:9]": [u32(-1n), true],
  "s_cmp_lg_u64 s[8:9], s[8:9]": [u32(-1n), false],
  "s_bitcmp1_b32 s8, 5": [u32(-1n), false],
  "s_bitcmp0_b64 s[8:9], 33": [u32(-1n), false],
  "s_mov_b32 m0, 2\ns_movrels_b32 s12, s8": [bl, true],
  "s_mov_b32 m0, 1\ns_movreld_b32 s11, s8": [al, true],
};

const wideOperations: Record<string, [result: bigint, scc: boolean]> = {
  "s_mov_b64 s[12:13], s[8:9]": [a, true],
  "s_mov_b64 s[12:13], -2": [u64(-2n), true],
  "s_mov_b64 s[12:13], 2.0": [0x40000000_00000000n, true],
  "s_not_b64 s[12:13], s[8:9]": [u64(~a), true],
  "s_brev_b64 s[12:13], s[8:9]": [reversed(a, 64), true],
  "s_and_b64 s[12:13], s[8:9], s[10:11]": [a & b, true],
  "s_or_b64 s[12:13], s[8:9], s[10:11]": [a | b, true],
  "s_xor_b64 s[12:13], s[8:9], s[8:9]": [0n, false],
  "s_andn2_b64 s[12:13], s[8:9], s[10:11]": [a & ~b, true],
  "s_nor_b64 s[12:13], s[8:9], s[10:11]": [u64(~(a | b)), true],
  "s_lshl_b64 s[12:13], s[8:9], 5": [u64(a << 5n), true],
  "s_lshr_b64 s[12:13], s[8:9], 37": [a >> 37n, true],
  "s_ashr_i64 s[12:13], s[8:9], 37": [u64(i64(a) >> 37n), true],
  "s_bfm_b64 s[12:13], 40, 8": [((1n << 40n) - 1n) << 8n, true],
  "s_bfe_u64 s[12:13], s[8:9], 0x280008": [(a >> 8n) & ((1n << 40n) - 1n), true],
  "s_bfe_i64 s[12:13], s[8:9], 0x100030": [u64(i64(a) >> 48n), true],
  "s_cselect_b64 s[12:13], s[8:9], s[10:11]": [a, true],
  "s_bitset0_b64 s[12:13], 40": [u64(~(1n << 40n)), true],
  "s_bitreplicate_b64_b32 s[12:13], 0x80000003": [0xc0000000_0000000fn, true],
  "s_and_saveexec_b64 s[12:13], s[8:9]": [u64(-1n), true],
  "s_mov_b64 exec, s[10:11]\ns_or_saveexec_b64 s[12:13], s[8:9]\ns_mov_b64 s[12:13], exec": [a | b, true],
  "s_andn1_saveexec_b64 s[12:13], s[8:9]\ns_mov_b64 s[12:13], exec": [u64(~a), true],
  "s_andn2_wrexec_b64 s[12:13], s[8:9]": [u64(a & 0n), false],
};
// andn2_wrexec is source & ~EXEC, and EXEC is all ones.

describe.skipIf(noAssembler || onGpu)("scalar instructions", () => {
  let device: Device;
  let laboratory: Laboratory;
  const hex = (value: bigint) => `0x${u32(value).toString(16)}`;
  const prologue = `s_mov_b32 s8, ${hex(a)}\ns_mov_b32 s9, ${hex(a >> 32n)}
s_mov_b32 s10, ${hex(b)}\ns_mov_b32 s11, ${hex(b >> 32n)}\ns_mov_b64 s[12:13], -1\ns_cmp_eq_u32 s8, s8`;

  const flow: Record<string, Snippet> = {
    // Sums 10 + 9 + ... + 1, with a call to a function that adds.
    loop: {
      code: `s_mov_b32 s8, 0\ns_mov_b32 s9, 10\ns_getpc_b64 s[10:11]
s_branch .Lloop
.Ladd:\ns_add_u32 s8, s8, s9\ns_setpc_b64 s[12:13]
.Lloop:\ns_call_b64 s[12:13], .Ladd\ns_sub_u32 s9, s9, 1\ns_cmp_lg_u32 s9, 0\ns_cbranch_scc1 .Lloop
s_getpc_b64 s[14:15]\ns_sub_u32 s14, s14, s10`,
      inputs: 0,
      outputs: ["s8", "s9", "s14"],
    },
    branches: {
      code: `s_mov_b32 s8, 0\ns_mov_b64 vcc, 0\ns_cbranch_vccnz .Lend\ns_cbranch_vccz .L1
s_endpgm
.L1:\ns_bitset1_b32 s8, 0\ns_mov_b64 exec, 0\ns_cbranch_execnz .Lend\ns_cbranch_execz .L2
.L2:\ns_bitset1_b32 s8, 1\ns_mov_b64 exec, -1\ns_cbranch_execz .Lend\ns_cmp_eq_u32 s8, 0\ns_cbranch_scc1 .Lend\ns_cbranch_scc0 .L3
.L3:\ns_bitset1_b32 s8, 2
.Lend:`,
      inputs: 0,
      outputs: ["s8"],
    },
    index: {
      code: `v_mov_b32 v10, 10\nv_mov_b32 v11, 11\nv_mov_b32 v12, 12\nv_mov_b32 v20, 0\nv_mov_b32 v22, 22
s_mov_b32 s8, 2\ns_set_gpr_idx_on s8, gpr_idx(SRC0)\nv_mov_b32 v4, v10\ns_set_gpr_idx_off
s_set_gpr_idx_on s8, gpr_idx(DST)\nv_mov_b32 v20, v11\ns_set_gpr_idx_off\nv_add_u32 v5, v10, v11`,
      inputs: 0,
      outputs: ["v4", "v20", "v22", "v5"],
    },
  };

  beforeAll(() => {
    device = openTestDevice();
    const snippets: Record<string, Snippet> = { ...flow };
    [...Object.keys(operations), ...Object.keys(wideOperations)].forEach((code, k) => {
      snippets[`op${k}`] = { code: `${prologue}\n${code}`, inputs: 0, outputs: ["s12", "s13", "scc"] };
    });
    laboratory = Laboratory.assemble(device, snippets);
  });
  afterAll(() => device.close());

  const cases = [...Object.entries(operations), ...Object.entries(wideOperations)];
  it.each(cases.map(([code, [result, scc]], k) => ({ code, result, scc, k })))(
    "$code",
    async ({ code, result, scc, k }) => {
      const [low, high, flag] = await laboratory.run(`op${k}`, []);
      const wide = code in wideOperations;
      const actual = BigInt(low![0]!) | (BigInt(high![0]!) << 32n);
      expect((wide ? actual : u32(actual)).toString(16)).toBe(result.toString(16));
      if (!wide) expect(high![0]).toBe(0xffffffff);
      expect(flag![0]).toBe(scc ? 1 : 0);
    },
  );

  it("branch, call and read the program counter", async () => {
    const [sum, count, distance] = await laboratory.run("loop", []);
    expect([sum![0], count![0]]).toEqual([55, 0]);
    expect(distance![0]).toBe(4 * 8);
    expect((await laboratory.run("branches", []))[0]![0]).toBe(7);
  });

  it("index vector registers by M0", async () => {
    const [read, base, written, plain] = await laboratory.run("index", []);
    expect([read, base, written, plain]).toEqual([12, 0, 11, 21].map((value) => lanes(() => value)));
  });
});
