import { invalidArgument } from "../../errors.js";
import { openDevice } from "../demo/open-device.js";
import { deviceText } from "../demo/report.js";
import { table } from "../terminal.js";
import { type Measurement, measure } from "./measure.js";
import type { BenchOptions } from "./options.js";
import { leastBytes, limits, products, type Shape, shapesFor } from "./shapes.js";

interface Result extends Shape, Measurement {
  /** What was moved at least and multiplied, per second. */
  readonly terabytesPerSecond: number;
  readonly teraflops: number;
  /** The least time by memory and by the matrix units; null where there is no such GPU. */
  readonly limits: ReturnType<typeof limits>;
}

/** Times the shapes that the options name and prints a table, or one JSON object. */
export async function runBench({
  device: choice,
  shape: wanted = "",
  backend,
  json,
}: BenchOptions): Promise<void> {
  const device = openDevice(choice);
  try {
    const all = shapesFor(device.info);
    const shapes = all.filter(({ name }) => name.includes(wanted));
    if (shapes.length === 0) {
      throw invalidArgument("--shape", `a part of ${all.map(({ name }) => name).join(", ")}`, wanted);
    }
    const results: Result[] = [];
    for (const shape of shapes) {
      const measured = await measure(device, shape, backend);
      results.push({
        ...shape,
        ...measured,
        terabytesPerSecond: leastBytes(shape) / measured.microseconds / 1e6,
        teraflops: (2 * products(shape)) / measured.microseconds / 1e6,
        limits: limits(shape, device.info),
      });
    }
    const { name, arch, emulated, computeUnits } = device.info;
    const report = { device: { name, arch, emulated, computeUnits }, results };
    console.log(json ? JSON.stringify(report, null, 2) : format(report));
  } finally {
    await device.close();
  }
}

function format({
  device,
  results,
}: {
  device: Parameters<typeof deviceText>[0];
  results: Result[];
}): string {
  const rows = results.map((result) => [
    result.name,
    `${result.numHeads}/${result.numKvHeads}`,
    result.backend,
    result.microseconds.toFixed(1),
    result.terabytesPerSecond.toFixed(2),
    result.teraflops.toFixed(1),
    share(result),
  ]);
  return [
    deviceText(device),
    ...(device.emulated ? ["Emulated: these times are the CPU's, and say nothing about a GPU."] : []),
    "",
    ...table(
      [["shape", "heads", "backend", "us a layer", "TB/s", "TFLOP/s", "of the limit"], ...rows],
      ["shape", "heads", "backend", "of the limit"],
    ),
  ].join("\n");
}

/** How much of the nearer limit is reached, and which it is. */
function share({ limits: least, microseconds }: Result): string {
  if (least === null) return "-";
  const [name, time] = least.bytes >= least.matrix ? ["memory", least.bytes] : ["matrix", least.matrix];
  return `${((100 * time) / microseconds).toFixed(0)} % (${name})`;
}
