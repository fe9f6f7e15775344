import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../../lib/device/device.js";
import { Laboratory, lanes, noAssembler, type Snippet } from "../../support/assemble.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import {
  bitsOf,
  doubleBits,
  doubleOf,
  doubleWords,
  floatBits,
  floatOf,
  halfOf,
  integerLanes,
  nearestHalf,
  sameFloat,
} from "../../support/lane-values.js";

type Test = (a: number, b: number) => boolean;
const unordered = (a: number, b: number) => Number.isNaN(a) || Number.isNaN(b);
const floatConditions: Record<string, Test> = {
  f: () => false,
  lt: (a, b) => a < b,
  eq: (a, b) => a === b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  lg: (a, b) => !unordered(a, b) && a !== b,
  ge: (a, b) => a >= b,
  o: (a, b) => !unordered(a, b),
  u: unordered,
  nge: (a, b) => unordered(a, b) || a < b,
  nlg: (a, b) => unordered(a, b) || a === b,
  ngt: (a, b) => unordered(a, b) || a <= b,
  nle: (a, b) => unordered(a, b) || a > b,
  neq: (a, b) => a !== b,
  nlt: (a, b) => unordered(a, b) || a >= b,
  tru: () => true,
};
const integerConditions: Record<string, (a: bigint, b: bigint) => boolean> = {
  f: () => false,
  lt: (a, b) => a < b,
  eq: (a, b) => a === b,
  le: (a, b) => a <= b,
  gt: (a, b) => a > b,
  ne: (a, b) => a !== b,
  ge: (a, b) => a >= b,
  t: () => true,
};

const clamp = (value: number, low: number, high: number) =>
  Number.isNaN(value) ? 0 : Math.min(Math.max(Math.trunc(value), low), high);
const even = (value: number) => {
  const low = Math.floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
};
const bf16 = (value: number) => {
  const bits = bitsOf(value);
  if (Number.isNaN(value)) return 0x7fc0;
  const low = bits & 0xffff;
  const high = bits >>> 16;
  return low > 0x8000 || (low === 0x8000 && high % 2 === 1) ? high + 1 : high;
};
/** Toward zero: the nearest one, or its neighbour below in magnitude. */
const truncatedHalf = (value: number) => {
  const nearest = nearestHalf(value);
  return Math.abs(halfOf(nearest)) > Math.abs(value) && !Number.isNaN(value) ? nearest - 1 : nearest;
};

/** Integer results of a float, and of raw bits. */
const ofFloat: Record<string, (a: number, b: number) => number> = {
  "v_cvt_i32_f32 v4, v1": (a) => clamp(a, -(2 ** 31), 2 ** 31 - 1),
  "v_cvt_u32_f32 v4, v1": (a) => clamp(a, 0, 2 ** 32 - 1),
  "v_cvt_u32_f32_e64 v4, -v1": (a) => clamp(-a, 0, 2 ** 32 - 1),
  "v_cvt_rpi_i32_f32 v4, v1": (a) => clamp(Math.floor(Math.fround(a + 0.5)), -(2 ** 31), 2 ** 31 - 1),
  "v_cvt_flr_i32_f32 v4, v1": (a) => clamp(Math.floor(a), -(2 ** 31), 2 ** 31 - 1),
  "v_cvt_pkrtz_f16_f32 v4, v1, v2": (a, b) => truncatedHalf(a) | (truncatedHalf(b) << 16),
  "v_cvt_pknorm_i16_f32 v4, v1, v2": (a, b) => {
    const norm = (x: number) => even(Math.fround(Math.min(Math.max(x || 0, -1), 1) * 32767)) & 0xffff;
    return norm(a) | (norm(b) << 16);
  },
  "v_cvt_pk_u8_f32 v4, v1, 2, v2": (a, b) => {
    const byte = even(Math.min(Math.max(a || 0, 0), 255));
    return (bitsOf(b) & 0xff00ffff) | (byte << 16);
  },
  "v_frexp_exp_i32_f32 v4, v1": (a) =>
    a === 0 || !Number.isFinite(a) ? 0 : Math.floor(Math.log2(Math.abs(a))) + 1,
};
const ofBits: Record<string, (a: number) => number> = {
  "v_cvt_f32_i32 v4, v1": (a) => a | 0,
  "v_cvt_f32_u32 v4, v1": (a) => a,
  "v_cvt_f32_ubyte0 v4, v1": (a) => a & 255,
  "v_cvt_f32_ubyte1 v4, v1": (a) => (a >>> 8) & 255,
  "v_cvt_f32_ubyte2 v4, v1": (a) => (a >>> 16) & 255,
  "v_cvt_f32_ubyte3 v4, v1": (a) => a >>> 24,
  "v_cvt_f32_f16 v4, v1": (a) => halfOf(a & 0xffff),
  "v_cvt_f32_f16_sdwa v4, v1 dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:WORD_1": (a) => halfOf(a >>> 16),
  "v_cvt_off_f32_i4 v4, v1": (a) => ((a << 28) >> 28) / 16,
  "v_cvt_f64_i32 v[6:7], v1\nv_cvt_f32_f64 v4, v[6:7]": (a) => a | 0,
  "v_cvt_f64_u32 v[6:7], v1\nv_cvt_f32_f64 v4, v[6:7]": (a) => a,
  "v_cvt_f16_i16 v5, v1\nv_cvt_f32_f16 v4, v5": (a) => halfOf(nearestHalf((a << 16) >> 16)),
  "v_cvt_f16_u16 v5, v1\nv_cvt_f32_f16 v4, v5": (a) => halfOf(nearestHalf(a & 0xffff)),
};

