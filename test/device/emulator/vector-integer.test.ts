import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../../lib/device/device.js";
import { Laboratory, noAssembler, type Snippet } from "../../support/assemble.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { integerLanes } from "../../support/lane-values.js";

const big = BigInt;
const low32 = (value: bigint) => Number(BigInt.asUintN(32, value));
const signed24 = (value: number) => (value << 8) >> 8;
const low24 = (value: number) => value & 0xffffff;
const byte = (value: number, index: number) => (value >>> (8 * index)) & 255;
const high32 = (value: bigint) => Number(BigInt.asUintN(32, value >> 32n));
const ones = (value: number) => [...(value >>> 0).toString(2)].filter((digit) => digit === "1").length;
const i16 = (value: number) => (value << 16) >> 16;
const u16 = (value: number) => value & 0xffff;
const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);
const median = (values: number[]) => values.sort((a, b) => a - b)[1]!;
const bytes = (f: (index: number) => number) =>
  [0, 1, 2, 3].reduce((sum, index) => sum + f(index) * 2 ** (8 * index), 0);

/** mnemonic (with e64 where a modifier needs it) -> result of unsigned sources a, b, c. */
const operations: Record<string, (a: number, b: number, c: number) => number> = {
  "v_mov_b32 v4, v1": (a) => a,
  "v_not_b32 v4, v1": (a) => ~a,
  "v_bfrev_b32 v4, v1": (a) => Number.parseInt([...a.toString(2).padStart(32, "0")].reverse().join(""), 2),
  "v_ffbh_u32 v4, v1": (a) => (a === 0 ? -1 : Math.clz32(a)),
  "v_ffbl_b32 v4, v1": (a) => (a === 0 ? -1 : 31 - Math.clz32(a & -a)),
  "v_ffbh_i32 v4, v1": (a) => (a === 0 || a === 0xffffffff ? -1 : Math.clz32(a >> 31 ? ~a : a)),
  "v_add_u32 v4, v1, v2": (a, b) => a + b,
  "v_add_u32_e64 v4, v1, v2 clamp": (a, b) => Math.min(a + b, 0xffffffff),
  "v_sub_u32 v4, v1, v2": (a, b) => a - b,
  "v_sub_u32_e64 v4, v1, v2 clamp": (a, b) => Math.max(a - b, 0),
  "v_subrev_u32 v4, v1, v2": (a, b) => b - a,
  "v_add_i32 v4, v1, v2 clamp": (a, b) => clamp((a | 0) + (b | 0), -(2 ** 31), 2 ** 31 - 1),
  "v_sub_i32 v4, v1, v2": (a, b) => a - b,
  "v_sub_i32 v4, v1, v2 clamp": (a, b) => clamp((a | 0) - (b | 0), -(2 ** 31), 2 ** 31 - 1),
  "v_add_u32 v4, -16, v2": (_, b) => b - 16,
  "v_add_u32 v4, 0x12345678, v2": (_, b) => b + 0x12345678,
  "v_and_b32 v4, v1, v2": (a, b) => a & b,
  "v_or_b32 v4, v1, v2": (a, b) => a | b,
  "v_xor_b32 v4, v1, v2": (a, b) => a ^ b,
  "v_xnor_b32 v4, v1, v2": (a, b) => ~(a ^ b),
  "v_lshlrev_b32 v4, v1, v2": (a, b) => b << (a & 31),
  "v_lshrrev_b32 v4, v1, v2": (a, b) => b >>> (a & 31),
  "v_ashrrev_i32 v4, v1, v2": (a, b) => b >> (a & 31),
  "v_min_i32 v4, v1, v2": (a, b) => Math.min(a | 0, b | 0),
  "v_max_i32 v4, v1, v2": (a, b) => Math.max(a | 0, b | 0),
  "v_min_u32 v4, v1, v2": (a, b) => Math.min(a, b),
  "v_max_u32 v4, v1, v2": (a, b) => Math.max(a, b),
  "v_mul_u32_u24 v4, v1, v2": (a, b) => low32(big(low24(a)) * big(low24(b))),
  "v_mul_hi_u32_u24 v4, v1, v2": (a, b) => high32(big(low24(a)) * big(low24(b))),
  "v_mul_i32_i24 v4, v1, v2": (a, b) => low32(big(signed24(a)) * big(signed24(b))),
  "v_mul_hi_i32_i24 v4, v1, v2": (a, b) => high32(big(signed24(a)) * big(signed24(b))),
  "v_mul_lo_u32 v4, v1, v2": (a, b) => low32(big(a) * big(b)),
  "v_mul_hi_u32 v4, v1, v2": (a, b) => high32(big(a) * big(b)),
  "v_mul_hi_i32 v4, v1, v2": (a, b) => high32(big(a | 0) * big(b | 0)),
  "v_mad_u32_u24 v4, v1, v2, v3": (a, b, c) => low32(big(low24(a)) * big(low24(b)) + big(c)),
  "v_mad_i32_i24 v4, v1, v2, v3": (a, b, c) => low32(big(signed24(a)) * big(signed24(b)) + big(c)),
  "v_mad_u32_u16 v4, v1, v2, v3": (a, b, c) => low32(big(u16(a)) * big(u16(b)) + big(c)),
  "v_mad_i32_i16 v4, v1, v2, v3": (a, b, c) => low32(big(i16(a)) * big(i16(b)) + big(c)),
  "v_mad_u32_u16 v4, v1, v2, v3 op_sel:[1,0,0,0]": (a, b, c) => low32(big(a >>> 16) * big(u16(b)) + big(c)),
  "v_add3_u32 v4, v1, v2, v3": (a, b, c) => a + b + c,
  "v_lshl_add_u32 v4, v1, v2, v3": (a, b, c) => (a << (b & 31)) + c,
  "v_add_lshl_u32 v4, v1, v2, v3": (a, b, c) => ((a + b) | 0) << (c & 31),
  "v_lshl_or_b32 v4, v1, v2, v3": (a, b, c) => (a << (b & 31)) | c,
  "v_and_or_b32 v4, v1, v2, v3": (a, b, c) => (a & b) | c,
  "v_or3_b32 v4, v1, v2, v3": (a, b, c) => a | b | c,
  "v_xad_u32 v4, v1, v2, v3": (a, b, c) => (a ^ b) + c,
  "v_bfe_u32 v4, v1, v2, v3": (a, b, c) => Number((big(a) >> big(b & 31)) % 2n ** big(c & 31)),
  "v_bfe_i32 v4, v1, v2, v3": (a, b, c) =>
    Number(BigInt.asIntN(c & 31, BigInt.asIntN(32, big(a)) >> big(b & 31))),
  "v_bfi_b32 v4, v1, v2, v3": (a, b, c) => (a & b) | (~a & c),
  "v_bfm_b32 v4, v1, v2": (a, b) => ((2 ** (a & 31) - 1) | 0) << (b & 31),
  "v_alignbit_b32 v4, v1, v2, v3": (a, b, c) => low32(((big(a) << 32n) | big(b)) >> big(c & 31)),
  "v_alignbyte_b32 v4, v1, v2, v3": (a, b, c) => low32(((big(a) << 32n) | big(b)) >> big(8 * (c & 3))),
  "v_bcnt_u32_b32 v4, v1, v2": (a, b) => ones(a) + b,
  "v_min3_i32 v4, v1, v2, v3": (a, b, c) => Math.min(a | 0, b | 0, c | 0),
  "v_max3_u32 v4, v1, v2, v3": (a, b, c) => Math.max(a, b, c),
  "v_med3_i32 v4, v1, v2, v3": (a, b, c) => median([a | 0, b | 0, c | 0]),
  "v_med3_u32 v4, v1, v2, v3": (a, b, c) => median([a, b, c]),
  "v_sad_u32 v4, v1, v2, v3": (a, b, c) => Math.abs(a - b) + c,
  "v_sad_u16 v4, v1, v2, v3": (a, b, c) => Math.abs(u16(a) - u16(b)) + Math.abs((a >>> 16) - (b >>> 16)) + c,
  "v_sad_u8 v4, v1, v2, v3": (a, b, c) =>
    [0, 1, 2, 3].reduce((sum, k) => sum + Math.abs(byte(a, k) - byte(b, k)), c),
  "v_msad_u8 v4, v1, v2, v3": (a, b, c) =>
    [0, 1, 2, 3].reduce((sum, k) => sum + (byte(b, k) === 0 ? 0 : Math.abs(byte(a, k) - byte(b, k))), c),
  "v_lerp_u8 v4, v1, v2, v3": (a, b, c) => bytes((k) => (byte(a, k) + byte(b, k) + (byte(c, k) & 1)) >> 1),
  "v_perm_b32 v4, v1, v2, v3": (a, b, c) => {
    const pool = [
      byte(b, 0),
      byte(b, 1),
      byte(b, 2),
      byte(b, 3),
      byte(a, 0),
      byte(a, 1),
      byte(a, 2),
      byte(a, 3),
    ];
    const signOf = (k: number) => (pool[k]! >= 128 ? 255 : 0);
    return bytes((k) => {
      const s = byte(c, k);
      return s < 8 ? pool[s]! : s < 12 ? signOf(2 * (s - 8) + 1) : s === 12 ? 0 : 255;
    });
  },
  "v_add_u16 v4, v1, v2": (a, b) => u16(a + b),
  "v_add_u16_e64 v4, v1, v2 clamp": (a, b) => Math.min(u16(a) + u16(b), 0xffff),
  "v_subrev_u16 v4, v1, v2": (a, b) => u16(b - a),
  "v_mul_lo_u16 v4, v1, v2": (a, b) => low32(big(a) * big(b)) & 0xffff,
  "v_lshlrev_b16 v4, v1, v2": (a, b) => u16(b << (a & 15)),
  "v_lshrrev_b16 v4, v1, v2": (a, b) => u16(b) >> (a & 15),
  "v_ashrrev_i16 v4, v1, v2": (a, b) => u16(i16(b) >> (a & 15)),
  "v_max_i16 v4, v1, v2": (a, b) => u16(Math.max(i16(a), i16(b))),
  "v_min_u16 v4, v1, v2": (a, b) => Math.min(u16(a), u16(b)),
  "v_pack_b32_f16 v4, v1, v2 op_sel:[1,0,0]": (a, b) => (a >>> 16) | (b << 16),
  "v_pack_b32_f16 v4, -v1, |v2|": (a, b) => u16(a ^ 0x8000) | ((b & 0x7fff) << 16),
  "v_pack_b32_f16 v4, -|v1|, 0.5 op_sel:[1,0,0]": (a) => (a >>> 16) | 0x38008000,
  // VOP3's own 16-bit opcodes leave the other half of the destination (v5 = v1 before) alone.
  "v_mov_b32 v4, v1\nv_add_i16 v4, v2, v3 clamp": (a, b, c) =>
    (a & 0xffff0000) | u16(clamp(i16(b) + i16(c), -32768, 32767)),
  "v_mov_b32 v4, v1\nv_max3_i16 v4, v2, v3, 0 op_sel:[0,1,0,1]": (a, b, c) =>
    u16(a) | (Math.max(i16(b), i16(c >>> 16), 0) << 16),
  "v_mov_b32 v4, v1\nv_mad_u16 v4, v2, v3, v2": (a, b, c) =>
    (a & 0xffff0000) | u16(low32(big(u16(b)) * big(u16(c)) + big(u16(b)))),
  // Packed halves.
  "v_pk_add_u16 v4, v1, v2": (a, b) => u16(a + b) | (((a >>> 16) + (b >>> 16)) << 16),
  "v_pk_sub_u16 v4, v1, v2 clamp": (a, b) =>
    Math.max(u16(a) - u16(b), 0) | (Math.max((a >>> 16) - (b >>> 16), 0) << 16),
  "v_pk_mul_lo_u16 v4, v1, v2 op_sel:[1,0] op_sel_hi:[0,1]": (a, b) =>
    u16(Math.imul(a >>> 16, u16(b))) | (Math.imul(u16(a), b >>> 16) << 16),
  "v_pk_mad_i16 v4, v1, v2, v3": (a, b, c) =>
    u16(Math.imul(i16(a), i16(b)) + c) | ((Math.imul(a >> 16, b >> 16) + (c >>> 16)) << 16),
  "v_pk_ashrrev_i16 v4, 3, v1 op_sel_hi:[0,1]": (a) => u16(i16(a) >> 3) | (((a >> 16) >> 3) << 16),
  "v_pk_max_i16 v4, v1, v2": (a, b) => u16(Math.max(i16(a), i16(b))) | (Math.max(a >> 16, b >> 16) << 16),
  // Dot products.
  "v_dot4_i32_i8 v4, v1, v2, v3": (a, b, c) =>
    [0, 8, 16, 24].reduce((sum, k) => sum + ((a << (24 - k)) >> 24) * ((b << (24 - k)) >> 24), c),
  "v_dot2_u32_u16 v4, v1, v2, v3": (a, b, c) =>
    low32(big(u16(a)) * big(u16(b)) + big(a >>> 16) * big(b >>> 16) + big(c)),
  "v_mov_b32 v4, v3\nv_dot8c_i32_i4 v4, v1, v2": (a, b, c) =>
    [0, 4, 8, 12, 16, 20, 24, 28].reduce(
      (sum, k) => sum + ((a << (28 - k)) >> 28) * ((b << (28 - k)) >> 28),
      c,
    ),
  // Conversions between integers.
  "v_cvt_pk_u16_u32 v4, v1, v2": (a, b) => Math.min(a, 0xffff) | (Math.min(b, 0xffff) << 16),
  "v_cvt_pk_i16_i32 v4, v1, v2": (a, b) =>
    u16(clamp(a | 0, -32768, 32767)) | (clamp(b | 0, -32768, 32767) << 16),
  "v_sat_pk_u8_i16 v4, v1": (a) => clamp(i16(a), 0, 255) | (clamp(a >> 16, 0, 255) << 8),
  // Sub-dword operands.
  "v_add_u32_sdwa v4, v1, v2 dst_sel:DWORD src0_sel:BYTE_1 src1_sel:WORD_1": (a, b) =>
    byte(a, 1) + (b >>> 16),
  "v_add_u32_sdwa v4, sext(v1), v2 dst_sel:DWORD src0_sel:BYTE_3 src1_sel:DWORD": (a, b) => (a >> 24) + b,
  "v_mov_b32 v4, v3\nv_and_b32_sdwa v4, v1, v2 dst_sel:BYTE_2 dst_unused:UNUSED_PRESERVE src0_sel:WORD_0 src1_sel:DWORD":
    (a, b, c) => (c & 0xff00ffff) | ((a & b & 255) << 16),
  "v_mov_b32_sdwa v4, v1 dst_sel:WORD_0 dst_unused:UNUSED_SEXT src0_sel:WORD_1": (a) => a >> 16,
  "v_mov_b32_sdwa v4, v1 dst_sel:WORD_1 dst_unused:UNUSED_PAD src0_sel:BYTE_0": (a) => byte(a, 0) << 16,
};

