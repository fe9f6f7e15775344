// Attention kernels side by side on an emulated MI300X, by counts and the performance model (docs/performance.md):
// npm run bench:kernels [-- --shape TEXT] [--kernel TEXT] [--full] [--json] [--chart FILE] [--against FILE]. Reads dist/, and the kernels that the
// set-up has built. Nothing is measured: the emulator executes a sample of each launch's workgroups and counts.
import { readFileSync, writeFileSync } from "node:fs";
import { TARGETS } from "../dist/catalog/targets.js";
import { Device } from "../dist/index.js";
import { parseWords } from "../scripts/setup/words.mjs";
import { chart } from "./kernels/chart.mjs";
import { contestants } from "./kernels/contestants.mjs";
import { measure, measureOperation } from "./kernels/measure.mjs";
import { operations } from "./kernels/operations.mjs";
import { formatOperations, formatShape, moved, summary } from "./kernels/report.mjs";
import { leastMicroseconds, shapes } from "./kernels/shapes.mjs";

const ARCH = "gfx942";
const { values: options } = parseWords(
  `npm run bench:kernels -- [OPTIONS]    kernels side by side, by counts and the performance model

  --shape TEXT, --kernel TEXT    those with this in their names
  --full                         every workgroup, not a sample
  --json                         the results, for --against
  --against FILE                 what has moved since
  --chart FILE                   draws them`,
  {
    options: {
      shape: { type: "string", default: "" },
      kernel: { type: "string", default: "" },
      full: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      chart: { type: "string" },
      against: { type: "string" },
    },
  },
);
const wanted = shapes.filter(({ name }) => name.includes(options.shape));
const taking = Object.entries(contestants).filter(([name]) => name.includes(options.kernel));
const isOperation = ({ name }) => options.kernel === "" && name.includes(options.shape);
const wantedOperations = operations.filter(isOperation);
if ((wanted.length === 0 || taking.length === 0) && wantedOperations.length === 0) {
  console.error("no shape or no kernel has that in its name; shapes are:");
  for (const { name } of [...shapes, ...operations]) console.error(`  ${name}`);
  process.exit(2);
}

const limits = TARGETS.find(({ name }) => name === ARCH).model;
const results = [];
for (const [index, shape] of wanted.entries()) {
  const device = Device.open({ emulate: ARCH });
  const kernels = [];
  for (const [name, prepare] of taking) {
    progress(`${index + 1} of ${wanted.length}: ${shape.name}, ${name}`);
    try {
      kernels.push({ name, ...(await measure(device, shape, prepare, { all: options.full })) });
    } catch (error) {
      kernels.push({ name, reason: error.message.split("\n")[0] });
    }
  }
  await device.close();
  const result = { ...shape, least: leastMicroseconds(shape, limits), kernels };
  results.push(result);
  progress("");
  if (!options.json) console.log(formatShape(result));
}
const measured = [];
for (const { name, prepare, full = options.full } of wantedOperations) {
  progress(name);
  const device = Device.open({ emulate: ARCH });
  measured.push({ name, ...(await measureOperation(device, prepare, limits.hbmTBs, { all: full })) });
  await device.close();
}
progress("");
if (options.json) console.log(JSON.stringify([...results, ...measured], null, 2));
else {
  if (measured.length > 0) console.log(formatOperations(measured));
  if (results.length > 0) console.log(summary(results));
}
if (options.against !== undefined)
  console.error(moved(JSON.parse(readFileSync(options.against, "utf8")), results));
if (options.chart !== undefined) writeFileSync(options.chart, chart(results));

/** One line that the next replaces, where somebody looks. */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
  else if (text !== "") process.stderr.write(`${text}\n`);
}
