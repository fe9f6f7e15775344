import type { EmulatedArch } from "../../lib/device/device.js";
import { decodeSmallFloat, type SmallFloat } from "./float8.js";
import { doubleOf, floatOf, halfOf } from "./lane-values.js";

// The matrix instructions as the ISA documents list them, and where they keep the elements of their operands.

export type ElementType = "f64" | "f32" | "xf32" | "f16" | "bf16" | "i8" | SmallFloat;

export interface Product {
  name: string;
  rows: 4 | 16 | 32;
  depth: number;
  blocks: number;
  a: ElementType;
  b: ElementType;
  /** Registers of A, B, C and D: vector or accumulation. */
  banks?: string;
  /** An inline constant instead of C. */
  constant?: number;
  modifiers?: string;
  /** Bytes of the scale registers that count, of A's and of B's. */
  scaleBytes?: [number, number];
}

const bits: Record<ElementType, number> = {
  f64: 64,
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

const productOf = (
  name: string,
  shape: string,
  a: ElementType,
  b: ElementType = a,
  rest: Partial<Product> = {},
): Product => {
  const [rows, depth, blocks = "1"] = shape.split("x");
  return {
    name,
    rows: Number(rows) as Product["rows"],
    depth: Number(depth),
    blocks: Number(blocks),
    a,
    b,
    ...rest,
  };
};

function named(shape: string, type: ElementType, suffix: (blocks: number, type: string) => string): Product {
  const unnamed = productOf("", shape, type);
  const { rows, depth, blocks } = unnamed;
  const result = type === "i8" ? "i32" : type === "f64" ? "f64" : "f32";
  return { ...unnamed, name: `v_mfma_${result}_${rows}x${rows}x${depth}${suffix(blocks, type)}` };
}

const common = (suffix: (blocks: number, type: string) => string, bf16: string): Product[] => [
  named("16x4", "f64", suffix),
  ...["32x1x2", "16x1x4", "4x1x16", "32x2", "16x4"].map((shape) => named(shape, "f32", suffix)),
  ...["32x4x2", "16x4x4", "4x4x16", "32x8", "16x16"].map((shape) => named(shape, "f16", suffix)),
  ...["32x4x2", "16x4x4", "4x4x16", "32x8", "16x16"].map((shape) => ({
    ...named(shape, "bf16", (blocks) => suffix(blocks, bf16)),
    banks: "aaa",
  })),
  ...["32x4x2", "16x4x4", "4x4x16"].map((shape) => named(shape, "i8", suffix)),
];
const newNames = (blocks: number, type: string) => (blocks > 1 ? `_${blocks}b_${type}` : `_${type}`);

/** All pairs of two 8-bit formats, in both shapes. */
const products8 = (fp8: SmallFloat, bf8: SmallFloat): Product[] =>
  ["16x32", "32x16"].flatMap((shape) => [
    named(shape, fp8, () => "_fp8_fp8"),
    named(shape, bf8, () => "_bf8_bf8"),
    { ...named(shape, fp8, () => "_fp8_bf8"), b: bf8 },
    { ...named(shape, bf8, () => "_bf8_fp8"), b: fp8 },
  ]);

/** The formats that CBSZ and BLGP choose by number. */
const chosenFormats: SmallFloat[] = ["e4m3fn", "e5m2", "e2m3", "e3m2", "e2m1"];

const chosenProducts: Product[] = chosenFormats.flatMap((a, cbsz) =>
  chosenFormats.flatMap((b, blgp) =>
    ["16x128", "32x64"].flatMap((shape): Product[] => {
      const plain = { ...named(shape, a, () => "_f8f6f4"), b, modifiers: `cbsz:${cbsz} blgp:${blgp}` };
      return [
        { ...plain, banks: ["vvv", "ava", "vav"][(cbsz + blgp) % 3]! },
        {
          ...plain,
          name: plain.name.replace("v_mfma_", "v_mfma_scale_"),
          scaleBytes: [(cbsz + blgp) % 4, (cbsz + 2 * blgp + 1) % 4],
        },
      ];
    }),
  ),
);

/** Every matrix instruction that the emulator models. */
export const matrixProducts: Record<EmulatedArch, Product[]> = {
  gfx90a: [
    ...common((_, type) => type, "bf16_1k"),
    ...["32x2x2", "16x2x4", "4x2x16", "32x4", "16x8"].map((shape) => named(shape, "bf16", (_, type) => type)),
    ...["32x8", "16x16"].map((shape) => named(shape, "i8", (_, type) => type)),
  ],
  gfx942: [
    ...common(newNames, "bf16"),
    ...["32x16", "16x32"].map((shape) => named(shape, "i8", newNames)),
    ...["16x8", "32x4"].map((shape) => named(shape, "xf32", newNames)),
    ...products8("e4m3fnuz", "e5m2fnuz"),
    productOf("v_mfma_f32_32x32x16_bf8_fp8", "32x16", "e5m2fnuz", "e4m3fnuz", { constant: -2 }),
    productOf("v_mfma_f32_16x16x16_bf16", "16x16", "bf16", "bf16", { constant: 1, banks: "vav" }),
    productOf("v_mfma_f32_16x16x4_4b_f16", "16x4x4", "f16", "f16", { modifiers: "cbsz:1 abid:1" }),
    productOf("v_mfma_f32_32x32x4_2b_f16", "32x4x2", "f16", "f16", { modifiers: "blgp:2" }),
  ],
  gfx950: [
    ...common(newNames, "bf16"),
    ...["32x16", "16x32"].map((shape) => named(shape, "i8", newNames)),
    ...["16x32", "32x16"].flatMap((shape) => [named(shape, "f16", newNames), named(shape, "bf16", newNames)]),
    ...["16x64", "32x32"].map((shape) => named(shape, "i8", newNames)),
    ...products8("e4m3fn", "e5m2"),
    ...chosenProducts,
  ],
};

/** An operand's format is chosen by the instruction's CBSZ or BLGP. */
const choosesFormats = ({ name }: Product) => name.endsWith("f8f6f4");

/** Lane and element of A[row][k] (or B[k][row]) in block `block`. */
export function operandPlace(
  product: Product,
  type: ElementType,
  block: number,
  row: number,
  k: number,
): [lane: number, element: number] {
  const { rows, depth, blocks } = product;
  if (choosesFormats(product) && bits[type] === 8) {
    // Two runs of 16: a quad of registers for each half of the depth.
    const half = Math.floor(k / (depth / 2));
    const inHalf = k % (depth / 2);
    return [Math.floor(inHalf / 16) * rows + row, 16 * half + (inHalf % 16)];
  }
  const groups = 64 / (rows * blocks);
  const perLane = depth / groups;
  return [block * rows * groups + Math.floor(k / perLane) * rows + row, k % perLane];
}

/** The lane whose scale belongs to A[row][k] (or B[k][row]). */
export const scaleLane = ({ rows }: Product, row: number, k: number) => Math.floor(k / 32) * rows + row;

/** First register and lane of D[row][column]. */
export function resultPlace(
  { rows, a }: Product,
  block: number,
  row: number,
  column: number,
): [register: number, lane: number] {
  if (a === "f64") return [2 * Math.floor(row / 4), 16 * (row % 4) + column];
  if (rows === 4) return [row, 4 * block + column];
  if (rows === 16) return [4 * block + (row % 4), 16 * Math.floor(row / 4) + column];
  return [16 * block + 4 * Math.floor(row / 8) + (row % 4), 32 * (Math.floor(row / 4) % 2) + column];
}

export const operandRegisters = ({ rows, depth, blocks }: Product, type: ElementType) =>
  ((depth * rows * blocks) / 64) * (bits[type] / 32);
export const resultRegisters = ({ rows, blocks, a }: Product) =>
  Math.max(4, ((rows * rows * blocks) / 64) * (a === "f64" ? 2 : 1));

/** Element `index` of a lane's operand registers. */
export function elementOf(registers: Uint32Array[], type: ElementType, lane: number, index: number): number {
  const width = bits[type];
  if (type === "f64") return doubleOf(registers[0]![lane]!, registers[1]![lane]!);
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
