import { afterEach, describe, expect, it } from "vitest";
import { floatLanes, Laboratory, lanes, noAssembler, type Snippet } from "../../support/assemble.js";
import { onGpu, openTestDevice, setOptions } from "../../support/device.js";

// Invalid operations leave a quiet NaN with its sign set, whatever the instruction and the CPU level.

const INF = 0x7f800000;
const HALF_INF = 0x7c00;
const double = (register: number, high: number) =>
  `v_mov_b32 v${register}, 0\nv_mov_b32 v${register + 1}, ${high}\n`;
const DOUBLE_INF = 0x7ff00000;
const pair = (register: number, value: number) =>
  `v_mov_b32 v${register}, ${value}\nv_mov_b32 v${register + 1}, ${value}\n`;

interface Invalid {
  code: string;
  bits: 16 | 32 | 64;
  /** Both halves of v4 are results. */
  packed?: boolean;
}
/** v1 = inf, v2 = -inf, v3 = 0, v5 = -1, v6 = inf and v7 = -inf as 16-bit floats in both halves, v8 = -1 likewise. */
const prepare = `v_mov_b32 v1, ${INF}
v_mov_b32 v2, 0xff800000
v_mov_b32 v3, 0
v_mov_b32 v5, -1.0
v_mov_b32 v6, ${HALF_INF | (HALF_INF << 16)}
v_mov_b32 v7, 0xfc00fc00
v_mov_b32 v8, 0xbc00bc00
`;
const doubles = `${double(10, DOUBLE_INF)}${double(12, 0xfff00000)}${double(14, 0)}${double(16, 0xbff00000)}`;

