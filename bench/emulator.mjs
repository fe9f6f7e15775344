// The emulator's speed in wave-instructions per second: npm run bench:emulator [-- part of a name]. Reads dist/, and the
// kernels that the set-up has built or fetched. All checks of addresses are on, as always, and counters are basic.
import { availableParallelism } from "node:os";
import { Device, setEmulatorOption, takeLaunchCounters } from "../dist/index.js";
import { parseWords } from "../scripts/setup/words.mjs";
import { cases } from "./emulator/cases.mjs";

const { positionals } = parseWords(
  "npm run bench:emulator [-- PART OF A NAME]    wave-instructions per second",
  {
    positionals: true,
  },
);
const [wanted = ""] = positionals;
const SECONDS = 1.5;
const MINIMUM_RUNS = 3;

/** The fastest of several runs, in seconds: what others did to the machine meanwhile counts least there. */
async function fastest(device, enqueue, threads) {
  setEmulatorOption("THREADS", String(threads));
  const stream = device.defaultStream;
  let best = Number.POSITIVE_INFINITY;
  let total = 0;
  for (let run = 0; run < MINIMUM_RUNS || total < SECONDS; run++) {
    const start = stream.record();
    enqueue();
    const end = stream.record();
    await stream.synchronize();
    const seconds = (await end.elapsedMs(start)) / 1000;
    best = Math.min(best, seconds);
    total += seconds;
  }
  return best;
}

/** The wave-instructions of launches. */
function instructionsOf(launches) {
  const counts = launches.flatMap(({ instructions }) => Object.values(instructions));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function measure(prepare, cores) {
  const device = Device.open({ emulate: "gfx942", computeUnits: 8 });
  try {
    const enqueue = await prepare(device);
    enqueue(); // decodes
    await device.defaultStream.synchronize();
    takeLaunchCounters(device);
    enqueue();
    await device.defaultStream.synchronize();
    const instructions = instructionsOf(takeLaunchCounters(device));
    const rates = [];
    for (const threads of [1, cores]) rates.push(instructions / (await fastest(device, enqueue, threads)));
    return { instructions, rates };
  } finally {
    await device.close();
  }
}

setEmulatorOption("COUNTERS", "basic");
const cores = availableParallelism();
const millions = (value, digits) => (value / 1e6).toFixed(digits).padStart(9);
console.log(`Wave-instructions per second on gfx942, in millions, on one core and on ${cores}:\n`);
console.log(
  `${"".padEnd(38)}${"launched".padStart(9)}${"1 core".padStart(9)}${`${cores} cores`.padStart(9)}    gain`,
);
for (const [name, prepare] of Object.entries(cases).filter(([name]) => name.includes(wanted))) {
  try {
    const { instructions, rates } = await measure(prepare, cores);
    const [one, all] = rates;
    const gain = (all / one).toFixed(2).padStart(8);
    console.log(
      `${name.padEnd(38)}${millions(instructions, 2)}${millions(one, 1)}${millions(all, 1)}${gain}`,
    );
  } catch (error) {
    console.log(`${name.padEnd(38)} not measured: ${error.message.split("\n")[0]}`);
  }
}
