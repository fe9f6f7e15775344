import { inspect } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Device } from "../../lib/device/device.js";
import { Tensor } from "../../lib/device/tensor.js";
import { PIECE_BYTES } from "../../lib/device/transfer.js";
import { DTYPES, type DType, itemSize, toBfloat16, toFloat16 } from "../../lib/dtype.js";
import { isFloat8, toFloat8 } from "../../lib/float8.js";
import { coded } from "../support/coded.js";
import { onGpu, openTestDevice } from "../support/device.js";

let device: Device;

beforeAll(() => {
  device = openTestDevice();
});
afterAll(() => device.close());

/** Bytes that differ everywhere. */
function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = (index * 2654435761) >>> 24;
  return bytes;
}

const sameBytes = (left: ArrayBufferView, right: ArrayBufferView) =>
  Buffer.from(left.buffer, left.byteOffset, left.byteLength).equals(
    Buffer.from(right.buffer, right.byteOffset, right.byteLength),
  );

describe("round trips", () => {
  it.each(DTYPES)("brings %s to the device and back, bit for bit", async (dtype) => {
    const bytes = pattern(3 * 5 * itemSize(dtype));
    using tensor = await device.upload(bytes, { shape: [3, 5], dtype });
    expect(sameBytes(await tensor.read(), bytes)).toBe(true);
    expect(tensor).toMatchObject({ shape: [3, 5], strides: [5, 1], byteOffset: 0, dtype, disposed: false });
    expect(tensor.byteLength).toBe(bytes.byteLength);
  });

  it.each([
    ["one piece", PIECE_BYTES],
    ["one byte more", PIECE_BYTES + 1],
    ["several pieces", 3 * PIECE_BYTES + 4097],
  ])("carries %s", async (_, length) => {
    const bytes = pattern(length);
    using tensor = await device.upload(bytes, { shape: [length], dtype: "uint8" });
    expect(sameBytes(await tensor.read(), bytes)).toBe(true);
  });

  it("takes any view, and only its part of the buffer", async () => {
    const buffer = pattern(64).buffer as ArrayBuffer;
    using tensor = await device.upload(new DataView(buffer, 8, 16), { shape: [4], dtype: "int32" });
    expect(await tensor.read()).toEqual(new Int32Array(buffer, 8, 4));
    await tensor.write(new BigInt64Array(buffer, 32, 2));
    expect(await tensor.read()).toEqual(new Int32Array(buffer, 32, 4));
  });

  it("handles tensors without elements", async () => {
    using tensor = await device.upload(new Float32Array(0), { shape: [3, 0, 2], dtype: "float32" });
    expect(tensor.byteLength).toBe(0);
    expect(await tensor.read()).toEqual(new Float32Array(0));
    using zeros = device.zeros([0], "bfloat16");
    expect(await zeros.readFloat32()).toEqual(new Float32Array(0));
  });

  it("fills with zeros", async () => {
    using tensor = await device.upload(pattern(4096), { shape: [1024], dtype: "float32" });
    tensor.dispose();
    using zeros = device.zeros([1024], "float32");
    expect((await zeros.readFloat32()).every((value) => Object.is(value, 0))).toBe(true);
  });
});

describe("readFloat32", () => {
  it.each<[DType, number[], number[]]>([
    ["float32", [0x3f800000, 0xff800000], [1, Number.NEGATIVE_INFINITY]],
    ["float16", [0x3c00, 0xfbff, 0x0001], [1, -65504, 2 ** -24]],
    ["bfloat16", [0x3f80, 0xc040, 0x7f80], [1, -3, Number.POSITIVE_INFINITY]],
    ["float8_e4m3fn", [0x38, 0x7e, 0xff, 0x01], [1, 448, Number.NaN, 2 ** -9]],
    ["float8_e4m3fnuz", [0x40, 0x7f, 0x80, 0x01], [1, 240, Number.NaN, 2 ** -10]],
  ])("decodes %s", async (dtype, bits, values) => {
    const data = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array }[itemSize(dtype)]!.from(bits);
    using tensor = await device.upload(data, { shape: [bits.length], dtype });
    expect([...(await tensor.readFloat32())]).toEqual(values);
  });

  it("refuses integers", async () => {
    using tensor = device.zeros([2], "int64");
    await expect(tensor.readFloat32()).rejects.toEqual(coded("ERR_INVALID_ARGUMENT", "int64", "read\\(\\)"));
  });
});

