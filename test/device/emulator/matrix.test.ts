import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Device, EMULATED_ARCHS, type EmulatedArch } from "../../../lib/device/device.js";
import { asFloats, Laboratory, noAssembler, type Snippet } from "../../support/assemble.js";
import { onGpu, openTestDevice } from "../../support/device.js";
import { decodeSmallFloat, type SmallFloat } from "../../support/float8.js";
import { bitsOf, floatOf, halfOf, randomDwords } from "../../support/lane-values.js";

type Type = "f32" | "xf32" | "f16" | "bf16" | "i8" | SmallFloat;

interface Product {
  name: string;
  rows: 4 | 16 | 32;
  depth: number;
  blocks: number;
  a: Type;
  b: Type;
  /** Registers of A, B, C and D: vector or accumulation. */
  banks?: string;
  /** An inline constant instead of C. */
  constant?: number;
  modifiers?: string;
}

const bits: Record<Type, number> = {
  f32: 32,
  xf32: 32,
  f16: 16,
  bf16: 16,
  i8: 8,
  e4m3fnuz: 8,
  e5m2fnuz: 8,
  e4m3fn: 8,
  e5m2: 8,
  e2m3: 6,
  e3m2: 6,
  e2m1: 4,
};

const p = (name: string, shape: string, a: Type, b: Type = a, rest: Partial<Product> = {}): Product => {
  const [rows, depth, blocks = "1"] = shape.split("x");
  return {
    name,
    rows: Number(rows) as 4 | 16 | 32,
    depth: Number(depth),
    blocks: Number(blocks),
    a,
    b,
    ...rest,
  };
};

const common = (suffix: (blocks: number, type: string) => string, bf16: string): Product[] => [
  ...["32x1x2", "16x1x4", "4x1x16", "32x2", "16x4"].map((shape) => named(shape, "f32", suffix)),
  ...["32x4x2", "16x4x4", "4x4x16", "32x8", "16x16"].map((shape) => named(shape, "f16", suffix)),
  ...["32x4x2", "16x4x4", "4x4x16", "32x8", "16x16"].map((shape) => ({
    ...named(shape, "bf16", (blocks) => suffix(blocks, bf16)),
    banks: "aaa",
  })),
  ...["32x4x2", "16x4x4", "4x4x16"].map((shape) => named(shape, "i8", suffix)),
];
function named(shape: string, type: Type, suffix: (blocks: number, type: string) => string): Product {
  const product = p("", shape, type);
  const { rows, depth, blocks } = product;
  const result = type === "i8" ? "i32" : "f32";
  return { ...product, name: `v_mfma_${result}_${rows}x${rows}x${depth}${suffix(blocks, type)}` };
}
const newNames = (blocks: number, type: string) => (blocks > 1 ? `_${blocks}b_${type}` : `_${type}`);

const products: Record<EmulatedArch, Product[]> = {
  gfx90a: [
    ...common((_, type) => type, "bf16_1k"),
    ...["32x2x2", "16x2x4", "4x2x16", "32x4", "16x8"].map((shape) => named(shape, "bf16", (_, type) => type)),
    ...["32x8", "16x16"].map((shape) => named(shape, "i8", (_, type) => type)),
  ],
  gfx942: [
    ...common(newNames, "bf16"),
    ...["32x16", "16x32"].map((shape) => named(shape, "i8", newNames)),
    p("v_mfma_f32_16x16x8_xf32", "16x8", "xf32"),
    p("v_mfma_f32_32x32x4_xf32", "32x4", "xf32"),
    p("v_mfma_f32_16x16x32_fp8_bf8", "16x32", "e4m3fnuz", "e5m2fnuz"),
    p("v_mfma_f32_32x32x16_bf8_fp8", "32x16", "e5m2fnuz", "e4m3fnuz", { constant: -2 }),
    p("v_mfma_f32_16x16x16_bf16", "16x16", "bf16", "bf16", { constant: 1, banks: "vav" }),
    p("v_mfma_f32_16x16x4_4b_f16", "16x4x4", "f16", "f16", { modifiers: "cbsz:1 abid:1" }),
    p("v_mfma_f32_32x32x4_2b_f16", "32x4x2", "f16", "f16", { modifiers: "blgp:2" }),
  ],
  gfx950: [
    ...["16x32", "32x16"].flatMap((shape) => [named(shape, "f16", newNames), named(shape, "bf16", newNames)]),
    ...["16x64", "32x32"].map((shape) => named(shape, "i8", newNames)),
    p("v_mfma_f32_16x16x32_fp8_fp8", "16x32", "e4m3fn"),
    p("v_mfma_f32_32x32x16_bf8_bf8", "32x16", "e5m2"),
    p("v_mfma_f32_16x16x128_f8f6f4", "16x128", "e4m3fn", "e5m2", { modifiers: "blgp:1" }),
    p("v_mfma_f32_32x32x64_f8f6f4", "32x64", "e2m3", "e3m2", { modifiers: "cbsz:2 blgp:3" }),
    p("v_mfma_f32_16x16x128_f8f6f4", "16x128", "e2m1", "e4m3fn", { modifiers: "cbsz:4", banks: "ava" }),
  ],
};

