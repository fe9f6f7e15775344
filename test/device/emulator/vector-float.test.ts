import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../../lib/device/device.js";
import { Laboratory, lanes, noAssembler, type Snippet } from "../../support/assemble.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import {
  bitsOf,
  doubleBits,
  doubleOf,
  exactFma,
  floatBits,
  floatOf,
  halfOf,
  integerLanes,
  nearestHalf,
  sameFloat,
} from "../../support/lane-values.js";

const round = Math.fround;
const fma32 = (a: number, b: number, c: number) =>
  [a, b, c].every(Number.isFinite) ? round(exactFma(a, b, c, 24, -149)) : a * b + c;
const fma16 = (a: number, b: number, c: number) =>
  [a, b, c].every(Number.isFinite) ? exactFma(a, b, c, 11, -24) : a * b + c;
const least = (...values: number[]) => values.reduce((x, y) => (Number.isNaN(x) ? y : y < x ? y : x));
const greatest = (...values: number[]) => values.reduce((x, y) => (Number.isNaN(x) ? y : y > x ? y : x));
const middle = (...values: number[]) =>
  values.some(Number.isNaN) ? least(...values) : values.sort((a, b) => a - b)[1]!;
const unit = (value: number) => (value > 0 ? Math.min(value, 1) : 0);
const even = (value: number) => {
  const low = Math.floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
};
const signed = (value: number, sign: number) =>
  value === 0 && (sign < 0 || Object.is(sign, -0)) ? -0 : value;

/** Results that are exactly determined. -0 and +0 are told apart, NaNs are not. */
const exact: Record<string, (a: number, b: number, c: number) => number> = {
  "v_add_f32 v4, v1, v2": (a, b) => round(a + b),
  "v_sub_f32 v4, v1, v2": (a, b) => round(a - b),
  "v_subrev_f32 v4, v1, v2": (a, b) => round(b - a),
  "v_mul_f32 v4, v1, v2": (a, b) => round(a * b),
  "v_mul_f32 v4, 0.5, v2": (_, b) => round(b / 2),
  "v_mul_f32_e64 v4, -v1, |v2|": (a, b) => round(-a * Math.abs(b)),
  "v_mul_f32_e64 v4, v1, v2 mul:4": (a, b) => round(round(a * b) * 4),
  "v_add_f32_e64 v4, v1, v2 div:2": (a, b) => round(round(a + b) / 2),
  "v_add_f32_e64 v4, v1, v2 clamp": (a, b) => unit(round(a + b)),
  "v_mul_legacy_f32 v4, v1, v2": (a, b) => (a === 0 || b === 0 ? 0 : round(a * b)),
  "v_fma_f32 v4, v1, v2, v3": fma32,
  "v_fma_f32 v4, v1, -v2, |v3|": (a, b, c) => fma32(a, -b, Math.abs(c)),
  "v_fma_f32 v4, s8, v2, 1.0": (_, b) => fma32(round(0.3), b, 1),
  "v_mov_b32 v4, v3\nv_fmac_f32 v4, v1, v2": fma32,
  "v_fmamk_f32 v4, v1, 0x40490fdb, v3": (a, _, c) => fma32(a, round(Math.PI), c),
  "v_fmaak_f32 v4, v1, v2, 0xc0490fdb": (a, b) => fma32(a, b, -round(Math.PI)),
  "v_min_f32 v4, v1, v2": (a, b) => least(a, b),
  "v_max_f32 v4, v1, v2": (a, b) => greatest(a, b),
  "v_min3_f32 v4, v1, v2, v3": least,
  "v_max3_f32 v4, v1, v2, v3": greatest,
  "v_med3_f32 v4, v1, v2, v3": middle,
  "v_floor_f32 v4, v1": Math.floor,
  "v_ceil_f32 v4, v1": Math.ceil,
  "v_trunc_f32 v4, v1": Math.trunc,
  "v_rndne_f32 v4, v1": (a) => signed(even(a), a),
  "v_fract_f32 v4, v1": (a) => Math.min(round(a - Math.floor(a)), 1 - 2 ** -24),
  "v_ldexp_f32 v4, v1, -3": (a) => round(a / 8),
  "v_frexp_mant_f32 v4, v1": (a) =>
    a === 0 || !Number.isFinite(a) ? a : a / 2 ** (Math.floor(Math.log2(Math.abs(a))) + 1),
  "v_cvt_f16_f32 v5, v1\nv_cvt_f32_f16 v4, v5": (a) => halfOf(nearestHalf(a)),
  // Pairs of registers: the low result in v4, the high one must not disturb it.
  "v_mov_b32 v6, v1\nv_mov_b32 v7, v2\nv_pk_mul_f32 v[4:5], v[6:7], v[6:7] op_sel:[0,1] op_sel_hi:[1,0]": (
    a,
    b,
  ) => round(a * b),
  "v_mov_b32 v6, v1\nv_mov_b32 v7, v2\nv_pk_add_f32 v[8:9], v[6:7], v[6:7] neg_hi:[0,1]\nv_mov_b32 v4, v9": (
    _,
    b,
  ) => round(b - b),
  "v_mov_b32 v6, v1\nv_mov_b32 v7, v2\nv_mov_b32 v8, v3\nv_mov_b32 v9, v3\nv_pk_fma_f32 v[4:5], v[6:7], v[8:9], v[6:7] op_sel:[0,0,1] op_sel_hi:[0,0,0]":
    (a, b, c) => fma32(a, c, b),
  "v_mov_b32 v6, v1\nv_mov_b32 v7, v2\nv_pk_mul_f32 v[6:7], s[8:9], v[6:7] op_sel_hi:[0,1]\nv_mov_b32 v4, v7":
    (_, b) => round(round(0.3) * b),
  "v_mov_b32 v6, v1\nv_mov_b32 v7, v2\nv_pk_mov_b32 v[8:9], v[6:7], v[6:7] op_sel:[1,0]\nv_mov_b32 v4, v8": (
    _,
    b,
  ) => b,
};

