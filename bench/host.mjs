// The host's cost of a step: from JavaScript to the HIP library, whose launches and copies return at once here.
// node bench/host.mjs (reads dist/ and build/Release; compiles a small library with c++).
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Bench } from "tinybench";

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
const { createAttention, createBatch, Device, traceLaunches } = await import("../dist/index.js");

const SEQUENCES = [1, 32, 256];
const COLUMNS = [64, 512];
const config = { numHeads: 32, numKvHeads: 8, headSize: 128, dtype: "bfloat16", env: {} };
const device = Device.open(0);
const attention = createAttention(device, config);
const cache = attention.createKvCache({ numBlocks: 1024, layers: 32 });
const layers = Array.from({ length: 32 }, (_, index) => cache.layer(index));
const bench = new Bench({ time: 1000, warmupTime: 300 });

const { native } = device;
const stream = device.defaultStream.native;
const nothing = new Uint8Array(64);
bench.add("a property of a native object", () => native.lost);
bench.add("a native call that enqueues nothing", () => stream.launch(nothing, 0));
for (const sequences of SEQUENCES) {
  const { batch, query, key, value, output } = decodes(sequences, 64);
  let layer = 0;
  const forward = () => {
    layer = (layer + 1) % layers.length;
    attention.forward({ query, key, value, output, cache: layers[layer], batch });
  };
  bench.add(`forward, ${sequences} decodes of 1024 tokens (cache write, attention, merge)`, forward);
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

function forget({ start, end }) {
  start.dispose();
  end.dispose();
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