const INVALID: Record<string, Invalid> = {
  v_add_f32: { code: "v_add_f32 v4, v1, v2", bits: 32 },
  v_sub_f32: { code: "v_sub_f32 v4, v1, v1", bits: 32 },
  v_subrev_f32: { code: "v_subrev_f32 v4, v1, v1", bits: 32 },
  v_mul_f32: { code: "v_mul_f32 v4, v1, v3", bits: 32 },
  v_fma_f32: { code: "v_fma_f32 v4, v1, v5, v1", bits: 32 },
  "v_fma_f32 of 0 and infinity": { code: "v_fma_f32 v4, v1, v3, 1.0", bits: 32 },
  v_fmac_f32: { code: "v_mov_b32 v4, v1\nv_fmac_f32 v4, v1, v5", bits: 32 },
  v_fma_mix_f32: { code: "v_fma_mix_f32 v4, v1, v3, v1", bits: 32 },
  v_pk_fma_f32: {
    code: `${pair(10, INF)}${pair(12, 0)}v_pk_fma_f32 v[14:15], v[10:11], v[12:13], v[10:11]\nv_mov_b32 v4, v15`,
    bits: 32,
  },
  v_sqrt_f32: { code: "v_sqrt_f32 v4, v5", bits: 32 },
  v_rsq_f32: { code: "v_rsq_f32 v4, v5", bits: 32 },
  v_log_f32: { code: "v_log_f32 v4, v5", bits: 32 },
  v_sin_f32: { code: "v_sin_f32 v4, v1", bits: 32 },
  v_cos_f32: { code: "v_cos_f32 v4, v2", bits: 32 },
  v_fract_f32: { code: "v_fract_f32 v4, v1", bits: 32 },
  "v_div_fixup_f32 of 0 / 0": { code: "v_div_fixup_f32 v4, v5, v3, v3", bits: 32 },
  "v_div_fixup_f32 of inf / inf": { code: "v_div_fixup_f32 v4, v5, v1, v1", bits: 32 },
  "v_div_fixup_f32 of inf / -inf": { code: "v_div_fixup_f32 v4, v5, v2, v1", bits: 32 },
  v_div_scale_f32: { code: "v_div_scale_f32 v4, vcc, v3, v3, v3", bits: 32 },
  v_dot2_f32_f16: { code: "v_dot2_f32_f16 v4, v6, v8, v1", bits: 32 },
  ds_add_f32: {
    code: "ds_write_b32 v255, v1\ns_waitcnt lgkmcnt(0)\nds_add_f32 v255, v2\ns_waitcnt lgkmcnt(0)\nds_read_b32 v4, v255\ns_waitcnt lgkmcnt(0)",
    bits: 32,
  },
  v_add_f16: { code: "v_add_f16 v4, v6, v7", bits: 16 },
  v_mul_f16: { code: "v_mul_f16 v4, v6, v3", bits: 16 },
  v_fma_f16: { code: "v_fma_f16 v4, v6, v8, v6", bits: 16 },
  v_sqrt_f16: { code: "v_sqrt_f16 v4, v8", bits: 16 },
  v_rsq_f16: { code: "v_rsq_f16 v4, v8", bits: 16 },
  v_log_f16: { code: "v_log_f16 v4, v8", bits: 16 },
  v_sin_f16: { code: "v_sin_f16 v4, v6", bits: 16 },
  "v_div_fixup_f16 of 0 / 0": { code: "v_div_fixup_f16 v4, v8, v3, v3", bits: 16 },
  "v_div_fixup_f16 of inf / inf": { code: "v_div_fixup_f16 v4, v8, v6, v6", bits: 16 },
  v_pk_add_f16: { code: "v_pk_add_f16 v4, v6, v7", bits: 16, packed: true },
  v_pk_fma_f16: { code: "v_pk_fma_f16 v4, v6, v8, v6", bits: 16, packed: true },
  v_add_f64: { code: "v_add_f64 v[20:21], v[10:11], v[12:13]", bits: 64 },
  v_mul_f64: { code: "v_mul_f64 v[20:21], v[10:11], v[14:15]", bits: 64 },
  v_fma_f64: { code: "v_fma_f64 v[20:21], v[10:11], v[16:17], v[10:11]", bits: 64 },
  v_sqrt_f64: { code: "v_sqrt_f64 v[20:21], v[16:17]", bits: 64 },
  v_rsq_f64: { code: "v_rsq_f64 v[20:21], v[16:17]", bits: 64 },
  v_fract_f64: { code: "v_fract_f64 v[20:21], v[10:11]", bits: 64 },
  "v_div_fixup_f64 of 0 / 0": { code: "v_div_fixup_f64 v[20:21], v[16:17], v[14:15], v[14:15]", bits: 64 },
  "v_div_fixup_f64 of inf / inf": {
    code: "v_div_fixup_f64 v[20:21], v[16:17], v[10:11], v[10:11]",
    bits: 64,
  },
};

const snippetOf = ({ code, bits }: Invalid): Snippet => ({
  code: `${prepare}${bits === 64 ? doubles : ""}${code}\ns_nop 4`,
  inputs: 0,
  outputs: bits === 64 ? ["v20", "v21"] : ["v4"],
  ldsBytes: 256,
});

afterEach(() => void setOptions({ CPU: "best" }));

