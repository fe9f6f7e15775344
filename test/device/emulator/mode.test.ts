import { afterEach, describe, expect, it } from "vitest";
import type { Device, EmulatedArch } from "../../../lib/device/device.js";
import { Laboratory, lanes, noAssembler, type Snippet } from "../../support/assemble.js";
import { coded } from "../../support/coded.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { decodeSmallFloat, encodeSmallFloat, type SmallFloat } from "../../support/float8.js";
import { bitsOf, doubleOf, floatBits, floatOf, halfOf, randomDwords } from "../../support/lane-values.js";

// The fields of the MODE register, set by s_setreg: what rounds how, what is flushed, what saturates.

const devices: Device[] = [];
afterEach(() => Promise.all(devices.splice(0).map((device) => device.close())));

async function run(snippet: Snippet, inputs: Uint32Array[], arch: EmulatedArch = "gfx942") {
  const device = openTestDevice({ emulate: arch });
  devices.push(device);
  return Laboratory.assemble(device, { snippet }).run("snippet", inputs);
}

const field = (offset: number, bits: number, value: number) =>
  `s_setreg_imm32_b32 hwreg(HW_REG_MODE, ${offset}, ${bits}), ${value}\n`;
const roundings = ["to even", "up", "down", "toward zero"] as const;
type Rounding = (typeof roundings)[number];
const setRounding16 = (rounding: Rounding) => field(2, 2, roundings.indexOf(rounding));

/** The finite 16-bit floats of one sign, ascending in magnitude: index and bits are the same. */
const magnitudes = Float64Array.from({ length: 0x7c00 }, (_, bits) => halfOf(bits));