/** 64-bit: sources are {v1, v2} and {v3, v4} or v3, the result is {v6, v7}. */
const wideOperations: Record<string, (a: bigint, b: bigint, c: bigint) => bigint> = {
  "v_lshlrev_b64 v[6:7], v4, v[2:3]": (_, b, c) => b << (c & 63n),
  "v_lshrrev_b64 v[6:7], v4, v[2:3]": (_, b, c) => b >> (c & 63n),
  "v_ashrrev_i64 v[6:7], v4, v[2:3]": (_, b, c) => BigInt.asIntN(64, b) >> (c & 63n),
  "v_mad_u64_u32 v[6:7], vcc, v1, v4, v[2:3]": (a, b, c) => a * c + b,
  "v_mad_i64_i32 v[6:7], vcc, v1, v4, v[2:3]": (a, b, c) => BigInt.asIntN(32, a) * BigInt.asIntN(32, c) + b,
  "v_lshl_add_u64 v[6:7], v[2:3], 3, v[2:3]": (_, b) => (b << 3n) + b,
  "v_add_co_u32 v6, vcc, v1, v2\nv_addc_co_u32 v7, vcc, v4, v3, vcc": (a, b, c) => a + (c << 32n) + b,
  "v_sub_co_u32 v6, vcc, v1, v2\nv_subb_co_u32 v7, vcc, v4, v3, vcc": (a, b, c) => a + (c << 32n) - b,
  "v_sub_co_u32 v6, s[8:9], v2, v1\nv_subbrev_co_u32_e64 v7, s[8:9], v4, v3, s[8:9]": (a, b, c) =>
    b - (a + (c << 32n)),
  "v_mov_b64 v[6:7], v[2:3]": (_, b) => b,
  "v_qsad_pk_u16_u8 v[6:7], v[2:3], v1, v[2:3]": (a, b) =>
    [0, 1, 2, 3].reduce((sum, k) => {
      const differences = [0, 1, 2, 3].map((j) => {
        const x = Number((b >> big(8 * (k + j))) & 255n);
        return Math.abs(x - Number((a >> big(8 * j)) & 255n));
      });
      const total = big(differences.reduce((x, y) => x + y)) + (b >> big(16 * k));
      return sum | ((total & 0xffffn) << big(16 * k));
    }, 0n),
};