describe("a Float32Array", () => {
  const round = { bfloat16: toBfloat16, float16: toFloat16 } as const;
  const numbers = Float32Array.of(1, -0.1, 1 / 3, 65_519, 1e30, Number.NaN, -0, 3e-8);

  it.each(["bfloat16", "float16", "float8_e4m3fn", "float8_e4m3fnuz"] as const)(
    "is rounded to %s by upload and write, whichever part of its buffer it is",
    async (dtype) => {
      const part = Float32Array.of(7, ...numbers, 7).subarray(1, 1 + numbers.length);
      using tensor = await device.upload(part, { shape: [2, 4], dtype });
      const bits = (number: number) => (isFloat8(dtype) ? toFloat8(dtype, number) : round[dtype](number));
      expect([...(await tensor.read())]).toEqual([...numbers].map(bits));
      await tensor.write(part.map((number) => 2 * number));
      expect([...(await tensor.read())]).toEqual([...numbers].map((number) => bits(2 * number)));
    },
  );

  it("is rounded piece by piece where it is long", async () => {
    const long = Float32Array.from({ length: PIECE_BYTES + 3 }, (_, i) => i % 251);
    using tensor = await device.upload(long, { shape: [long.length], dtype: "float16" });
    const mistakes = (await tensor.readFloat32()).filter((number, i) => number !== i % 251);
    expect(mistakes).toHaveLength(0);
    const upload = device.upload(long, { shape: [long.length], dtype: "bfloat16" });
    structuredClone(long.buffer, { transfer: [long.buffer] });
    await expect(upload).rejects.toEqual(coded("ERR_INVALID_ARGUMENT", "detached"));
  });

  it("is taken as it lies for other dtypes", async () => {
    using tensor = await device.upload(Float32Array.of(1), { shape: [1], dtype: "int32" });
    expect(await tensor.read()).toEqual(Int32Array.of(0x3f800000));
    const short = device.upload(new Float32Array(3), { shape: [4], dtype: "bfloat16" });
    await expect(short).rejects.toEqual(coded("ERR_INVALID_ARGUMENT", "8 bytes", "6 bytes"));
  });
});

describe("views", () => {
  it("reads what the strides say", async () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
    const data = Float32Array.from({ length: 4096 }, (_, index) => index);
    using whole = await device.upload(data, { shape: [4096], dtype: "float32" });
    await fc.assert(
      fc.asyncProperty(
        shapes,
        fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 4, maxLength: 4 }),
        fc.integer({ min: 0, max: 100 }),
        async (shape, allStrides, first) => {
          const strides = allStrides.slice(0, shape.length);
          const view = whole.view({ shape, strides, byteOffset: 4 * first });
          const expected: number[] = [];
          const visit = (axis: number, at: number): void => {
            if (axis === shape.length) expected.push(data[at]!);
            else
              for (let index = 0; index < shape[axis]!; index++) visit(axis + 1, at + index * strides[axis]!);
          };
          visit(0, first);
          expect([...(await view.read())]).toEqual(expected);
          expect(view.pointer).toBe(whole.pointer + BigInt(4 * first));
        },
      ),
      { numRuns: 30 },
    );
  });

  it("stays within its tensor", () => {
    using tensor = device.zeros([4, 8], "float16");
    expect(() => tensor.view({ shape: [33] })).toThrow(coded("ERR_INVALID_ARGUMENT", "64 bytes", "66"));
    expect(() => tensor.view({ byteOffset: 2 })).toThrow(coded("ERR_INVALID_ARGUMENT", "within"));
    expect(() => tensor.view({ shape: [2], byteOffset: 3 })).toThrow(
      coded("ERR_INVALID_ARGUMENT", "multiple"),
    );
    expect(() => tensor.view({ shape: [2, 2], strides: [1] })).toThrow(
      coded("ERR_INVALID_ARGUMENT", "2 integers"),
    );
    expect(() => tensor.view({ shape: [2], strides: [-1] })).toThrow(
      coded("ERR_INVALID_ARGUMENT", "strides"),
    );
    const inner = tensor.view({ shape: [4, 4], strides: [8, 1] });
    expect(inner.contiguous).toBe(false);
    expect(() => inner.view({ shape: [16] })).toThrow(coded("ERR_INVALID_ARGUMENT", "strides"));
    expect(inner.view({ shape: [4], strides: [8], byteOffset: 6 }).byteOffset).toBe(6);
  });

  it("ends with its tensor and alone", () => {
    const tensor = device.zeros([4], "float32");
    const first = tensor.view({});
    const second = tensor.view({});
    first.dispose();
    expect(first.disposed).toBe(true);
    expect(() => first.pointer).toThrow(coded("ERR_DISPOSED"));
    expect(second.pointer).toBe(tensor.pointer);
    tensor.dispose();
    expect(() => second.pointer).toThrow(coded("ERR_DISPOSED"));
    expect(second.disposed).toBe(true);
  });
});

