import { afterEach, describe, expect, it } from "vitest";
import { Laboratory, lanes, noAssembler, type Snippet } from "../../support/assemble.js";
import { onGpu, openTestDevice, setOptions } from "../../support/device.js";

// Of several NaN sources the first one is left, whatever instructions the CPU level has for it.

/** What a source may be, by two bits of the lane's number: a number, NaNs of either sign, a signaling one. */
const KINDS = {
  32: [0x3fc00000, 0x7fc01234, 0xffe54321, 0x7f812345],
  16: [0x3e00, 0x7e12, 0xff34, 0x7c56],
};
const QUIET = { 32: 0x00400000, 16: 0x0200 };

/** `source` 0, 1 or 2 of 64 lanes: all combinations, of 16-bit floats in both halves. */
const sourceOf = (bits: 16 | 32, source: number) =>
  lanes((lane) => {
    const value = KINDS[bits][(lane >> (2 * source)) & 3]!;
    return bits === 32 ? value : value | (value << 16);
  });

/** What an instruction leaves where a source is NaN, null elsewhere. */
function expectedOf(bits: 16 | 32, lane: number, sources: number): number | null {
  const kinds = Array.from({ length: sources }, (_, source) => (lane >> (2 * source)) & 3);
  const first = kinds.find((kind) => kind > 0);
  return first === undefined ? null : (KINDS[bits][first]! | QUIET[bits]) >>> 0;
}

interface Case {
  code: string;
  sources: 2 | 3;
  bits: 16 | 32;
  /** The result is in the low half of v4 alone. */
  low?: boolean;
}

const pairs =
  "v_mov_b32 v6, v1\nv_mov_b32 v7, v1\nv_mov_b32 v8, v2\nv_mov_b32 v9, v2\nv_mov_b32 v10, v3\nv_mov_b32 v11, v3\n";
const CASES: Record<string, Case> = {
  v_add_f32: { code: "v_add_f32 v4, v1, v2", sources: 2, bits: 32 },
  v_sub_f32: { code: "v_sub_f32 v4, v1, v2", sources: 2, bits: 32 },
  v_subrev_f32: { code: "v_subrev_f32 v4, v1, v2", sources: 2, bits: 32 },
  v_mul_f32: { code: "v_mul_f32 v4, v1, v2", sources: 2, bits: 32 },
  v_mul_legacy_f32: { code: "v_mul_legacy_f32 v4, v1, v2", sources: 2, bits: 32 },
  v_fma_f32: { code: "v_fma_f32 v4, v1, v2, v3", sources: 3, bits: 32 },
  v_fmac_f32: { code: "v_mov_b32 v4, v3\nv_fmac_f32 v4, v1, v2", sources: 3, bits: 32 },
  v_pk_add_f32: { code: `${pairs}v_pk_add_f32 v[4:5], v[6:7], v[8:9]`, sources: 2, bits: 32 },
  v_pk_mul_f32: { code: `${pairs}v_pk_mul_f32 v[4:5], v[6:7], v[8:9]`, sources: 2, bits: 32 },
  v_pk_fma_f32: { code: `${pairs}v_pk_fma_f32 v[4:5], v[6:7], v[8:9], v[10:11]`, sources: 3, bits: 32 },
  v_fma_mix_f32: { code: "v_fma_mix_f32 v4, v1, v2, v3", sources: 3, bits: 32 },
  v_add_f16: { code: "v_add_f16 v4, v1, v2", sources: 2, bits: 16, low: true },
  v_mul_f16: { code: "v_mul_f16 v4, v1, v2", sources: 2, bits: 16, low: true },
  v_fma_f16: { code: "v_fma_f16 v4, v1, v2, v3", sources: 3, bits: 16, low: true },
  v_pk_add_f16: { code: "v_pk_add_f16 v4, v1, v2", sources: 2, bits: 16 },
  v_pk_mul_f16: { code: "v_pk_mul_f16 v4, v1, v2", sources: 2, bits: 16 },
  v_pk_fma_f16: { code: "v_pk_fma_f16 v4, v1, v2, v3", sources: 3, bits: 16 },
  // The old value in memory comes first.
  ds_add_f32: {
    code: "ds_write_b32 v255, v1\ns_waitcnt lgkmcnt(0)\nds_add_f32 v255, v2\ns_waitcnt lgkmcnt(0)\nds_read_b32 v4, v255\ns_waitcnt lgkmcnt(0)",
    sources: 2,
    bits: 32,
  },
};

afterEach(() => void setOptions({ CPU: "best" }));

describe.skipIf(onGpu || noAssembler)("the first NaN of several is left", () => {
  it.for(["x86_64", "x86_64_v3", "x86_64_v4"])("on CPU level %s", async (level, { skip }) => {
    if (!setOptions({ CPU: level })) skip("this CPU has no such instructions");
    const device = openTestDevice();
    const snippets = Object.entries(CASES).map(([name, { code }]): [string, Snippet] => [
      `nan_${name}`,
      { code, inputs: 3, outputs: ["v4"], ldsBytes: 256 },
    ]);
    const laboratory = Laboratory.assemble(device, Object.fromEntries(snippets));
    for (const [name, { sources, bits, low = false }] of Object.entries(CASES)) {
      const inputs = [0, 1, 2].map((source) => sourceOf(bits, source));
      const [result] = await laboratory.run(`nan_${name}`, inputs);
      for (let lane = 0; lane < 64; lane++) {
        const expected = expectedOf(bits, lane, sources);
        if (expected === null) continue;
        const mask = low ? 0xffff : 0xffffffff;
        const both = bits === 16 && !low ? ((expected << 16) | expected) >>> 0 : expected;
        expect([name, lane, ((result![lane]! & mask) >>> 0).toString(16)]).toEqual([
          name,
          lane,
          both.toString(16),
        ]);
      }
    }
    await device.close();
  });
});
