import { type LaunchModel, MODEL_UNITS } from "../../catalog/performance-model.js";
import { INSTRUCTION_CLASSES, type LaunchCounters } from "../../device/emulator.js";
import type { DeviceInfo } from "../../index.js";
import { table } from "../terminal.js";
import { blocksOf, type HotRow, hottest, weighed } from "./hottest.js";
import { className, count, micro, pcText, percent, UNIT_NAMES } from "./words.js";

/** The object that `rocm-attention profile --json` prints. */
export interface ProfileReport {
  readonly example: string;
  readonly description: string;
  readonly backend: string;
  readonly device: Pick<DeviceInfo, "name" | "arch" | "computeUnits">;
  readonly launches: readonly (LaunchCounters & { readonly model: LaunchModel })[];
}

const HOTTEST = 10;
const BLOCKS = 4;
const BAR = 30;

/** The report for people. */
export function formatProfile({ example, description, backend, device, launches }: ProfileReport): string {
  const total = launches.reduce((sum, { model }) => sum + model.total, 0);
  return [
    `${example}: ${description}`,
    `${backend} on ${device.name} (${device.arch}, ${device.computeUnits} compute units), emulated`,
    ...launches.map((launch, index) => `\n${formatLaunch(launch, index + 1)}`),
    `\nBy the model the ${launches.length} launches take at least ${micro(total)}. Counted clocks and a model of the`,
    "hardware's limits, which nobody has measured: good for comparing kernels, not for predicting them.",
  ].join("\n");
}

function formatLaunch(launch: ProfileReport["launches"][number], number: number): string {
  const { memory } = launch;
  const rows = weighed(launch);
  const instructions = Object.values(launch.instructions).reduce((sum, count) => sum + count);
  const classes = INSTRUCTION_CLASSES.filter((name) => launch.instructions[name] > 0)
    .sort((a, b) => launch.instructions[b] - launch.instructions[a])
    .map((name) => `${className(name)} ${percent(launch.instructions[name] / instructions)}`);
  const facts = [
    [
      "grid",
      `${launch.grid.join(" x ")} workgroups of ${launch.block.join(" x ")}, ${count(launch.waves)} waves; ` +
        `${launch.vectorRegisters} registers, ${count(launch.ldsBytes)} bytes of LDS: ${wavesPerSimd(launch)}`,
    ],
    ["executed", `${count(instructions)} instructions: ${classes.join(", ")}`],
    [
      "clocks",
      `matrix ${count(launch.clocks.matrix)}, vector ${count(launch.clocks.vector)}, ` +
        `transcendental ${count(launch.clocks.transcendental)}, LDS ${count(memory!.ldsClocks)} ` +
        `(${count(memory!.ldsConflictClocks)} by bank conflicts)`,
    ],
    [
      "memory",
      `${bytes(memory!.bytesRead + memory!.scalarBytesRead)} read, ${bytes(memory!.bytesWritten)} written; ` +
        `different lines of 128 bytes: ${count(memory!.linesRead)} read, ${count(memory!.linesWritten)} written; ` +
        `by XCD ${memory!.linesByXcd.map(count).join(" ")}`,
    ],
  ];
  return [
    `${number}. ${launch.kernel}`,
    ...facts.map(([name, text]) => `   ${name!.padEnd(10)}${text}`),
    "   model, not a measurement:",
    ...formatModel(launch.model),
    "   hottest blocks:",
    ...formatBlocks(rows),
    "   hottest operations in a block:",
    ...formatHottest(rows),
  ].join("\n");
}

function formatModel({ microseconds, bound, total }: LaunchModel): string[] {
  const rows = MODEL_UNITS.map((unit) => {
    const share = microseconds[unit] / microseconds[bound];
    const bar = "#".repeat(Math.round(share * BAR)).padEnd(BAR, ".");
    return `     ${UNIT_NAMES[unit].padEnd(14)}${bar} ${micro(microseconds[unit])}${unit === bound ? ", the limit" : ""}`;
  });
  return [
    ...rows,
    `     at least ${micro(total)} with its launch, ${percent(microseconds[bound] / total)} of it at the limit`,
  ];
}

function formatBlocks(rows: readonly HotRow[]): string[] {
  const header = ["from", "to", "share", "executed", "instructions"];
  const blocks = blocksOf(rows)
    .sort((a, b) => b.share - a.share)
    .slice(0, BLOCKS)
    .map(({ rows, executed, share }) => [
      pcText(rows[0]!.pc),
      pcText(rows.at(-1)!.pc),
      percent(share),
      count(executed),
      count(rows.length),
    ]);
  return indented(table([header, ...blocks], []));
}

function formatHottest(launchRows: readonly HotRow[]): string[] {
  const header = ["from", "to", "share", "executed", "instructions", "operation"];
  const rows = hottest(launchRows, HOTTEST).map(({ rows, share, executed, operation }) => [
    pcText(rows[0]!.pc),
    pcText(rows.at(-1)!.pc),
    percent(share),
    count(executed),
    count(rows.length),
    operation,
  ]);
  return indented(table([header, ...rows], ["operation"]));
}

/** How many waves a SIMD holds, in words. */
export function wavesPerSimd({ wavesPerSimd: waves }: Pick<LaunchCounters, "wavesPerSimd">): string {
  return `${waves} ${waves === 1 ? "wave" : "waves"} per SIMD`;
}

const indented = (lines: readonly string[]) => lines.map((line) => `     ${line}`);

function bytes(value: number): string {
  if (value < 10_000) return `${count(value)} bytes`;
  return value < 1e7 ? `${(value / 1e3).toFixed(1)} kB` : `${(value / 1e6).toFixed(1)} MB`;
}