describe("printed by console.log", () => {
  it("shows shape, dtype and device, and what is unusual", () => {
    const tensor = device.zeros([2, 3], "bfloat16");
    const where = `'${device.info.name} (${device.info.ordinal})'`;
    const text = (value: unknown) => inspect(value, { breakLength: Number.POSITIVE_INFINITY });
    expect(text(tensor)).toBe(`Tensor { shape: [ 2, 3 ], dtype: 'bfloat16', device: ${where} }`);
    expect(text(tensor.view({ shape: [2], strides: [3] }))).toContain("shape: [ 2 ], strides: [ 3 ]");
    tensor.dispose();
    expect(text(tensor)).toContain("disposed: true");
  });
});

describe("memory of another owner", () => {
  it("is used in place and released after the work, once", async () => {
    using owner = await device.upload(Float32Array.of(1, 2, 3, 4), { shape: [4], dtype: "float32" });
    let released = 0;
    const tensor = Tensor.fromPointer(device, owner.pointer, {
      ...{ shape: [2, 2], strides: [1, 2], dtype: "float32", byteLength: 16, owner },
      release: () => released++,
    });
    expect(await tensor.read()).toEqual(Float32Array.of(1, 3, 2, 4));
    const reading = tensor.view({ shape: [4], strides: [1] }).read();
    tensor.dispose();
    tensor.dispose();
    expect(released).toBe(0);
    expect(await reading).toEqual(Float32Array.of(1, 2, 3, 4));
    await expect.poll(() => released).toBe(1);
    expect(() => tensor.pointer).toThrow(coded("ERR_DISPOSED"));
    expect(await owner.read()).toEqual(Float32Array.of(1, 2, 3, 4));
  });

  it("is checked", () => {
    const options = { shape: [4], dtype: "float32", byteLength: 16 } as const;
    const wrap = (pointer: unknown, more = {}) =>
      Tensor.fromPointer(device, pointer as bigint, { ...options, ...more });
    expect(() => wrap(0n)).toThrow(coded("ERR_INVALID_ARGUMENT", "device address"));
    expect(() => wrap(4096)).toThrow(coded("ERR_INVALID_ARGUMENT", "bigint", "4096"));
    expect(() => wrap(4098n)).toThrow(coded("ERR_INVALID_ARGUMENT", "multiple of 4"));
    expect(() => wrap(4096n, { byteLength: 15 })).toThrow(coded("ERR_INVALID_ARGUMENT", "at least 16"));
    expect(() => wrap(4096n, { strides: [2] })).toThrow(coded("ERR_INVALID_ARGUMENT", "at least 28"));
    expect(() => wrap(4096n, { release: 1 })).toThrow(coded("ERR_INVALID_ARGUMENT", "release"));
  });
});