describe.skipIf(noAssembler || onGpu)("vector integer instructions", () => {
  let device: Device;
  let laboratory: Laboratory;
  const inputs = [1, 2, 3].map(integerLanes);

  beforeAll(() => {
    device = openTestDevice();
    const snippets: Record<string, Snippet> = {};
    Object.keys(operations).forEach((code, k) => {
      snippets[`narrow${k}`] = { code, inputs: 3, outputs: ["v4"] };
    });
    Object.keys(wideOperations).forEach((code, k) => {
      snippets[`wide${k}`] = { code, inputs: 4, outputs: ["v6", "v7"] };
    });
    laboratory = Laboratory.assemble(device, snippets);
  });
  afterAll(() => device.close());

  it.each(Object.entries(operations).map(([code, f], k) => ({ code, f, k })))("$code", async ({ f, k }) => {
    const [result] = await laboratory.run(`narrow${k}`, inputs);
    const expected = inputs[0]!.map((a, lane) => f(a, inputs[1]![lane]!, inputs[2]![lane]!));
    expect([...result!]).toEqual([...expected]);
  });

  it.each(Object.entries(wideOperations).map(([code, f], k) => ({ code, f, k })))(
    "$code",
    async ({ f, k }) => {
      const four = [...inputs, integerLanes(4)];
      const [low, high] = await laboratory.run(`wide${k}`, four);
      const actual = [...low!].map((value, lane) => big(value) | (big(high![lane]!) << 32n));
      const expected = [...four[0]!].map((a, lane) => {
        const middle = big(four[1]![lane]!) | (big(four[2]![lane]!) << 32n);
        return BigInt.asUintN(64, f(big(a), middle, big(four[3]![lane]!)));
      });
      expect(actual).toEqual(expected);
    },
  );
});
