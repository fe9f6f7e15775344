import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Device, EMULATED_ARCHS } from "../../../lib/device/device.js";
import { asFloats, Laboratory, noAssembler, type Snippet } from "../../support/assemble.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { bitsOf, doubleOf, floatOf, randomDwords } from "../../support/lane-values.js";
import {
  type ElementType,
  elementOf,
  matrixProducts,
  operandPlace,
  operandRegisters,
  type Product,
  resultPlace,
  resultRegisters,
  scaleLane,
} from "../../support/matrix-products.js";

/** Random codes of moderate size, as dwords of a lane's operand registers. */
function randomOperand(product: Product, type: ElementType, next: () => number): Uint32Array[] {
  const moderate = (word: number, register: number): number => {
    if (type === "f64") return register % 2 ? (word & 0x801fffff) | 0x3fe00000 : word;
    if (type === "f32" || type === "xf32") return bitsOf((word / 2 ** 31 - 1) * 4);
    if (type === "f16") return (word & 0x83ff83ff) | 0x38003800;
    if (type === "bf16") return (word & 0x807f807f) | 0x3f003f00;
    if (type === "e4m3fn" || type === "e4m3fnuz") return (word & 0x87878787) | 0x38303038;
    if (type === "e5m2" || type === "e5m2fnuz") return (word & 0x83838383) | 0x3c38383c;
    return word;
  };
  const count = operandRegisters(product, type);
  return Array.from({ length: count }, (_, register) =>
    Uint32Array.from({ length: 64 }, () => moderate(next(), register) >>> 0),
  );
}

const randomAddend = ({ a }: Product, register: number, next: () => number): number => {
  if (a === "i8") return next();
  if (a === "f64") return register % 2 ? (next() & 0x800fffff) | 0x3ff00000 : next();
  return bitsOf(next() / 2 ** 31 - 1);
};

/** Scales from 2^-1 to 2^2 in every byte. */
const randomScales = (next: () => number) =>
  Uint32Array.from({ length: 64 }, () => (next() & 0x03030303) + 0x7e7e7e7e);

const range = (bank: string, first: number, count: number) =>
  count === 1 ? `${bank}${first}` : `${bank}[${first}:${first + count - 1}]`;

const [firstA, firstB, firstC, firstD, scaleA, scaleB] = [82, 100, 120, 160, 230, 231];

/** The inputs arrive in v1, v2, ..., and move to where the instruction reads them. */
function snippet(product: Product): Snippet {
  const { name, banks = "vvv", constant, modifiers = "", scaleBytes } = product;
  const [bankA, bankB, bankC] = [...banks] as [string, string, string];
  const [sizeA, sizeB] = [operandRegisters(product, product.a), operandRegisters(product, product.b)];
  const results = resultRegisters(product);
  const moves: string[] = [];
  let inputs = 0;
  const move = (bank: string, to: number, count: number) => {
    const instruction = bank === "v" ? "v_mov_b32" : "v_accvgpr_write_b32";
    for (let i = 0; i < count; i++) moves.push(`${instruction} ${bank}${to + i}, v${++inputs}`);
  };
  move(bankA, firstA, sizeA);
  move(bankB, firstB, sizeB);
  move(bankC, firstC, results);
  const operands = [
    range(bankC, firstD, results),
    range(bankA, firstA, sizeA),
    range(bankB, firstB, sizeB),
    constant === undefined ? range(bankC, firstC, results) : constant.toFixed(1),
  ];
  const suffixes = [modifiers];
  if (scaleBytes !== undefined) {
    move("v", scaleA, 1);
    move("v", scaleB, 1);
    operands.push(`v${scaleA}`, `v${scaleB}`);
    const [byteA, byteB] = scaleBytes;
    suffixes.unshift(`op_sel:[${byteA & 1},${byteB & 1},0] op_sel_hi:[${byteA >> 1},${byteB >> 1},0]`);
  }
  return {
    code: `${moves.join("\n")}\ns_mov_b64 exec, 5\n${name} ${operands.join(", ")} ${suffixes.join(" ")}\ns_mov_b64 exec, -1`,
    inputs,
    outputs: Array.from({ length: results }, (_, i) => `${bankC}${firstD + i}`),
  };
}

function broadcasts({ blocks, modifiers = "" }: Product) {
  const value = (name: string) => Number(modifiers.match(`${name}:(\\d)`)?.[1] ?? 0);
  const [size, chosen, pattern] = [value("cbsz"), value("abid"), value("blgp")];
  const isFormat = modifiers !== "" && blocks === 1;
  return {
    blockOfA: (block: number) => (isFormat || size === 0 ? block : ((block >> size) << size) + chosen),
    laneOfB: (lane: number) => (!isFormat && pattern === 2 ? 32 + (lane % 32) : lane),
  };
}

/** The unit of rounding of the instruction's sums. */
const unit = ({ a }: Product) => (a === "f64" ? 2 ** -53 : 2 ** -24);