/** With at most 1 ulp of error where the result is normal. Denormals are zero on both sides. */
const approximate: Record<string, (a: number) => number> = {
  "v_exp_f32 v4, v1": (a) => 2 ** a,
  "v_log_f32 v4, v1": (a) => Math.log2(a),
  "v_rcp_f32 v4, v1": (a) => 1 / a,
  "v_rsq_f32 v4, v1": (a) => 1 / Math.sqrt(a),
  "v_sqrt_f32 v4, v1": (a) => Math.sqrt(a),
  "v_sin_f32 v4, v1": (a) =>
    Number.isFinite(a) && Math.abs(a) > 256 ? 0 : Math.sin(2 * Math.PI * (a - Math.round(a))),
  "v_cos_f32 v4, v1": (a) =>
    Number.isFinite(a) && Math.abs(a) > 256 ? 1 : Math.cos(2 * Math.PI * (a - Math.round(a))),
};

/** On the low halves of v1, v2 and v3 (or the halves that op_sel names). */
const halves: Record<string, (a: number[], b: number[], c: number[]) => number> = {
  "v_add_f16 v4, v1, v2": ([a], [b]) => a! + b!,
  "v_sub_f16 v4, v1, v2": ([a], [b]) => a! - b!,
  "v_mul_f16 v4, v1, v2": ([a], [b]) => a! * b!,
  "v_mul_f16 v4, 2.0, v2": (_, [b]) => 2 * b!,
  "v_max_f16 v4, v1, v2": ([a], [b]) => greatest(a!, b!),
  "v_mov_b32 v4, 0\nv_fma_f16 v4, v1, v2, v3": ([a], [b], [c]) => fma16(a!, b!, c!),
  "v_mov_b32 v4, 0\nv_fma_f16 v4, v1, -v2, v3 op_sel:[1,1,0,0]": ([, a], [, b], [c]) => fma16(a!, -b!, c!),
  "v_pk_fma_f16 v4, v1, v2, v3 op_sel:[1,0,1]\nv_and_b32 v4, 0xffff, v4": ([, a], [b], [, c]) =>
    fma16(a!, b!, c!),
  "v_pk_fma_f16 v4, v1, v2, v3 neg_hi:[0,0,1]\nv_lshrrev_b32 v4, 16, v4": ([, a], [, b], [, c]) =>
    fma16(a!, b!, -c!),
  "v_pk_add_f16 v4, v1, 1.0 op_sel_hi:[1,0]\nv_lshrrev_b32 v4, 16, v4": ([, a]) => a! + 1,
  "v_pk_mul_f16 v4, v1, v2 neg_lo:[1,0]\nv_and_b32 v4, 0xffff, v4": ([a], [b]) => -a! * b!,
  "v_sqrt_f16 v4, v1": ([a]) => Math.sqrt(a!),
  "v_rcp_f16 v4, v1": ([a]) => round(1 / a!),
  "v_floor_f16 v4, v1": ([a]) => Math.floor(a!),
};