/** `exact` as a 16-bit float, found among all of them. */
function roundedHalf(exact: number, rounding: Rounding, saturates: boolean): number {
  const sign = exact < 0 || Object.is(exact, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(exact);
  if (Number.isNaN(exact)) return 0x7e00;
  if (magnitude === Number.POSITIVE_INFINITY) return sign | 0x7c00;
  let below = 0;
  for (let step = 0x4000; step > 0; step >>= 1) {
    if (below + step < magnitudes.length && magnitudes[below + step]! <= magnitude) below += step;
  }
  const low = magnitudes[below]!;
  const high = below + 1 < magnitudes.length ? magnitudes[below + 1]! : 65536;
  const away = {
    "to even":
      magnitude - low > high - magnitude || (magnitude - low === high - magnitude && below % 2 === 1),
    up: magnitude > low && exact > 0,
    down: magnitude > low && exact < 0,
    "toward zero": false,
  }[rounding];
  const result = below + (away ? 1 : 0);
  return sign | (saturates && result === 0x7c00 ? 0x7bff : result);
}
const flushed = (half: number) => (half & 0x7c00 ? half : half & 0x8000);

/** Sums and products of these are exact in binary64. */
function halfPairs(seed: number): Uint32Array {
  const next = randomDwords(seed);
  const edges = [0, 0x8000, 1, 0x8001, 0x3ff, 0x400, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00];
  const half = () => (next() % 4 === 0 ? edges[next() % edges.length]! : next() & 0xffff);
  return lanes(() => half() | (half() << 16));
}

type Halves = (a: number, b: number) => number;
/** Instructions on the low halves of v1 and v2 to the low half of v4. */
const halfCases: Record<string, Halves> = {
  "v_add_f16 v4, v1, v2": (a, b) => a + b,
  "v_mul_f16 v4, v1, v2": (a, b) => a * b,
  "v_mul_f16_e64 v4, -v1, |v2|": (a, b) => -a * Math.abs(b),
  "v_pk_add_f16 v4, v1, v2": (a, b) => a + b,
  "v_pk_mul_f16 v4, v1, v2 neg_lo:[1,0]": (a, b) => -a * b,
  "v_pk_fma_f16 v4, v1, v2, 0": (a, b) => a * b + 0,
  "v_mov_b32 v4, 0\nv_fma_mixlo_f16 v4, v1, v2, 0 op_sel_hi:[1,1,0]": (a, b) => a * b + 0,
  "v_max_f16 v4, v1, v2": (a, b) => (Number.isNaN(a) || b > a ? b : a),
  "v_ldexp_f16 v4, v1, 3": (a) => a * 8,
  "v_cvt_f32_f16 v4, v1\nv_mul_f32 v4, 3.0, v4\nv_cvt_f16_f32 v4, v4": (a) => a * 3,
};
const isNanHalf = (half: number) => (half & 0x7fff) > 0x7c00;

describe.skipIf(noAssembler || onGpu)("MODE", () => {
  const halves = [halfPairs(41), halfPairs(42)];
  const low = (input: number, lane: number) => halves[input]![lane]! & 0xffff;

  describe.each(roundings)("with 16-bit floats rounded %s", (rounding) => {
    it.each(Object.entries(halfCases))("%s", async (code, f) => {
      for (const [saturates, flushes] of [
        [false, false],
        [true, false],
        [false, true],
      ] as const) {
        const prologue =
          setRounding16(rounding) + field(23, 1, Number(saturates)) + field(6, 2, flushes ? 0 : 3);
        const [result] = await run({ code: prologue + code, inputs: 2, outputs: ["v4"] }, halves);
        const given = (half: number) => halfOf(flushes ? flushed(half) : half);
        for (let lane = 0; lane < 64; lane++) {
          const exact = f(given(low(0, lane)), given(low(1, lane)));
          const rounded = roundedHalf(exact, rounding, saturates);
          const expected = flushes ? flushed(rounded) : rounded;
          const actual = result![lane]! & 0xffff;
          const at = `lane ${lane}, saturates ${saturates}, flushes ${flushes}`;
          if (isNanHalf(expected)) expect(isNanHalf(actual), at).toBe(true);
          // Sums that cancel are -0 when rounding down; JavaScript's are not.
          else if (exact === 0) expect(actual & 0x7fff, at).toBe(0);
          else expect(actual.toString(16), at).toBe(expected.toString(16));
        }
      }
    });
  });

  it("saturates 16-bit floats from the start, as the kernel's descriptor says", async () => {
    const code = "v_add_f16 v4, v1, v1";
    const input = lanes((lane) => (lane % 2 ? 0x7b00 : 0xfc00));
    const [result] = await run({ code, inputs: 1, outputs: ["v4"], fp16Overflow: true }, [input]);
    expect(result).toEqual(lanes((lane) => (lane % 2 ? 0x7bff : 0xfc00)));
  });

  it("refuses to say whether the infinity of a pole saturates", async () => {
    const code = `${field(23, 1, 1)}v_rcp_f16 v4, v1`;
    const snippet = { code, inputs: 1, outputs: ["v4"] };
    const [result] = await run(snippet, [lanes(() => 0x7c00)]);
    expect(result).toEqual(lanes(() => 0));
    await expect(run(snippet, [lanes(() => 0)])).rejects.toEqual(
      coded("ERR_DEVICE_FAULT", "infinity under MODE.FP16_OVFL", "v_rcp_f16"),
    );
  });

  it.each(roundings)("rounds binary32 and binary64 %s, each by its own field", async (rounding) => {
    const inputs = [floatBits(43), floatBits(44)];
    const mode = roundings.indexOf(rounding);
    const sum64 = "v_cvt_f64_f32 v[6:7], v1\nv_cvt_f64_f32 v[8:9], v2\nv_mul_f64 v[6:7], v[6:7], v[6:7]";
    const operation = `v_add_f32 v4, v1, v2\nv_rndne_f32 v5, v1\nv_mul_f64 v[6:7], v[6:7], v[8:9]\n`;
    const outputs = ["v4", "v5", "v6", "v7"];
    const of32 = await run(
      { code: `${sum64}\n${field(0, 2, mode)}${operation}`, inputs: 2, outputs },
      inputs,
    );
    const of64 = await run(
      { code: `${sum64}\n${field(2, 2, mode)}${operation}`, inputs: 2, outputs },
      inputs,
    );
    const usual = await run({ code: `${sum64}\n${operation}`, inputs: 2, outputs }, inputs);
    expect(of32.slice(1)).toEqual(usual.slice(1));
    expect(of64.slice(0, 2)).toEqual(usual.slice(0, 2));
    let different = 0;
    for (let lane = 0; lane < 64; lane++) {
      const [a, b] = inputs.map((input) => floatOf(input[lane]!));
      const exact = a! + b!;
      // Exact in binary64 (or as good): compare with the neighbours.
      if (
        !Number.isFinite(exact) ||
        Math.abs(a!) > 2 ** 28 * Math.abs(b!) ||
        Math.abs(b!) > 2 ** 28 * Math.abs(a!)
      )
        continue;
      const actual = floatOf(of32[0]![lane]!);
      const nearest = Math.fround(exact);
      if (rounding === "to even") expect(actual).toBe(nearest);
      if (rounding === "up") expect(actual).toBeGreaterThanOrEqual(exact);
      if (rounding === "down") expect(actual).toBeLessThanOrEqual(exact);
      if (rounding === "toward zero") expect(Math.abs(actual)).toBeLessThanOrEqual(Math.abs(exact));
      const ulp = Math.abs(floatOf(bitsOf(Math.abs(nearest)) + 1) - Math.abs(nearest));
      expect(Math.abs(actual - exact)).toBeLessThan(Math.max(2 * ulp, 2 ** -149));
      if (actual !== nearest) different++;
    }
    expect(different > 0).toBe(rounding !== "to even");
    const product = (results: Uint32Array[], lane: number) =>
      doubleOf(results[2]![lane]!, results[3]![lane]!);
    const changed = Array.from({ length: 64 }, (_, lane) => product(of64, lane) - product(usual, lane));
    if (rounding === "to even") expect(changed.every((x) => x === 0 || Number.isNaN(x))).toBe(true);
    if (rounding === "up") expect(changed.some((x) => x > 0) && !changed.some((x) => x < 0)).toBe(true);
    if (rounding === "down") expect(changed.some((x) => x < 0) && !changed.some((x) => x > 0)).toBe(true);
  });

  it("flushes denormals that v_min, v_max and v_med3 give back", async () => {
    const code = `${field(4, 4, 0)}v_min_f32 v4, v1, v2
v_max3_f32 v5, v1, v2, v1\nv_max_f32_e64 v6, -v1, -v1\nv_med3_f32 v7, v1, v2, v1
v_mov_b32 v10, v3\nv_mov_b32 v11, v1\nv_max_f64 v[8:9], v[10:11], v[10:11]`;
    const denormals = lanes((lane) => (lane % 2 ? 0x80000000 : 0) | (lane + 1));
    const outputs = ["v4", "v5", "v6", "v7", "v8", "v9"];
    const snippet = { code, inputs: 3, outputs };
    const results = await run(snippet, [denormals, denormals, denormals]);
    const zero = denormals.map((bits) => bits & 0x80000000);
    const none = lanes(() => 0);
    expect(results).toEqual([zero, zero, zero.map((bits) => bits ^ 0x80000000), zero, none, zero]);
    // Kept, they come back as they are.
    const kept = await run({ ...snippet, code: code.replace(field(4, 4, 0), "") }, [
      denormals,
      denormals,
      denormals,
    ]);
    expect(kept[0]).toEqual(denormals);
    expect(kept[4]).toEqual(denormals);
  });

  describe.each([
    ["gfx942", "e4m3fnuz", "e5m2fnuz"],
    ["gfx950", "e4m3fn", "e5m2"],
  ] as const)("on %s", (arch, fp8, bf8) => {
    const largest = { e4m3fnuz: 240, e5m2fnuz: 57344, e4m3fn: 448, e5m2: 57344 };
    const saturated = (format: keyof typeof largest, value: number) =>
      Number.isNaN(value)
        ? encodeSmallFloat(format, value)
        : encodeSmallFloat(format, Math.max(-largest[format], Math.min(largest[format], value)));
    const same = (format: SmallFloat, actual: number, expected: number) =>
      actual === expected || [actual, expected].every((code) => Number.isNaN(decodeSmallFloat(format, code)));
    const finite = floatBits(45).map((bits, lane) =>
      lane === 0 ? 0x7fc00000 : (bits & 0x7f800000) === 0x7f800000 ? bitsOf(1e30) : bits,
    );
    const large = lanes((lane) => bitsOf((lane % 2 ? -1 : 1) * 2 ** (lane / 3) * 17));

    it("saturates conversions to fp8 under FP16_OVFL", async () => {
      const code = `v_mov_b32 v4, 0\nv_mov_b32 v5, 0\n${field(23, 1, 1)}v_cvt_pk_fp8_f32 v4, v1, v2
v_cvt_pk_bf8_f32 v5, v1, v2 op_sel:[0,0,1]`;
      const [first, second] = await run({ code, inputs: 2, outputs: ["v4", "v5"] }, [finite, large], arch);
      for (let lane = 0; lane < 64; lane++) {
        [finite, large].forEach((input, k) => {
          const value = floatOf(input[lane]!);
          const [a, b] = [(first![lane]! >>> (8 * k)) & 255, (second![lane]! >>> (16 + 8 * k)) & 255];
          expect(same(fp8, a, saturated(fp8, value)), `${fp8} of ${value} is ${a}`).toBe(true);
          expect(same(bf8, b, saturated(bf8, value)), `${bf8} of ${value} is ${b}`).toBe(true);
        });
      }
    });

    it("refuses to say what an infinity becomes then", async () => {
      const snippet = { code: `${field(23, 1, 1)}v_cvt_pk_fp8_f32 v4, v1, v1`, inputs: 1, outputs: ["v4"] };
      const infinite = lanes((lane) => (lane === 40 ? 0x7f800000 : 0));
      await expect(run(snippet, [infinite], arch)).rejects.toEqual(
        coded("ERR_DEVICE_FAULT", "infinity under MODE.FP16_OVFL", "v_cvt_pk_fp8_f32"),
      );
      // A lane that is off does not matter.
      const masked = { ...snippet, code: `s_mov_b64 exec, 0xff\n${snippet.code}` };
      await expect(run(masked, [infinite], arch)).resolves.toHaveLength(1);
    });
  });
});

describe.skipIf(noAssembler || onGpu)("atomics on floats", () => {
  const tiny = lanes((lane) => 2 * lane + 3);
  const sums = lanes((lane) => 4 * lane + 6);
  const setUp = `${field(0, 2, 1)}v_lshlrev_b32 v8, 2, v0\nglobal_store_dword v8, v1, s[6:7]\nds_write_b32 v8, v1
s_waitcnt vmcnt(0) lgkmcnt(0)\n`;
  const add = (sc: string) => `global_atomic_add_f32 v8, v1, s[6:7]\nds_add_f32 v8, v1
s_waitcnt vmcnt(0) lgkmcnt(0)\nglobal_load_dword v4, v8, s[6:7] ${sc}\nds_read_b32 v5, v8`;
  const outputs = ["v4", "v5"];

  it.each([
    ["gfx942", "kept", 3, sums, sums],
    ["gfx942", "flushed", 0, sums, lanes(() => 0)],
    ["gfx90a", "kept", 3, lanes(() => 0), sums],
    ["gfx90a", "flushed", 0, lanes(() => 0), lanes(() => 0)],
  ] as const)("on %s, denormals %s by MODE", async (arch, _, denormals, memory, lds) => {
    const code = `${field(4, 2, denormals)}${setUp}${add(arch === "gfx90a" ? "" : "sc0")}`;
    const snippet = { code, inputs: 1, outputs, ldsBytes: 256 };
    expect(await run(snippet, [tiny], arch)).toEqual([memory, lds]);
  });

  it("round to even whatever MODE says", async () => {
    // 1 + 2^-25 rounds up where MODE (up, by the set-up) has a say.
    const code = `${setUp}v_mov_b32 v1, 0x33000000\n${add("sc0")}`;
    const one = lanes(() => bitsOf(1));
    expect(await run({ code, inputs: 1, outputs, ldsBytes: 256 }, [one])).toEqual([one, one]);
  });
});

describe.skipIf(noAssembler || onGpu)("conversions with a scale on gfx950", () => {
  const inputs = [46, 47].map((seed) =>
    floatBits(seed).map((bits) => ((bits & 0x7f800000) === 0x7f800000 ? bitsOf(3) : bits)),
  );
  const scales = lanes((lane) => (117 + (lane % 21)) << 23);
  const scale = (lane: number) => 2 ** ((lane % 21) - 10);
  const nearestFp4 = (value: number) => {
    const magnitudes = Array.from({ length: 8 }, (_, code) => decodeSmallFloat("e2m1", code));
    const magnitude = Math.min(Math.abs(value), 6);
    const distance = (code: number) => Math.abs(magnitudes[code]! - magnitude);
    const best = magnitudes.reduce(
      (found, _, code) =>
        distance(code) < distance(found) || (distance(code) === distance(found) && code % 2 === 0)
          ? code
          : found,
      0,
    );
    return (value < 0 || Object.is(value, -0) ? 8 : 0) | best;
  };

  it.each([
    ["fp8", "e4m3fn"],
    ["bf8", "e5m2"],
  ] as const)("divide by it and narrow to %s", async (name, format) => {
    const code = `v_mov_b32 v4, -1\nv_mov_b32 v5, -1\nv_mov_b32 v6, -1
v_cvt_scalef32_pk_${name}_f32 v4, v1, -v2, v3 op_sel:[0,0,0,1]
v_cvt_pkrtz_f16_f32 v8, v1, v2\nv_cvt_scalef32_pk_${name}_f16 v5, v8, v3
v_cvt_pk_bf16_f32 v9, v1, v2\nv_cvt_scalef32_pk_${name}_bf16 v6, v9, 1.0`;
    const outputs = ["v4", "v5", "v6", "v8", "v9"];
    const results = await run({ code, inputs: 3, outputs }, [...inputs, scales], "gfx950");
    const [floats, halves, bfloats, ofHalf, ofBfloat] = results;
    const check = (actual: number, value: number, what: string) => {
      const expected = encodeSmallFloat(format, value);
      const nan = [actual, expected].every((x) => Number.isNaN(decodeSmallFloat(format, x)));
      expect(nan || actual === expected, `${what} ${value}: ${actual}, not ${expected}`).toBe(true);
    };
    for (let lane = 0; lane < 64; lane++) {
      for (const k of [0, 1]) {
        const value = floatOf(inputs[k]![lane]!) * (k ? -1 : 1);
        check((floats![lane]! >>> (16 + 8 * k)) & 255, value / scale(lane), "f32");
        const half = halfOf((ofHalf![lane]! >>> (16 * k)) & 0xffff);
        check((halves![lane]! >>> (8 * k)) & 255, half / scale(lane), "f16");
        const bfloat = floatOf(((ofBfloat![lane]! >>> (16 * k)) & 0xffff) << 16);
        check((bfloats![lane]! >>> (8 * k)) & 255, bfloat, "bf16");
      }
      // The other half stays.
      expect(floats![lane]! & 0xffff).toBe(0xffff);
      expect(halves![lane]! >>> 16).toBe(0xffff);
    }
  });

  it("divide by it and narrow to fp4, the byte that op_sel names", async () => {
    const bytes = ["", "op_sel:[0,0,1,0]", "op_sel:[0,0,0,1]", "op_sel:[0,0,1,1]"];
    const code = bytes
      .map((select, k) => `v_mov_b32 v${4 + k}, 0\nv_cvt_scalef32_pk_fp4_f32 v${4 + k}, v1, v2, v3 ${select}`)
      .join("\n");
    const results = await run(
      { code, inputs: 3, outputs: ["v4", "v5", "v6", "v7"] },
      [...inputs, scales],
      "gfx950",
    );
    for (let lane = 0; lane < 64; lane++) {
      const [low, high] = inputs.map((input) => nearestFp4(floatOf(input[lane]!) / scale(lane)));
      results.forEach((result, k) => {
        expect(result[lane]! >>> (8 * k)).toBe(low! | (high! << 4));
      });
    }
  });

  it("refuse what fp4 cannot hold", async () => {
    const snippet = { code: "v_cvt_scalef32_pk_fp4_f32 v4, v1, v1, 1.0", inputs: 1, outputs: ["v4"] };
    for (const bits of [0x7f800000, 0x7fc00000]) {
      await expect(run(snippet, [lanes(() => bits)], "gfx950")).rejects.toEqual(
        coded("ERR_DEVICE_FAULT", "infinities and NaN in fp4"),
      );
    }
  });
});