describe.skipIf(noAssembler || onGpu).each(EMULATED_ARCHS)("matrix instructions of %s", (arch) => {
  let device: Device;
  let laboratory: Laboratory;
  const cases = matrixProducts[arch]!;

  beforeAll(() => {
    device = openTestDevice({ emulate: arch });
    laboratory = Laboratory.assemble(
      device,
      Object.fromEntries(cases.map((product, k) => [`product${k}`, snippet(product)])),
    );
  });
  afterAll(() => device.close());

  it.each(
    cases.map((product, k) => ({ ...product, k, title: `${product.name} ${product.modifiers ?? ""}` })),
  )("$title", async ({ k: seed, ...product }) => {
    const { rows, depth, blocks, a, b, constant, scaleBytes } = product;
    const next = randomDwords(seed + 1);
    const left = randomOperand(product, a, next);
    const right = randomOperand(product, b, next);
    const addend = Array.from({ length: resultRegisters(product) }, (_, register) =>
      Uint32Array.from({ length: 64 }, () => randomAddend(product, register, next) >>> 0),
    );
    const scales = scaleBytes === undefined ? [] : [randomScales(next), randomScales(next)];
    const result = await laboratory.run(`product${seed}`, [...left, ...right, ...addend, ...scales]);
    const { blockOfA, laneOfB } = broadcasts(product);
    const scaleOf = (operand: 0 | 1, row: number, k: number) => {
      if (scaleBytes === undefined) return 1;
      const word = scales[operand]![scaleLane(product, row, k)]!;
      return 2 ** (((word >>> (8 * scaleBytes[operand])) & 255) - 127);
    };
    const resultOf = (registers: Uint32Array[], register: number, lane: number) => {
      const low = registers[register]![lane]!;
      if (a === "f64") return doubleOf(low, registers[register + 1]![lane]!);
      return a === "i8" ? low | 0 : floatOf(low);
    };
    let largest = 0;
    for (let block = 0; block < blocks; block++) {
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < rows; column++) {
          const [register, lane] = resultPlace(product, block, row, column);
          let sum = constant ?? resultOf(addend, register, lane);
          let magnitude = Math.abs(sum);
          for (let k = 0; k < depth; k++) {
            const [laneA, elementA] = operandPlace(product, a, blockOfA(block), row, k);
            const [laneB, elementB] = operandPlace(product, b, block, column, k);
            const factorA = elementOf(left, a, laneA, elementA) * scaleOf(0, row, k);
            const factorB = elementOf(right, b, laneOfB(laneB), elementB) * scaleOf(1, column, k);
            sum += factorA * factorB;
            magnitude += Math.abs(factorA * factorB);
          }
          const actual = resultOf(result, register, lane);
          if (a === "i8") expect(actual).toBe(sum | 0);
          else largest = Math.max(largest, Math.abs(actual - sum) / magnitude);
        }
      }
    }
    // Each of the depth + 1 roundings errs by at most half a unit of the result's type, and so do those of f64 here.
    expect(largest).toBeLessThan((depth + 1) * 2 * unit(product));
  });
});

describe.skipIf(noAssembler || onGpu)("matrix accumulation", () => {
  const code = "v_mfma_f32_32x32x8_f16 v[100:115], v[1:2], v[3:4], 0";
  const denormal = (arch: string) => ({
    code:
      arch === "gfx90a"
        ? "v_mfma_f32_32x32x8f16 v[100:115], v[2:3], v[4:5], 0"
        : "v_mfma_f32_32x32x8_f16 v[100:115], v[2:3], v[4:5], 0",
    inputs: 5,
    outputs: ["v100"],
  });

  it("flushes denormal halves on gfx90a alone", async () => {
    // Every product is 2^-24 (the smallest denormal) times 1, eight of them.
    const tiny = Uint32Array.from({ length: 64 }, () => 0x00010001);
    const one = Uint32Array.from({ length: 64 }, () => 0x3c003c00);
    for (const [arch, expected] of [
      ["gfx90a", 0],
      ["gfx942", 2 ** -21],
    ] as const) {
      await using device = openTestDevice({ emulate: arch });
      const laboratory = Laboratory.assemble(device, { denormal: denormal(arch) });
      const [result] = await laboratory.run("denormal", [tiny, tiny, tiny, one, one]);
      expect([...asFloats(result!)]).toEqual(Array(64).fill(expected));
    }
  });

  it("gives one canonical NaN and keeps infinities", async () => {
    await using device = openTestDevice();
    const laboratory = Laboratory.assemble(device, {
      special: {
        code: code.replace("v[1:2]", "v[2:3]").replace("v[3:4]", "v[4:5]"),
        inputs: 5,
        outputs: ["v100"],
      },
    });
    const half = (low: number) => Uint32Array.from({ length: 64 }, () => low);
    const [nan] = await laboratory.run("special", [half(0), half(0x7c00), half(0), half(0), half(0)]);
    expect(nan![0]).toBe(0x7fc00000);
    const [infinite] = await laboratory.run("special", [
      half(0),
      half(0xfc00),
      half(0),
      half(0x3c00),
      half(0),
    ]);
    expect(infinite![0]).toBe(0xff800000);
  });
});

describe.skipIf(noAssembler || onGpu)("f8f6f4 matrix instructions of gfx950", () => {
  it("keep the depth of an 8-bit operand in two runs, scaled by blocks of 32", async () => {
    await using device = openTestDevice({ emulate: "gfx950" });
    const laboratory = Laboratory.assemble(device, {
      single: {
        code: "v_mfma_scale_f32_32x32x64_f8f6f4 v[100:115], v[2:9], v[10:17], 0, v18, v19",
        inputs: 19,
        outputs: ["v100"],
      },
    });
    const all = (value: number) => new Uint32Array(64).fill(value);
    // A is 0 but for byte 16 of lane 0, which is element 32 of row 0: of the block that lanes 32 to 63 scale.
    const left = Array.from({ length: 8 }, () => all(0));
    left[4]![0] = 0x38; // 1.0 as e4m3fn
    const ones = Array.from({ length: 8 }, () => all(0x38383838));
    const scaleOfA = Uint32Array.from({ length: 64 }, (_, lane) => (lane < 32 ? 127 : 130));
    const [result] = await laboratory.run("single", [all(0), ...left, ...ones, scaleOfA, all(127)]);
    expect(floatOf(result![0]!)).toBe(8);
  });
});
