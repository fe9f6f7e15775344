// The host's cost of a step: from JavaScript to the HIP library, whose launches and copies return at once here.
// node bench/host.mjs (reads dist/ and build/Release; compiles a small library with c++).
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { Bench } from "tinybench";
import { parseWords } from "../scripts/setup/words.mjs";

parseWords("npm run bench:host    the host's cost of a step, without the device's");
const here = dirname(fileURLToPath(import.meta.url));
const release = join(here, "../build/Release");
const library = join(here, "../build/bench/libreturns_at_once.so");
mkdirSync(dirname(library), { recursive: true });
execFileSync("c++", [
  ...["-shared", "-fPIC", "-O2", join(here, "host/returns_at_once.cc"), "-o", library],
  ...["-Wl,--no-as-needed", join(release, "librocm_emulator.so"), `-Wl,-rpath,${release}`],
]);
process.env.ROCM_ATTENTION_HIP_LIBRARY = library;
process.env.ROCM_EMULATOR_ARCH = "gfx942";
const { createAttention, createBatch, Device, setEmulatorOption, traceLaunches } = await import(
  "../dist/index.js"
);
const { kernelsForDevice, loadKernel } = await import("../dist/kernels/store.js");

const SEQUENCES = [1, 32, 256];
const COLUMNS = [64, 512];
const config = { numHeads: 32, numKvHeads: 8, headSize: 128, dtype: "bfloat16", env: {} };
const device = Device.open(0);
const attention = createAttention(device, config);
const cache = attention.createKvCache({ numBlocks: 1024, layers: 32 });
const layers = Array.from({ length: 32 }, (_, index) => cache.layer(index));
const PROPERTY = "a property of a native object";
const NOTHING = "a native call that enqueues nothing";
const THREE = "a native call that enqueues three launches";
const FORWARD_ONE = "forward, 1 decode of 1024 tokens (cache write, attention, merge)";
const bench = new Bench({ time: 1000, warmupTime: 300 });

const { native } = device;
const stream = device.defaultStream.native;
const { list, length } = threeLaunches();
bench.add(PROPERTY, () => native.lost);
bench.add(NOTHING, () => stream.launch(list, 0));
bench.add(THREE, () => stream.launch(list, length));
for (const sequences of SEQUENCES) {
  const { batch, query, key, value, output } = decodes(sequences, 64);
  let layer = 0;
  const forward = () => {
    layer = (layer + 1) % layers.length;
    attention.forward({ query, key, value, output, cache: layers[layer], batch });
  };
  const name = sequences === 1 ? FORWARD_ONE : `forward, ${sequences} decodes of 1024 tokens`;
  bench.add(name, forward);
  if (sequences !== 1) continue;
  const traced = { fn: forward, beforeAll: () => traceLaunches(forget), afterAll: () => traceLaunches(null) };
  bench.add("forward, 1 decode, launches traced", traced.fn, traced);
}
for (const columns of COLUMNS) {
  for (const sequences of SEQUENCES) {
    const { batch, step } = decodes(sequences, columns);
    bench.add(`update, ${sequences} sequences of ${columns} blocks`, () => batch.update(step));
  }
}
await bench.run();

console.table(
  bench.tasks.map(({ name, result }) => ({
    "JavaScript to enqueue": name,
    "median in us": (result.latency.p50 * 1000).toFixed(2),
    "99 of 100 below": (result.latency.p99 * 1000).toFixed(2),
  })),
);
await device.close();

const micros = (name) => bench.getTask(name).result.latency.p50 * 1000;
const whole = micros(FORWARD_ONE);
const [property, call] = [micros(PROPERTY), micros(NOTHING)];
console.log(
  `A forward of ${whole.toFixed(2)} us: boundary ${(2 * property + call).toFixed(2)} (two properties, one call), launches ` +
    `${(micros(THREE) - call).toFixed(2)} (three, in native code), JavaScript ${(whole - 2 * property - micros(THREE)).toFixed(2)}.`,
);
await printJitter();

/** How late timers are while an emulated kernel runs on one host thread, for two seconds and without it. */
async function printJitter() {
  setEmulatorOption("THREADS", "1");
  const emulated = Device.open({ emulate: "gfx942", computeUnits: 8 });
  const { numHeads, numKvHeads } = config;
  const ofEmulated = createAttention(emulated, config);
  const prefill = createBatch(emulated, { maxSequences: 1, maxTokens: 512, maxBlocksPerSequence: 32 });
  const blockTable = [Int32Array.from({ length: 32 }, (_, block) => block)];
  prefill.update({ queryStartLoc: [0, 512], seqLens: [512], blockTable });
  const rows = (heads) => emulated.zeros([512, heads, config.headSize], "bfloat16");
  const call = {
    ...{ query: rows(numHeads), key: rows(numKvHeads), value: rows(numKvHeads), output: rows(numHeads) },
    ...{ cache: ofEmulated.createKvCache({ numBlocks: 32 }).layer(0), batch: prefill },
  };
  const idle = await lateness(() => new Promise((resolve) => setTimeout(resolve, 2000)));
  const busy = await lateness(async () => {
    for (const start = performance.now(); performance.now() - start < 2000; ) {
      ofEmulated.forward(call);
      await emulated.defaultStream.synchronize();
    }
  });
  console.log(
    `99 of 100 timers of 1 ms come at most ${busy} ms late during kernels, ${idle} ms without them.`,
  );
  await emulated.close();
}

async function lateness(work) {
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  await work();
  histogram.disable();
  return Math.max(0, histogram.percentile(99) / 1e6 - 1).toFixed(1);
}

function forget({ start, end }) {
  start.dispose();
  end.dispose();
}

/** A list of three launches, as native code reads it, of a kernel with 200 bytes of arguments. */
function threeLaunches() {
  const row = kernelsForDevice("gfx942").kernels.find(
    ({ operation }) => operation === "unified_attention_2d",
  );
  const kernel = loadKernel(device, row);
  const bytes = kernel.explicitKernargBytes;
  const words = (40 + 8 * Math.ceil(bytes / 8)) / 4;
  const list = new Uint32Array(3 * words);
  for (const launch of [0, 1, 2]) {
    list.set([kernel.number, 8, 1, 1, row.workgroupSize, 1, 1, row.ldsBytes, bytes], launch * words);
  }
  return { list: new Uint8Array(list.buffer), length: list.byteLength };
}

/** A batch that stands at a step of decodes, each of `columns` blocks, with tensors for its tokens. */
function decodes(sequences, columns) {
  const limits = { maxSequences: sequences, maxTokens: sequences, maxBlocksPerSequence: columns };
  const batch = createBatch(device, limits);
  const step = {
    queryStartLoc: Int32Array.from({ length: sequences + 1 }, (_, s) => s),
    seqLens: new Int32Array(sequences).fill(16 * columns),
    blockTable: Array.from({ length: sequences }, () => Int32Array.from({ length: columns }, (_, b) => b)),
  };
  batch.update(step);
  const rows = (heads) => device.empty([sequences, heads, config.headSize], "bfloat16");
  return {
    ...{ batch, step, query: rows(config.numHeads), output: rows(config.numHeads) },
    ...{ key: rows(config.numKvHeads), value: rows(config.numKvHeads) },
  };
}