const doubles: Record<string, (a: number, b: number) => number> = {
  "v_add_f64 v[6:7], v[1:2], v[3:4]": (a, b) => a + b,
  "v_mul_f64 v[6:7], v[1:2], -v[3:4]": (a, b) => a * -b,
  "v_max_f64 v[6:7], v[1:2], v[3:4]": (a, b) => greatest(a, b),
  "v_min_f64 v[6:7], v[1:2], |v[3:4]|": (a, b) => least(a, Math.abs(b)),
  "v_fma_f64 v[6:7], v[1:2], 2.0, 0": (a) => a * 2,
  "v_floor_f64 v[6:7], v[1:2]": (a) => Math.floor(a),
  "v_trunc_f64 v[6:7], v[1:2]": (a) => Math.trunc(a),
  "v_rcp_f64 v[6:7], v[1:2]": (a) => 1 / a,
  "v_sqrt_f64 v[6:7], v[1:2]": (a) => Math.sqrt(a),
  "v_ldexp_f64 v[6:7], v[1:2], 5": (a) => a * 32,
  "v_cvt_f32_f64 v5, v[1:2]\nv_cvt_f64_f32 v[6:7], v5": (a) => round(a),
};

/** On a gfx942 the two registers of a pair must be aligned: values move to even ones first. */
const aligned = (code: string) =>
  `v_mov_b32 v10, v1\nv_mov_b32 v11, v2\nv_mov_b32 v12, v3\nv_mov_b32 v13, v4\n${code
    .replaceAll("v[1:2]", "v[10:11]")
    .replaceAll("v[3:4]", "v[12:13]")}`;