/** Lane and element of A[row][k] (or B[k][row]) in block `block`, by the ISA documents. */
function place(
  { rows, depth, blocks }: Product,
  block: number,
  row: number,
  k: number,
): [lane: number, element: number] {
  const groups = 64 / (rows * blocks);
  const perLane = depth / groups;
  return [block * rows * groups + Math.floor(k / perLane) * rows + row, k % perLane];
}

/** Register and lane of D[row][column]. */
function resultPlace(
  { rows }: Product,
  block: number,
  row: number,
  column: number,
): [register: number, lane: number] {
  if (rows === 4) return [row, 4 * block + column];
  if (rows === 16) return [4 * block + (row % 4), 16 * Math.floor(row / 4) + column];
  return [16 * block + 4 * Math.floor(row / 8) + (row % 4), 32 * (Math.floor(row / 4) % 2) + column];
}

const operandRegisters = ({ rows, depth, blocks }: Product, type: Type) =>
  ((depth * rows * blocks) / 64) * (bits[type] / 32);
const resultRegisters = ({ rows, blocks }: Product) => Math.max(4, (rows * rows * blocks) / 64);

/** Random codes of moderate size, as dwords of a lane's operand registers. */
function randomOperand(product: Product, type: Type, next: () => number): Uint32Array[] {
  const moderate = (word: number): number => {
    if (type === "f32" || type === "xf32") return bitsOf((word / 2 ** 31 - 1) * 4);
    if (type === "f16") return (word & 0x83ff83ff) | 0x38003800;
    if (type === "bf16") return (word & 0x807f807f) | 0x3f003f00;
    if (type === "e4m3fn" || type === "e4m3fnuz") return (word & 0x87878787) | 0x38303038;
    if (type === "e5m2" || type === "e5m2fnuz") return (word & 0x83838383) | 0x3c38383c;
    return word;
  };
  const count = operandRegisters(product, type);
  return Array.from({ length: count }, () => Uint32Array.from({ length: 64 }, () => moderate(next()) >>> 0));
}

function element(registers: Uint32Array[], type: Type, lane: number, index: number): number {
  const width = bits[type];
  let code = 0n;
  for (const [k, register] of registers.entries()) code |= BigInt(register[lane]!) << BigInt(32 * k);
  const value = Number((code >> BigInt(index * width)) & ((1n << BigInt(width)) - 1n));
  switch (type) {
    case "f32":
      return floatOf(value);
    case "xf32":
      return floatOf((value & ~0x1fff) >>> 0);
    case "f16":
      return halfOf(value);
    case "bf16":
      return floatOf((value << 16) >>> 0);
    case "i8":
      return (value << 24) >> 24;
    default:
      return decodeSmallFloat(type, value);
  }
}

const range = (bank: string, first: number, count: number) =>
  count === 1 ? `${bank}${first}` : `${bank}[${first}:${first + count - 1}]`;

