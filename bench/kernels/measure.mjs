import {
  allocationLines,
  LAUNCH_MICROSECONDS,
  modelLaunch,
  sampleFactor,
} from "../../dist/catalog/performance-model.js";
import { TARGETS } from "../../dist/catalog/targets.js";
import { setEmulatorOption, takeLaunchCounters } from "../../dist/index.js";
import { cacheBytes } from "./shapes.mjs";

const LINE_BYTES = 128;
/** Workgroups that are counted at least, and wave-instructions that counting a contestant's launches may take. */
const LEAST_SAMPLE = 32;
const INSTRUCTIONS = 3_000_000;

/**
 * Counts what a contestant's launches do for a shape, on a sample of their workgroups (`all`: on all of them), and models
 * their time.
 */
export async function measure(device, shape, prepare, { all = false } = {}) {
  const contestant = await prepare(device, shape);
  try {
    return summarise(await countedLaunches(device, contestant.enqueue, all), device, shape, contestant);
  } finally {
    contestant.dispose();
  }
}

/** The same for an operation that shapes do not matter to; `least`: its bytes at the rate of device memory, and its launch. */
export async function measureOperation(device, prepare, hbmTBs, { all = false } = {}) {
  const { enqueue, bytes, owners, only } = await prepare(device);
  try {
    const isMeasured = ({ kernel }) => only === undefined || kernel.startsWith(only);
    const counted = (await countedLaunches(device, enqueue, all)).filter(isMeasured);
    const launches = counted.map((launch) => summariseLaunch(launch, device, [], []));
    const microseconds = launches.reduce((sum, { model }) => sum + model.total, 0);
    return { least: LAUNCH_MICROSECONDS + bytes / hbmTBs / 1e6, bytes, microseconds, launches };
  } finally {
    for (const owner of owners) owner.dispose();
  }
}

/** A first sample says how much a workgroup executes, and so how many the second may have. */
async function countedLaunches(device, enqueue, all) {
  await device.defaultStream.synchronize();
  const count = async (level) => {
    takeLaunchCounters(device);
    setEmulatorOption("COUNTERS", level);
    enqueue();
    setEmulatorOption("COUNTERS", "off");
    await device.defaultStream.synchronize();
    return takeLaunchCounters(device);
  };
  if (all) return count("full");
  const first = await count(`sample:${LEAST_SAMPLE}`);
  const perWorkgroup = Math.max(
    ...first.map((launch) => instructionsOf(launch.instructions) / launch.workgroups.length),
  );
  const sample = Math.floor(INSTRUCTIONS / perWorkgroup);
  return sample > LEAST_SAMPLE ? count(`sample:${sample}`) : first;
}

/** @returns what the report shows of a contestant. */
function summarise(launches, device, shape, { caches, ends }) {
  const rows = launches.map((launch) => summariseLaunch(launch, device, caches, ends));
  const sum = (of) => rows.reduce((total, row) => total + of(row), 0);
  return {
    microseconds: sum((row) => row.model.total),
    loadedMicroseconds: sum((row) => row.model.loadedTotal),
    cacheBytes: sum((row) => row.cacheBytes),
    cacheShare: sum((row) => row.cacheBytes) / cacheBytes(shape),
    partialBytes: sum((row) => row.partialBytes),
    launches: rows,
  };
}

function summariseLaunch(launch, device, caches, ends) {
  const { kernel, grid, memory, workgroups, wavesPerSimd } = launch;
  const factor = sampleFactor(launch);
  const isAt = (allocation) => (pointer) =>
    pointer >= BigInt(allocation.address) && pointer < BigInt(allocation.address + allocation.bytes);
  const cached = memory.allocations.filter((allocation) => caches.some(isAt(allocation)));
  const others = memory.allocations.filter((allocation) => ![...caches, ...ends].some(isAt(allocation)));
  const lines = (allocations, of) => allocations.reduce((sum, one) => sum + of(one), 0);
  const model = modelLaunch(launch, device.info);
  const { l1BytesPerClock } = TARGETS.find(({ name }) => name === device.info.arch).model;
  const scaled = (counts) =>
    Object.fromEntries(Object.entries(counts).map(([name, value]) => [name, Math.round(value * factor)]));
  return {
    kernel,
    grid,
    counted: workgroups.length,
    instructions: scaled(launch.instructions),
    matrixClocks: Math.round(launch.clocks.matrix * factor),
    l1Clocks: Math.round((memory.lines * factor * LINE_BYTES) / l1BytesPerClock),
    cacheBytes: LINE_BYTES * lines(cached, (one) => allocationLines(one, factor).read),
    // What one launch leaves for the next.
    partialBytes: LINE_BYTES * lines(others, (one) => allocationLines(one, factor).written),
    lineBytesPerByte: (LINE_BYTES * memory.lines) / (memory.bytesRead + memory.bytesWritten),
    linesByXcds:
      lines(cached, (one) => one.linesReadByXcds) /
      Math.max(
        1,
        lines(cached, (one) => one.linesRead),
      ),
    ldsConflicts: memory.ldsConflictClocks / Math.max(1, memory.ldsClocks),
    wavesPerSimd,
    model,
  };
}

function instructionsOf(instructions) {
  return Object.values(instructions).reduce((sum, count) => sum + count, 0);
}