describe.skipIf(noAssembler || onGpu)("vector floating-point instructions", () => {
  let device: Device;
  let laboratory: Laboratory;
  const inputs = [1, 2, 3].map(floatBits);
  const halfInputs = [4, 5, 6].map(integerLanes);
  const doubleInputs = [...doubleBits(7), ...doubleBits(8)];

  beforeAll(() => {
    device = openTestDevice();
    const snippets: Record<string, Snippet> = {};
    const add = (kind: string, codes: Record<string, unknown>, count: number, outputs: string[]) => {
      Object.keys(codes).forEach((code, k) => {
        const constant = "s_mov_b32 s8, 0x3e99999a\ns_mov_b32 s9, 0";
        const text = count === 4 ? aligned(code) : `${constant}\n${code}`;
        snippets[`${kind}${k}`] = { code: text, inputs: count, outputs };
      });
    };
    add("exact", exact, 3, ["v4"]);
    add("approximate", approximate, 1, ["v4"]);
    add("half", halves, 3, ["v4"]);
    add("double", doubles, 4, ["v6", "v7"]);
    snippets.flush = {
      code: "v_mul_f32 v4, 1.0, v1\nv_add_f32 v5, v1, v1",
      inputs: 1,
      outputs: ["v4", "v5"],
      denormals32: 0,
    };
    snippets.switch = {
      code: "v_mul_f32 v4, 1.0, v1\ns_setreg_imm32_b32 hwreg(HW_REG_MODE, 4, 2), 0\nv_mul_f32 v5, 1.0, v1\ns_getreg_b32 s8, hwreg(HW_REG_MODE, 4, 4)",
      inputs: 1,
      outputs: ["v4", "v5", "s8"],
    };
    laboratory = Laboratory.assemble(device, snippets);
  });
  afterAll(() => device.close());

  const cases = <F>(table: Record<string, F>) =>
    Object.entries(table).map(([code, f], k) => ({ code, f, k }));
  const mismatches = (actual: Uint32Array, expected: (lane: number) => number) =>
    [...actual].flatMap((bits, lane) =>
      sameFloat(bits, bitsOf(expected(lane)))
        ? []
        : [{ lane, actual: floatOf(bits), expected: expected(lane) }],
    );

  it.each(cases(exact))("$code", async ({ f, k }) => {
    const [result] = await laboratory.run(`exact${k}`, inputs);
    const at = (index: number, lane: number) => floatOf(inputs[index]![lane]!);
    expect(mismatches(result!, (lane) => f(at(0, lane), at(1, lane), at(2, lane)))).toEqual([]);
  });

  it.each(cases(approximate))("$code", async ({ f, k }) => {
    const [result] = await laboratory.run(`approximate${k}`, [inputs[0]!]);
    const flush = (value: number) => (Math.abs(value) < 2 ** -126 ? value * 0 : value);
    for (let lane = 0; lane < 64; lane++) {
      const expected = flush(f(flush(floatOf(inputs[0]![lane]!))));
      const actual = floatOf(result![lane]!);
      if (!Number.isFinite(round(expected))) expect(actual).toEqual(round(expected));
      else {
        const ulp = 2 ** (Math.floor(Math.log2(Math.max(Math.abs(expected), 2 ** -126))) - 23);
        expect(Math.abs(actual - expected) / ulp, `${floatOf(inputs[0]![lane]!)}`).toBeLessThanOrEqual(1);
      }
    }
  });

  it.each(cases(halves))("$code", async ({ f, k }) => {
    const [result] = await laboratory.run(`half${k}`, halfInputs);
    const at = (index: number, lane: number) => {
      const bits = halfInputs[index]![lane]!;
      return [halfOf(bits & 0xffff), halfOf(bits >>> 16)];
    };
    for (let lane = 0; lane < 64; lane++) {
      const expected = nearestHalf(f(at(0, lane), at(1, lane), at(2, lane)));
      const nan = (bits: number) => (bits & 0x7fff) > 0x7c00;
      if (nan(expected)) expect(nan(result![lane]!), `lane ${lane}`).toBe(true);
      else expect(result![lane]!.toString(16), `lane ${lane}`).toBe(expected.toString(16));
    }
  });

  it.each(cases(doubles))("$code", async ({ f, k }) => {
    const [low, high] = await laboratory.run(`double${k}`, doubleInputs);
    for (let lane = 0; lane < 64; lane++) {
      const [a, aHigh, b, bHigh] = doubleInputs.map((input) => input[lane]!);
      const expected = f(doubleOf(a!, aHigh!), doubleOf(b!, bHigh!));
      expect(doubleOf(low![lane]!, high![lane]!), `lane ${lane}`).toEqual(expected);
    }
  });

  it("keep or flush binary32 denormals as MODE says", async () => {
    const denormals = lanes((lane) => (lane % 2 ? 0x80000000 : 0) | (lane + 1));
    const zero = denormals.map((bits) => bits & 0x80000000);
    expect(await laboratory.run("flush", [denormals])).toEqual([zero, zero]);
    const [kept, flushed, mode] = await laboratory.run("switch", [denormals]);
    expect(kept).toEqual(denormals);
    expect(flushed).toEqual(zero);
    expect(mode![0]).toBe(0xc);
  });
});