describe("bad input", () => {
  it.each<[string, unknown, unknown, string]>([
    ["a shape that is no array", 4, "float32", "shape"],
    ["a negative size", [-1], "float32", "shape"],
    ["a fraction", [1.5], "float32", "shape"],
    ["too many elements", [2 ** 30, 2 ** 30], "float32", "2\\^50"],
    ["an unknown dtype", [1], "float64", "one of float32"],
    ["no dtype", [1], undefined, "dtype"],
  ])("refuses %s", (_, shape, dtype, word) => {
    expect(() => device.empty(shape as number[], dtype as DType)).toThrow(
      coded("ERR_INVALID_ARGUMENT", word),
    );
  });

  it("refuses data of another length, naming both", async () => {
    const upload = device.upload(new Float32Array(3), { shape: [2], dtype: "float32" });
    await expect(upload).rejects.toEqual(coded("ERR_INVALID_ARGUMENT", "8 bytes", "12 bytes"));
    using tensor = device.zeros([2], "float32");
    await expect(tensor.write(new Uint8Array(9))).rejects.toEqual(
      coded("ERR_INVALID_ARGUMENT", "8 bytes", "9"),
    );
  });

  it("refuses memory that may change or go away", async () => {
    const options = { shape: [4], dtype: "uint8" } as const;
    const shared = new Uint8Array(new SharedArrayBuffer(4));
    await expect(device.upload(shared, options)).rejects.toEqual(
      coded("ERR_INVALID_ARGUMENT", "SharedArrayBuffer"),
    );
    const resizable = new (ArrayBuffer as new (length: number, options: object) => ArrayBuffer)(4, {
      maxByteLength: 8,
    });
    await expect(device.upload(resizable, options)).rejects.toEqual(
      coded("ERR_INVALID_ARGUMENT", "resizable"),
    );
    const detached = new ArrayBuffer(4);
    structuredClone(detached, { transfer: [detached] });
    await expect(device.upload(detached, options)).rejects.toEqual(coded("ERR_INVALID_ARGUMENT", "detached"));
    await expect(device.upload([1, 2, 3, 4] as never, options)).rejects.toEqual(
      coded("ERR_INVALID_ARGUMENT", "typed array"),
    );
  });

  it("notices a source that is taken away under a long upload", async () => {
    const bytes = new Uint8Array(4 * PIECE_BYTES);
    const upload = device.upload(bytes, { shape: [bytes.length], dtype: "uint8" });
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    await expect(upload).rejects.toEqual(coded("ERR_INVALID_ARGUMENT", "detached"));
  });

  it("refuses other work on a tensor while a long transfer of it is under way", async () => {
    using tensor = device.zeros([3 * PIECE_BYTES], "uint8");
    const writing = tensor.write(new Uint8Array(3 * PIECE_BYTES));
    expect(() => tensor.pointer).toThrow(coded("ERR_INVALID_ARGUMENT", "await"));
    await writing;
    expect(tensor.pointer).toBeTypeOf("bigint");
  });
});

describe("dispose", () => {
  it("is idempotent and ends every use", async () => {
    const tensor = device.zeros([4], "float32");
    tensor.dispose();
    tensor.dispose();
    tensor[Symbol.dispose]();
    expect(tensor.disposed).toBe(true);
    expect(() => tensor.pointer).toThrow(coded("ERR_DISPOSED"));
    expect(() => tensor.view({})).toThrow(coded("ERR_DISPOSED"));
    await expect(tensor.read()).rejects.toEqual(coded("ERR_DISPOSED"));
    await expect(tensor.write(new Uint8Array(16))).rejects.toEqual(coded("ERR_DISPOSED"));
  });

  it("lets a read that is under way finish", async () => {
    const tensor = await device.upload(Int32Array.of(1, 2, 3), { shape: [3], dtype: "int32" });
    const reading = tensor.read();
    tensor.dispose();
    expect(await reading).toEqual(Int32Array.of(1, 2, 3));
  });
});

describe.skipIf(onGpu)("limits", () => {
  it("says what was asked and left when memory runs out, and goes on", async () => {
    const small = openTestDevice({ memoryBytes: 64 * 2 ** 20 });
    const first = small.empty([48 * 2 ** 20], "uint8");
    expect(() => small.empty([32 * 2 ** 20], "uint8")).toThrow(
      coded("ERR_OUT_OF_MEMORY", `${32 * 2 ** 20} bytes`, `${64 * 2 ** 20} bytes`),
    );
    expect(small.memory().allocated).toBe(48 * 2 ** 20);
    // What is disposed of counts as room at once, although it is freed later.
    first.dispose();
    const second = small.empty([60 * 2 ** 20], "uint8");
    expect(small.memory().byCategory.tensor).toBe(60 * 2 ** 20);
    second.dispose();
    await small.close();
  });
});