describe.skipIf(noAssembler || onGpu)("comparisons and conversions", () => {
  let device: Device;
  let laboratory: Laboratory;
  const floats = [floatBits(11), floatBits(12)].map((input, k) =>
    input.map((value, lane) => (lane % 5 === 0 ? 0x3fc00000 : k && lane % 7 === 0 ? 0x40000000 : value)),
  );
  const integers = [integerLanes(13), integerLanes(14)].map((input) =>
    input.map((value, lane) => (lane % 4 === 0 ? 5 : value)),
  );

  const snippets: Record<string, Snippet> = {};
  for (const condition of Object.keys(floatConditions)) {
    for (const type of ["f16", "f32"]) {
      const outputs = ["vcc_lo", "vcc_hi"];
      snippets[`${condition}_${type}`] = {
        code: `v_cmp_${condition}_${type} vcc, v1, v2`,
        inputs: 2,
        outputs,
      };
    }
    snippets[`${condition}_f64`] = {
      code: `v_mov_b32 v6, 0\nv_mov_b32 v7, v1\nv_mov_b32 v8, 0\nv_mov_b32 v9, v2\nv_cmp_${condition}_f64 s[8:9], v[6:7], v[8:9]`,
      inputs: 2,
      outputs: ["s8", "s9"],
    };
  }
  for (const condition of Object.keys(integerConditions)) {
    for (const type of ["i16", "u16", "i32", "u32"]) {
      snippets[`${condition}_${type}`] = {
        code: `v_cmp_${condition}_${type}_e64 s[8:9], v1, v2`,
        inputs: 2,
        outputs: ["s8", "s9"],
      };
    }
    for (const type of ["i64", "u64"]) {
      snippets[`${condition}_${type}`] = {
        code: `v_mov_b32 v6, v2\nv_mov_b32 v7, v1\nv_mov_b32 v8, v1\nv_mov_b32 v9, v2\nv_cmp_${condition}_${type} s[8:9], v[6:7], v[8:9]`,
        inputs: 2,
        outputs: ["s8", "s9"],
      };
    }
  }
  Object.keys(ofFloat).forEach((code, k) => {
    snippets[`ofFloat${k}`] = { code, inputs: 2, outputs: ["v4"] };
  });
  Object.keys(ofBits).forEach((code, k) => {
    snippets[`ofBits${k}`] = { code, inputs: 1, outputs: ["v4"] };
  });
  snippets.class32 = { code: "v_cmp_class_f32 vcc, v1, v2", inputs: 2, outputs: ["vcc_lo", "vcc_hi"] };
  snippets.masked = {
    code: "s_mov_b32 exec_lo, 0xff\nv_cmpx_lt_u32 vcc, v0, v1\nv_mov_b32 v4, 1",
    inputs: 1,
    outputs: ["vcc_lo", "vcc_hi", "exec_lo", "exec_hi"],
  };
  snippets.double = {
    code: "v_mov_b32 v6, v1\nv_mov_b32 v7, v2\nv_cvt_i32_f64 v4, v[6:7]\nv_cvt_u32_f64 v5, v[6:7]\nv_cvt_f32_f64 v8, v[6:7]",
    inputs: 2,
    outputs: ["v4", "v5", "v8"],
  };

  beforeAll(() => {
    device = openTestDevice();
    laboratory = Laboratory.assemble(device, snippets);
  });
  afterAll(() => device.close());

  const mask = async (name: string, inputs: Uint32Array[]) => {
    const [low, high] = await laboratory.run(name, inputs);
    return BigInt(low![0]!) | (BigInt(high![0]!) << 32n);
  };
  const maskOf = (test: (lane: number) => boolean) => {
    let result = 0n;
    for (let lane = 0; lane < 64; lane++) if (test(lane)) result |= 1n << BigInt(lane);
    return result;
  };

  it.each(Object.entries(floatConditions))("v_cmp_%s_f16, _f32 and _f64", async (name, test) => {
    const at = (k: number, lane: number) => floatOf(floats[k]![lane]!);
    expect(await mask(`${name}_f32`, floats)).toBe(maskOf((lane) => test(at(0, lane), at(1, lane))));
    const half = (k: number, lane: number) => halfOf(integers[k]![lane]! & 0xffff);
    expect(await mask(`${name}_f16`, integers)).toBe(maskOf((lane) => test(half(0, lane), half(1, lane))));
    const high = (k: number, lane: number) => doubleOf(0, floats[k]![lane]!);
    expect(await mask(`${name}_f64`, floats)).toBe(maskOf((lane) => test(high(0, lane), high(1, lane))));
  });

  it.each(Object.entries(integerConditions))(
    "v_cmp_%s on integers of 16, 32 and 64 bits",
    async (name, test) => {
      for (const bits of [16, 32]) {
        const at = (k: number, lane: number) => BigInt(integers[k]![lane]!);
        const as = (f: typeof BigInt.asIntN) => (lane: number) =>
          test(f(bits, at(0, lane)), f(bits, at(1, lane)));
        expect(await mask(`${name}_i${bits}`, integers)).toBe(maskOf(as(BigInt.asIntN)));
        expect(await mask(`${name}_u${bits}`, integers)).toBe(maskOf(as(BigInt.asUintN)));
      }
      const wide = (high: number, lane: number) =>
        (BigInt(integers[high]![lane]!) << 32n) | BigInt(integers[1 - high]![lane]!);
      expect(await mask(`${name}_u64`, integers)).toBe(maskOf((lane) => test(wide(0, lane), wide(1, lane))));
      const signed = (high: number, lane: number) => BigInt.asIntN(64, wide(high, lane));
      expect(await mask(`${name}_i64`, integers)).toBe(
        maskOf((lane) => test(signed(0, lane), signed(1, lane))),
      );
    },
  );

  it("v_cmp_class tells the ten classes of floats apart", async () => {
    const classes = [
      ...[
        0x7fa00000, 0x7fc00000, 0xff800000, 0xc0000000, 0x80000001, 0x80000000, 0, 1, 0x3f800000, 0x7f800000,
      ],
    ];
    const values = lanes((lane) => classes[lane % 10]!);
    const wanted = lanes((lane) => 1 << Math.floor(lane / 6));
    expect(await mask("class32", [values, wanted])).toBe(
      maskOf((lane) => lane % 10 === Math.floor(lane / 6)),
    );
  });

  it("v_cmpx writes EXEC, too, and inactive lanes are 0", async () => {
    const outputs = await laboratory.run("masked", [lanes((lane) => (lane % 2 ? 0 : 3))]);
    // Lanes 0..7 and 32..63 are active; below 3 and even are 0 and 2.
    expect(outputs.map((output) => output[0])).toEqual([5, 0, 5, 0]);
  });

  it.each(Object.entries(ofFloat).map(([code, f], k) => ({ code, f, k })))("$code", async ({ f, k }) => {
    const [result] = await laboratory.run(`ofFloat${k}`, floats);
    expect([...result!]).toEqual([
      ...lanes((lane) => f(floatOf(floats[0]![lane]!), floatOf(floats[1]![lane]!))),
    ]);
  });

  it.each(Object.entries(ofBits).map(([code, f], k) => ({ code, f, k })))("$code", async ({ f, k }) => {
    const [result] = await laboratory.run(`ofBits${k}`, [integers[0]!]);
    for (let lane = 0; lane < 64; lane++) {
      expect(sameFloat(result![lane]!, bitsOf(f(integers[0]![lane]!))), `lane ${lane}`).toBe(true);
    }
  });

  it("convert binary64", async () => {
    const input = doubleBits(15);
    // Some beyond the range of 32-bit integers.
    for (let lane = 0; lane < 64; lane += 9)
      [input[0][lane], input[1][lane]] = doubleWords((lane - 30) * 2 ** 28);
    const [signed, unsigned, single] = await laboratory.run("double", input);
    for (let lane = 0; lane < 64; lane++) {
      const value = doubleOf(input[0][lane]!, input[1][lane]!);
      expect(signed![lane]! | 0).toBe(clamp(value, -(2 ** 31), 2 ** 31 - 1) | 0);
      expect(unsigned![lane]!).toBe(clamp(value, 0, 2 ** 32 - 1) >>> 0);
      expect(sameFloat(single![lane]!, bitsOf(Math.fround(value)))).toBe(true);
    }
  });

  it("rounds to bf16 on gfx950", async () => {
    const other = openTestDevice({ emulate: "gfx950" });
    const code = "v_cvt_pk_bf16_f32 v4, v1, v2\nv_cvt_f32_bf16 v5, v1";
    const [packed, widened] = await Laboratory.assemble(other, {
      f: { code, inputs: 2, outputs: ["v4", "v5"] },
    }).run("f", floats);
    const nan = (bits: number) => (bits & 0x7fff) > 0x7f80;
    for (let lane = 0; lane < 64; lane++) {
      [packed![lane]! & 0xffff, packed![lane]! >>> 16].forEach((actual, k) => {
        const expected = bf16(floatOf(floats[k]![lane]!));
        expect(nan(expected) ? nan(actual) : actual === expected, `lane ${lane}`).toBe(true);
      });
      expect(sameFloat(widened![lane]!, floats[0]![lane]! << 16)).toBe(true);
    }
    await other.close();
  });
});
