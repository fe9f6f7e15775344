import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../../lib/device/device.js";
import {
  asFloats,
  floatLanes,
  Laboratory,
  lanes,
  noAssembler,
  type Snippet,
} from "../../support/assemble.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { doubleOf, doubleWords, floatBits, floatOf, integerLanes } from "../../support/lane-values.js";

/** DPP control -> the lane that source 0 comes from (outside of 0..63: none). */
const controls: Record<string, (lane: number) => number> = {
  "quad_perm:[3,1,0,2]": (lane) => lane - (lane % 4) + [3, 1, 0, 2][lane % 4]!,
  "row_shl:3": (lane) => (lane % 16 > 12 ? -1 : lane + 3),
  "row_shr:1": (lane) => (lane % 16 === 0 ? -1 : lane - 1),
  "row_shr:15": (lane) => (lane % 16 === 15 ? lane - 15 : -1),
  "row_ror:5": (lane) => 16 * Math.floor(lane / 16) + ((lane + 11) % 16),
  "wave_shl:1": (lane) => (lane === 63 ? -1 : lane + 1),
  "wave_rol:1": (lane) => (lane + 1) % 64,
  "wave_shr:1": (lane) => lane - 1,
  "wave_ror:1": (lane) => (lane + 63) % 64,
  row_mirror: (lane) => 16 * Math.floor(lane / 16) + 15 - (lane % 16),
  row_half_mirror: (lane) => 8 * Math.floor(lane / 8) + 7 - (lane % 8),
  "row_bcast:15": (lane) => (lane < 16 ? -1 : 16 * Math.floor(lane / 16) - 1),
  "row_bcast:31": (lane) => (lane < 32 ? -1 : 31),
  "row_newbcast:6": (lane) => 16 * Math.floor(lane / 16) + 6,
};

const divisions = [
  [1, 3],
  [-7, 2],
  [1e38, 1e-3],
  [1e-38, 3],
  [3e-38, 2e38],
  [1e38, 3e38],
  [3, 1e-39],
  [0, 5],
  [5, 0],
  [0, 0],
  [Number.POSITIVE_INFINITY, 2],
  [2, Number.NEGATIVE_INFINITY],
  [Number.NaN, 1],
  [1e-45, 1e-45],
  [3.4e38, 1.0000001],
  [1e-40, 7e30],
  // Denormal quotients that another rounding first, to 24 bits, would put halfway between two.
  [2.1784144743849936e-21, 2.2694234388902707e17],
  [7.353803641414792e-23, 1.186468072521728e16],
  [1.6086565175237225e-22, 4.750203335108198e16],
  [-2.2290320309802e-21, 3.1626084455389594e17],
] as const;
/** The same of binary64. */
const doubleDivisions = [
  [5.190499658493806e-308, 24.791037012394064],
  [4.684117278416096e-308, -3.1335659031549064],
  [1.2019026069168402e-307, 6.19314403022784],
  [6.940067542488819e-308, 5.790114746092926],
] as const;

// What a compiler emits for n / d (v1 / v2, v[30:31] / v[32:33]), the quotient in v4 and v5.
const divide32 = `v_div_scale_f32 v10, s[8:9], v2, v2, v1
v_div_scale_f32 v11, vcc, v1, v2, v1
v_rcp_f32 v12, v10
v_fma_f32 v13, -v10, v12, 1.0\nv_fma_f32 v12, v13, v12, v12
v_mul_f32 v13, v11, v12\nv_fma_f32 v14, -v10, v13, v11\nv_fma_f32 v13, v14, v12, v13\nv_fma_f32 v14, -v10, v13, v11
v_div_fmas_f32 v13, v14, v12, v13
v_div_fixup_f32 v4, v13, v2, v1`;
const divide64 = `v_div_scale_f64 v[10:11], s[8:9], v[32:33], v[32:33], v[30:31]
v_rcp_f64 v[12:13], v[10:11]
v_fma_f64 v[14:15], -v[10:11], v[12:13], 1.0\nv_fma_f64 v[12:13], v[12:13], v[14:15], v[12:13]
v_fma_f64 v[14:15], -v[10:11], v[12:13], 1.0\nv_fma_f64 v[12:13], v[12:13], v[14:15], v[12:13]
v_div_scale_f64 v[14:15], vcc, v[30:31], v[32:33], v[30:31]
v_mul_f64 v[16:17], v[14:15], v[12:13]\nv_fma_f64 v[18:19], -v[10:11], v[16:17], v[14:15]
v_div_fmas_f64 v[16:17], v[18:19], v[12:13], v[16:17]
v_div_fixup_f64 v[4:5], v[16:17], v[32:33], v[30:31]`;