/** A at 1.., B behind it, C behind that, D in registers of its own. */
function snippet(product: Product): Snippet {
  const { name, banks = "vvv", constant, modifiers = "" } = product;
  const [bankA, bankB, bankC] = [...banks] as [string, string, string];
  const sizes = [operandRegisters(product, product.a), operandRegisters(product, product.b)] as const;
  const results = resultRegisters(product);
  const firstB = 2 + sizes[0] + (sizes[0] % 2);
  const firstC = firstB + sizes[1] + (sizes[1] % 2);
  const firstD = 160;
  const moves: string[] = [];
  const moved = (bank: string, from: number, to: number, count: number) => {
    for (let i = 0; i < count; i++) {
      moves.push(
        bank === "v" ? `v_mov_b32 v${to + i}, v${from + i}` : `v_accvgpr_write_b32 a${to + i}, v${from + i}`,
      );
    }
  };
  // Inputs arrive in v1, v2, ...; from the last to the first, so that none is overwritten before it moves.
  const total = sizes[0] + sizes[1];
  moved(bankC, 1 + total, firstC + 80, results);
  moved(bankB, 1 + sizes[0], firstB + 80, sizes[1]);
  moved(bankA, 1, 82, sizes[0]);
  const c = constant === undefined ? range(bankC, firstC + 80, results) : constant.toFixed(1);
  const d = range(bankC, firstD, results);
  return {
    code: `${moves.join("\n")}\ns_mov_b64 exec, 5\n${name} ${d}, ${range(bankA, 82, sizes[0])}, ${range(bankB, firstB + 80, sizes[1])}, ${c} ${modifiers}\ns_mov_b64 exec, -1`,
    inputs: total + results,
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

describe.skipIf(noAssembler || onGpu).each(EMULATED_ARCHS)("matrix instructions of %s", (arch) => {
  let device: Device;
  let laboratory: Laboratory;
  const cases = products[arch];

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
  )("$title", async ({ k, ...product }) => {
    const { rows, depth, blocks, a, b, constant } = product;
    const next = randomDwords(k + 1);
    const integers = a === "i8";
    const left = randomOperand(product, a, next);
    const right = randomOperand(product, b, next);
    const addend = Array.from({ length: resultRegisters(product) }, () =>
      Uint32Array.from({ length: 64 }, () => (integers ? next() : bitsOf(next() / 2 ** 31 - 1))),
    );
    const result = await laboratory.run(`product${k}`, [...left, ...right, ...addend]);
    const { blockOfA, laneOfB } = broadcasts(product);
    let largest = 0;
    for (let block = 0; block < blocks; block++) {
      for (let row = 0; row < rows; row++) {
        for (let column = 0; column < rows; column++) {
          const [register, lane] = resultPlace(product, block, row, column);
          const start = addend[register]![lane]!;
          let sum = constant ?? (integers ? start | 0 : floatOf(start));
          let magnitude = Math.abs(sum);
          for (let k = 0; k < depth; k++) {
            const [laneA, elementA] = place(product, blockOfA(block), row, k);
            const [laneB, elementB] = place(product, block, column, k);
            const term = element(left, a, laneA, elementA) * element(right, b, laneOfB(laneB), elementB);
            sum += term;
            magnitude += Math.abs(term);
          }
          const actual = result[register]![lane]!;
          if (integers) expect(actual).toBe(sum >>> 0);
          else largest = Math.max(largest, Math.abs(floatOf(actual) - sum) / magnitude);
        }
      }
    }
    // Each of the depth + 1 roundings errs by at most half a unit of binary32.
    expect(largest).toBeLessThan((depth + 1) * 2 ** -24);
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

describe.skipIf(noAssembler || onGpu)("scaled matrix instructions of gfx950", () => {
  it("multiply each lane's elements by powers of two", async () => {
    await using device = openTestDevice({ emulate: "gfx950" });
    const operands = "v[100:115], v[2:9], v[10:17], 0, v18, v19";
    const laboratory = Laboratory.assemble(device, {
      scaled: {
        code: `v_mfma_scale_f32_32x32x64_f8f6f4 ${operands} op_sel:[1,0,0] op_sel_hi:[0,1,0]`,
        inputs: 19,
        outputs: Array.from({ length: 16 }, (_, i) => `v${100 + i}`),
      },
    });
    const fill = (value: (lane: number) => number) =>
      Uint32Array.from({ length: 64 }, (_, lane) => value(lane) >>> 0);
    const zero = fill(() => 0);
    const ones = Array.from({ length: 8 }, () => fill(() => 0x38383838)); // 1.0 as e4m3fn
    // Byte 1 of A's scales is 2^(row % 3); byte 2 of B's 2^-(column % 2) for the depth's first half, 2 for the other.
    const scaleA = fill((lane) => 0x12340056 | ((127 + ((lane % 32) % 3)) << 8));
    const scaleB = fill((lane) => 0x12005634 | ((lane < 32 ? 127 - (lane % 2) : 128) << 16));
    const result = await laboratory.run("scaled", [zero, ...ones, ...ones, scaleA, scaleB]);
    for (let row = 0; row < 32; row++) {
      for (let column = 0; column < 32; column++) {
        const [register, lane] = resultPlace(p("", "32x64", "e4m3fn"), 0, row, column);
        expect(floatOf(result[register]![lane]!)).toBe(32 * 2 ** (row % 3) * (2 ** -(column % 2) + 2));
      }
    }
  });
});
