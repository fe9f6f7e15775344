import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { fp8Encoding } from "../../../lib/catalog/targets.js";
import { fromBfloat16, fromFloat16, itemSize, toBfloat16, toFloat16 } from "../../../lib/dtype.js";
import { fromFloat8, toFloat8 } from "../../../lib/float8.js";
import { convertFp8 } from "../../../lib/index.js";
import { coded } from "../../support/coded.js";
import { decodeSmallFloat } from "../../support/float8.js";
import { HIP_TEST_DEVICES, noHipKernels } from "../../support/hip-kernels.js";

type Dtype = "bfloat16" | "float16" | "float32";

/** Numbers at and beside every edge of the formats, as a tensor's bytes. */
function edges(dtype: Dtype): Uint16Array | Float32Array {
  if (dtype !== "float32") return Uint16Array.from({ length: 0x10000 }, (_, bits) => bits);
  const largest = [240, 248, 256, 448, 464, 480, 1e30, Number.POSITIVE_INFINITY, Number.NaN];
  const steps = Array.from({ length: 4096 }, (_, i) => 2 ** ((i >> 4) / 16 - 12) * (1 + (i & 15) / 16));
  return Float32Array.from([0, ...largest, ...steps].flatMap((value) => [value, -value]));
}

const numberOf = (dtype: Dtype, value: number) =>
  dtype === "float32" ? value : dtype === "bfloat16" ? fromBfloat16(value) : fromFloat16(value);
const bitsOf = (dtype: Dtype, value: number) =>
  dtype === "float32" ? Math.fround(value) : dtype === "bfloat16" ? toBfloat16(value) : toFloat16(value);

describe.skipIf(noHipKernels).each(HIP_TEST_DEVICES)("on $name", ({ open }) => {
  const device = open();
  afterAll(() => device.close());
  const encoding = fp8Encoding(device.info.arch);

  if (encoding === null) {
    it("there is no fp8: it is refused", () => {
      using from = device.zeros([8], "bfloat16");
      using to = device.zeros([8], "float8_e4m3fn");
      expect(() => convertFp8({ from, to })).toThrow(coded("ERR_NO_KERNELS_FOR_ARCH", "convert_fp8"));
    });
    return;
  }

  describe.each(["bfloat16", "float16", "float32"] as const)("%s", (dtype) => {
    const fp8 = encoding;

    it("becomes fp8: rounded to even, saturated, NaN and zeros as they are", async () => {
      const values = edges(dtype);
      for (const scale of [1, 0.3]) {
        using from = await device.upload(values, { shape: [values.length], dtype });
        using to = device.empty([values.length], fp8);
        convertFp8({ from, to, scale });
        const found = (await to.read()) as Uint8Array;
        for (const [i, value] of values.entries()) {
          const wanted = toFloat8(fp8, Math.fround(numberOf(dtype, value) / Math.fround(scale)));
          const [a, b] = [fromFloat8(fp8, found[i]!), fromFloat8(fp8, wanted)];
          if (!Object.is(a, b)) expect([numberOf(dtype, value), a]).toEqual([numberOf(dtype, value), b]);
        }
      }
    });

    it("is made of fp8: every code, times a scale", async () => {
      const codes = Uint8Array.from({ length: 256 }, (_, code) => code);
      using from = await device.upload(codes, { shape: [16, 16], dtype: fp8 });
      using to = device.empty([16, 16], dtype);
      using scale = await device.upload(Float32Array.of(0.7), { shape: [1], dtype: "float32" });
      convertFp8({ from, to, scale });
      const found = await to.readFloat32();
      const kind = fp8 === "float8_e4m3fn" ? "e4m3fn" : "e4m3fnuz";
      for (const code of codes) {
        const product = Math.fround(decodeSmallFloat(kind, code) * Math.fround(0.7));
        expect(found[code]).toBe(numberOf(dtype, bitsOf(dtype, product)));
      }
    });

    it("of any count, and not an element more", async () => {
      const count = fc.oneof(fc.nat(40), fc.constantFrom(2047, 2048, 2049, 4100));
      await fc.assert(
        fc.asyncProperty(count, fc.boolean(), async (count, isToFp8) => {
          const pad = 16;
          using elements = await device.upload(new Float32Array(count + pad).fill(2), {
            ...{ shape: [count + pad], dtype },
          });
          using stored = await device.upload(new Float32Array(count + pad).fill(3), {
            ...{ shape: [count + pad], dtype: fp8 },
          });
          const [some, other] = [elements.view({ shape: [count] }), stored.view({ shape: [count] })];
          convertFp8(isToFp8 ? { from: some, to: other } : { from: other, to: some });
          const expected = [
            ...new Array(count).fill(isToFp8 ? 2 : 3),
            ...new Array(pad).fill(isToFp8 ? 3 : 2),
          ];
          expect([...(await (isToFp8 ? stored : elements).readFloat32())]).toEqual(expected);
        }),
        { numRuns: 12 },
      );
    });
  });

  it("what does not fit is refused, and nothing is written", async () => {
    using from = device.zeros([32], "bfloat16");
    using to = await device.upload(new Float32Array(32).fill(5), { shape: [32], dtype: encoding });
    using other = device.zeros([32], encoding === "float8_e4m3fn" ? "float8_e4m3fnuz" : "float8_e4m3fn");
    using longer = device.zeros([33], "bfloat16");
    const refused = (options: unknown, word: string) =>
      expect(() => convertFp8(options as never)).toThrow(coded("ERR_INVALID_ARGUMENT", word));
    for (const options of [undefined, null, {}, { from }, { to }, { from: 1, to: 2 }])
      refused(options, "from|to|options");
    refused({ from, to: other }, `dtype ${encoding}`);
    refused({ from, to: from }, "dtype");
    refused({ from: to, to }, "dtype");
    refused({ from: longer, to }, "shape");
    refused({ from: from.view({ shape: [16], strides: [2] }), to: to.view({ shape: [16] }) }, "contiguous");
    refused(
      { from: from.view({ shape: [8], byteOffset: itemSize("bfloat16") }), to: to.view({ shape: [8] }) },
      "aligned",
    );
    for (const scale of [0, -1, Number.NaN, "1", null, from]) refused({ from, to, scale }, "scale");
    refused({ from, to, stream: 1 }, "stream");
    expect(await to.readFloat32()).toEqual(new Float32Array(32).fill(5));
  });
});