describe.skipIf(noAssembler || onGpu)("instructions across lanes", () => {
  let device: Device;
  let laboratory: Laboratory;
  const input = integerLanes(21);
  const old = integerLanes(22);
  const snippets: Record<string, Snippet> = {};
  Object.keys(controls).forEach((control, k) => {
    const prologue = "v_mov_b32 v4, v2\nv_mov_b32 v5, v2\nv_mov_b32 v6, v1";
    // v4: lanes without a source keep their value; v5: they read 0; v6: in place.
    snippets[`dpp${k}`] = {
      code: `${prologue}
v_mov_b32_dpp v4, v1 ${control} row_mask:0xf bank_mask:0xf
v_mov_b32_dpp v5, v1 ${control} row_mask:0xf bank_mask:0xf bound_ctrl:0
v_mov_b32_dpp v6, v6 ${control} row_mask:0xf bank_mask:0xf bound_ctrl:0`,
      inputs: 2,
      outputs: ["v4", "v5", "v6"],
    };
  });
  Object.assign(snippets, {
    masks: {
      code: `v_mov_b32 v4, v2\nv_mov_b32 v5, v2\nv_mov_b32 v6, v2
v_add_u32_dpp v4, v1, v2 row_shr:4 row_mask:0x5 bank_mask:0xe
s_mov_b64 exec, 0x55\ns_nop 1
v_mov_b32_dpp v5, v1 quad_perm:[1,0,3,2] row_mask:0xf bank_mask:0xf
v_mov_b32_dpp v6, v1 quad_perm:[2,3,0,1] row_mask:0xf bank_mask:0xf`,
      inputs: 2,
      outputs: ["v4", "v5", "v6"],
    },
    negate: {
      code: "v_sub_f32_dpp v4, -v1, |v2| row_mirror row_mask:0xf bank_mask:0xf",
      inputs: 2,
      outputs: ["v4"],
    },
    lane: {
      code: `v_readfirstlane_b32 s8, v1\nv_readlane_b32 s9, v1, 37\ns_mov_b32 s10, 5\nv_readlane_b32 s11, v1, s10
v_mov_b32 v4, v1\ns_mov_b32 m0, 5\nv_writelane_b32 v4, s9, m0\nv_writelane_b32 v4, -3, 63
s_mov_b64 exec, 0xf0\nv_readfirstlane_b32 s12, v1`,
      inputs: 1,
      outputs: ["s8", "s9", "s11", "s12", "v4"],
    },
    count: {
      code: "v_mbcnt_lo_u32_b32 v4, -1, 0\nv_mbcnt_hi_u32_b32 v4, -1, v4\nv_mbcnt_lo_u32_b32 v5, 0x11, 7\nv_mbcnt_hi_u32_b32 v6, s8, 1",
      inputs: 0,
      outputs: ["v4", "v5", "v6"],
    },
    select: {
      code: `s_mov_b32 vcc_lo, 0xff00ff00\ns_mov_b32 vcc_hi, 0xf\nv_cndmask_b32 v4, v1, v2, vcc
s_mov_b64 s[8:9], 3\nv_cndmask_b32_e64 v5, 0, -1, s[8:9]\nv_cndmask_b32_e64 v6, -v1, |v2|, vcc
v_mov_b32 v7, 0\ns_mov_b64 exec, 5\nv_cndmask_b32 v7, v1, v2, vcc`,
      inputs: 2,
      outputs: ["v4", "v5", "v6", "v7"],
    },
    swap: { code: "v_swap_b32 v1, v2", inputs: 2, outputs: ["v1", "v2"] },
    carry: {
      code: `s_mov_b32 exec_hi, 0\ns_mov_b64 vcc, -1\nv_add_co_u32 v4, vcc, v1, v2
v_cmp_lt_u32_e64 s[8:9], v4, v1`,
      inputs: 2,
      outputs: ["vcc_lo", "vcc_hi", "s8", "s9"],
    },
    divide32: { code: divide32, inputs: 2, outputs: ["v4"] },
    divide64: {
      code: `v_cvt_f64_f32 v[30:31], v1\nv_cvt_f64_f32 v[32:33], v2\n${divide64}`,
      inputs: 2,
      outputs: ["v4", "v5"],
    },
    divideDoubles: {
      code: `v_mov_b32 v30, v1\nv_mov_b32 v31, v2\nv_mov_b32 v32, v3\nv_mov_b32 v33, v4\n${divide64}`,
      inputs: 4,
      outputs: ["v4", "v5"],
    },
  } satisfies Record<string, Snippet>);

  beforeAll(() => {
    device = openTestDevice();
    laboratory = Laboratory.assemble(device, snippets);
  });
  afterAll(() => device.close());

  it.each(Object.entries(controls).map(([control, source], k) => ({ control, source, k })))(
    "DPP $control",
    async ({ source, k }) => {
      const [kept, zero, inPlace] = await laboratory.run(`dpp${k}`, [input, old]);
      const from = (lane: number, otherwise: number) => input[source(lane)] ?? otherwise;
      expect(kept).toEqual(lanes((lane) => from(lane, old[lane]!)));
      expect(zero).toEqual(lanes((lane) => from(lane, 0)));
      expect(inPlace).toEqual(zero);
    },
  );

  it("DPP writes only the rows and banks of its masks, and reads active lanes only", async () => {
    const [masked, neighbours, pairs] = await laboratory.run("masks", [input, old]);
    expect(masked).toEqual(
      lanes((lane) => {
        const row = Math.floor(lane / 16);
        const bank = Math.floor(lane / 4) % 4;
        return row % 2 === 0 && bank > 0 ? input[lane - 4]! + old[lane]! : old[lane]!;
      }),
    );
    // Active are 0, 2, 4 and 6: the neighbour of each is not, the lane two further is.
    expect(neighbours).toEqual(old);
    expect(pairs).toEqual(lanes((lane) => (lane < 8 && lane % 2 === 0 ? input[lane ^ 2]! : old[lane]!)));
  });

  it("DPP takes neg and abs", async () => {
    const floats = [floatLanes((lane) => lane - 20), floatLanes((lane) => 10 - lane)];
    const [result] = await laboratory.run("negate", floats);
    const mirrored = (lane: number) => lane - (lane % 16) + 15 - (lane % 16) - 20;
    expect(asFloats(result!)).toEqual(
      Float32Array.from({ length: 64 }, (_, lane) => -mirrored(lane) - Math.abs(10 - lane)),
    );
  });

  it("read and write single lanes", async () => {
    const [first, fixed, named, active, written] = await laboratory.run("lane", [input]);
    expect([first, fixed, named, active].map((output) => output![0])).toEqual(
      [0, 37, 5, 4].map((k) => input[k]!),
    );
    expect(written).toEqual(lanes((lane) => (lane === 5 ? input[37]! : lane === 63 ? -3 : input[lane]!)));
  });

  it("count the bits below a lane", async () => {
    const [all, some] = await laboratory.run("count", []);
    expect(all).toEqual(lanes((lane) => lane));
    expect(some).toEqual(lanes((lane) => 7 + (lane > 0 ? 1 : 0) + (lane > 4 ? 1 : 0)));
  });

  it("select by a mask", async () => {
    const [vcc, pair, modified, partial] = await laboratory.run("select", [input, old]);
    const inVcc = (lane: number) => (lane < 32 ? Math.floor(lane / 8) % 2 === 1 : lane < 36);
    expect(vcc).toEqual(lanes((lane) => (inVcc(lane) ? old : input)[lane]!));
    expect(pair).toEqual(lanes((lane) => (lane < 2 ? -1 : 0)));
    expect(modified).toEqual(
      lanes((lane) => (inVcc(lane) ? old[lane]! & 0x7fffffff : input[lane]! ^ 0x80000000)),
    );
    expect(partial).toEqual(lanes((lane) => (lane === 0 || lane === 2 ? input[lane]! : 0)));
  });

  it("swap registers", async () => {
    expect(await laboratory.run("swap", [input, old])).toEqual([old, input]);
  });

  it("carry out of the active lanes", async () => {
    const [low, high, compared, comparedHigh] = await laboratory.run("carry", [input, old]);
    let expected = 0;
    for (let lane = 0; lane < 32; lane++) if (input[lane]! + old[lane]! >= 2 ** 32) expected += 2 ** lane;
    expect([low, high, compared, comparedHigh].map((output) => output![0])).toEqual([
      expected,
      0,
      expected,
      0,
    ]);
  });

  it.each([
    ["chosen", [0, 1].map((k) => floatLanes((lane) => divisions[lane % divisions.length]![k]!))],
    ["random", [floatBits(31), floatBits(32)]],
  ])("divide %s numbers as IEEE says", async (_, operands) => {
    const [single] = await laboratory.run("divide32", operands);
    const [low, high] = await laboratory.run("divide64", operands);
    for (let lane = 0; lane < 64; lane++) {
      const [numerator, denominator] = operands.map((operand) => floatOf(operand[lane]!));
      const at = `${numerator} / ${denominator}`;
      expect(floatOf(single![lane]!), at).toEqual(Math.fround(numerator! / denominator!));
      const view = new DataView(new Uint32Array([low![lane]!, high![lane]!]).buffer);
      expect(view.getFloat64(0, true), at).toEqual(numerator! / denominator!);
    }
  });

  it("divide binary64 numbers with denormal quotients as IEEE says", async () => {
    const pair = (lane: number) => doubleDivisions[lane % doubleDivisions.length]!;
    const words = [0, 1].flatMap((k) =>
      [0, 1].map((half) => lanes((lane) => doubleWords(pair(lane)[k]!)[half]!)),
    );
    const [low, high] = await laboratory.run("divideDoubles", words);
    for (let lane = 0; lane < doubleDivisions.length; lane++) {
      const [numerator, denominator] = pair(lane);
      expect(doubleOf(low![lane]!, high![lane]!)).toBe(numerator / denominator);
    }
  });

  it("exchange rows on gfx950", async () => {
    const other = openTestDevice({ emulate: "gfx950" });
    const code = `v_mov_b32 v4, v1\nv_mov_b32 v5, v2\nv_permlane32_swap_b32 v4, v5
v_mov_b32 v6, v1\nv_mov_b32 v7, v2\nv_permlane16_swap_b32 v6, v7
v_bitop3_b32 v8, v1, v2, v0 bitop3:0xca`;
    const snippet = { code, inputs: 2, outputs: ["v4", "v5", "v6", "v7", "v8"] };
    const [a32, b32, a16, b16, chosen] = await Laboratory.assemble(other, { snippet }).run("snippet", [
      input,
      old,
    ]);
    // The upper half (the odd rows) of the first register and the lower half (the even rows) of the second.
    expect(a32).toEqual(lanes((lane) => (lane < 32 ? input[lane]! : old[lane - 32]!)));
    expect(b32).toEqual(lanes((lane) => (lane < 32 ? input[lane + 32]! : old[lane]!)));
    const odd = (lane: number) => (lane & 16) !== 0;
    expect(a16).toEqual(lanes((lane) => (odd(lane) ? old[lane - 16]! : input[lane]!)));
    expect(b16).toEqual(lanes((lane) => (odd(lane) ? old[lane]! : input[lane + 16]!)));
    // 0xca: v2 where v1 is set, else v0.
    expect(chosen).toEqual(lanes((lane) => (input[lane]! & old[lane]!) | (~input[lane]! & lane)));
    await other.close();
  });
});
