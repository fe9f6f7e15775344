// A kernel of one's own in HIP C++, between this package's tensors and on its streams: RMSNorm of rows in bfloat16.
//
//     node examples/hip-kernel.mjs
import { Device } from "rocm-attention";
import { compileHip, kernelArguments } from "./hip/compile.mjs";

const [ROWS, SIZE, EPSILON] = [5, 200, 1e-5];

const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
const kernel = device.loadModule(compileHip("rms_norm.hip", device.info.arch)).kernel("rms_norm");

const random = (/** @type {number} */ count) =>
  Float32Array.from({ length: count }, () => 2 * Math.random() - 1);
const weights = random(SIZE);
const input = await device.upload(random(ROWS * SIZE), { shape: [ROWS, SIZE], dtype: "bfloat16" });
const weight = await device.upload(weights, { shape: [SIZE], dtype: "float32" });
const output = device.empty([ROWS, SIZE], "bfloat16");

const size = [{ i32: SIZE }, { f32: EPSILON }];
const kernargs = kernelArguments(input.pointer, weight.pointer, output.pointer, ...size);
device.defaultStream.launch(kernel, { grid: [ROWS], block: 64, kernargs });

const [rows, normed] = [await input.readFloat32(), await output.readFloat32()];
let largest = 0;
for (let row = 0; row < ROWS; row++) {
  const values = rows.subarray(row * SIZE, (row + 1) * SIZE);
  const factor = 1 / Math.sqrt(values.reduce((sum, x) => sum + x * x, 0) / SIZE + EPSILON);
  values.forEach((x, i) => {
    const expected = x * factor * weights[i];
    largest = Math.max(
      largest,
      Math.abs(normed[row * SIZE + i] - expected) / Math.max(Math.abs(expected), 1e-3),
    );
  });
}
console.log(`${kernel.symbol}: at most ${largest.toExponential(1)} from float64, relative`);
if (!(largest < 2 ** -8)) throw new Error("the kernel is wrong");
await device.close();