describe.skipIf(onGpu || noAssembler)("invalid operations leave a NaN with its sign set", () => {
  it.for(["x86_64", "x86_64_v3", "x86_64_v4"])("on CPU level %s", async (level, { skip }) => {
    if (!setOptions({ CPU: level })) skip("this CPU has no such instructions");
    await using device = openTestDevice();
    const names = Object.keys(INVALID);
    const laboratory = Laboratory.assemble(
      device,
      Object.fromEntries(names.map((name, k) => [`invalid_${k}`, snippetOf(INVALID[name]!)])),
    );
    for (const [k, name] of names.entries()) {
      const { bits, packed = false } = INVALID[name]!;
      const results = await laboratory.run(`invalid_${k}`, []);
      const words = results.map((lane) => lane[17]!);
      const expected = {
        64: [0, 0xfff80000],
        32: [0xffc00000],
        16: [packed ? 0xfe00fe00 : 0xfe00],
      }[bits];
      const seen = bits === 16 && !packed ? words.map((word) => word & 0xffff) : words;
      expect([name, ...seen.map((word) => word.toString(16))]).toEqual([
        name,
        ...expected.map((word) => word.toString(16)),
      ]);
    }
  });

  it("but not where a source is a NaN: that one is left, quiet", async () => {
    await using device = openTestDevice();
    const unary = [
      "v_sqrt_f32",
      "v_rsq_f32",
      "v_log_f32",
      "v_exp_f32",
      "v_sin_f32",
      "v_cos_f32",
      "v_rcp_f32",
    ];
    const all = [...unary, "v_trunc_f32", "v_floor_f32", "v_ceil_f32", "v_rndne_f32", "v_fract_f32"];
    const laboratory = Laboratory.assemble(
      device,
      Object.fromEntries(
        all.map((name) => [name, { code: `${name} v4, v1\ns_nop 4`, inputs: 1, outputs: ["v4"] }]),
      ),
    );
    const sources = [0x7fc01234, 0xffe54321, 0x7f812345, 0xff800001];
    for (const name of all) {
      const [result] = await laboratory.run(name, [lanes((lane) => sources[lane % 4]!)]);
      const seen = [0, 1, 2, 3].map((lane) => result![lane]!.toString(16));
      expect([name, ...seen]).toEqual([
        name,
        ...sources.map((bits) => ((bits | 0x00400000) >>> 0).toString(16)),
      ]);
    }
  });
});

describe.skipIf(onGpu || noAssembler)("the clamp modifier", () => {
  const clamped: Record<string, string> = {
    v_add_f32: "v_add_f32 v4, v1, v2 clamp",
    v_mul_f32: "v_mul_f32 v4, v1, 1.0 clamp",
    v_fma_mix_f32: "v_fma_mix_f32 v4, v1, 1.0, 0 clamp",
    v_dot2_f32_f16: "v_dot2_f32_f16 v4, v2, v2, v1 clamp",
    v_pk_add_f32: "v_mov_b32 v10, v1\nv_mov_b32 v11, v1\nv_pk_add_f32 v[4:5], v[10:11], v[2:3] clamp",
    v_add_f16: "v_cvt_f16_f32 v6, v1\nv_add_f16 v4, v6, v2 clamp\nv_cvt_f32_f16 v4, v4",
    v_pk_add_f16: "v_cvt_f16_f32 v6, v1\nv_pk_add_f16 v4, v6, v2 clamp\nv_cvt_f32_f16 v4, v4",
    v_add_f64: "v_cvt_f64_f32 v[6:7], v1\nv_add_f64 v[8:9], v[6:7], 0 clamp\nv_cvt_f32_f64 v4, v[8:9]",
  };
  const dx10Clamp = (value: 0 | 1) => `s_setreg_imm32_b32 hwreg(HW_REG_MODE, 8, 1), ${value}\n`;
  const values = [Number.NaN, -2, 0.5, 3];

  it.each([
    [1, [0, 0, 0.5, 1]],
    [0, [Number.NaN, 0, 0.5, 1]],
  ] as const)("limits to 0 and 1, under DX10_CLAMP = %i", async (mode, expected) => {
    await using device = openTestDevice();
    const laboratory = Laboratory.assemble(
      device,
      Object.fromEntries(
        Object.entries(clamped).map(([name, code]) => [
          name,
          {
            code: `${dx10Clamp(mode)}v_mov_b32 v2, 0\nv_mov_b32 v3, 0\n${code}\ns_nop 4`,
            inputs: 1,
            outputs: ["v4"],
          },
        ]),
      ),
    );
    for (const name of Object.keys(clamped)) {
      const [result] = await laboratory.run(name, [floatLanes((lane) => values[lane % 4]!)]);
      const seen = [...new Float32Array(result!.buffer, result!.byteOffset, 4)];
      expect([name, ...seen]).toEqual([name, ...expected]);
    }
  });
});
