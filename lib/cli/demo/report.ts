import { table } from "../terminal.js";
import type { Deviation } from "./deviation.js";
import type { Enqueuing } from "./enqueue-times.js";

/** The report of a run of the demo, as `--json` prints it. */
export interface DemoReport {
  /** The first sequence's text, prompt included. */
  readonly text: string;
  readonly sequences: readonly { prompt: string; text: string; tokens: number }[];
  readonly backend: string;
  /** The reason for this backend. */
  readonly reason: string;
  readonly device: {
    readonly name: string;
    readonly arch: string;
    readonly emulated: boolean;
    readonly computeUnits: number;
  };
  readonly kernels: readonly KernelUse[];
  readonly enqueuing: Enqueuing;
  readonly steps: number;
  /** Bytes of prompts that were read once for several sequences, beyond the first. */
  readonly sharedBytes: number;
  /** Bytes written, of all sequences. */
  readonly tokens: number;
  readonly seconds: number;
  readonly tokensPerSecond: number;
  readonly deviation: Deviation;
  readonly seed: number;
  readonly temperature: number;
}

export interface KernelUse {
  readonly id: string;
  readonly provider: string;
  readonly launches: number;
  readonly milliseconds: number;
}

/** Names a device, and says so where it is emulated. */
export function deviceText({ name, arch, emulated, computeUnits }: DemoReport["device"]): string {
  return `${emulated ? `${arch}, emulated on the CPU` : `${name} (${arch})`}, ${computeUnits} compute units`;
}

/** The table below the text. */
export function formatReport(report: DemoReport): string {
  const { device, deviation } = report;
  const facts = [
    ["device", deviceText(device)],
    ["backend", `${report.backend}: ${report.reason}`],
    ["written", `${report.tokens} bytes in ${report.steps} steps, ${report.seconds.toFixed(1)} s`],
    ["shared", `${report.sharedBytes} bytes of prompts, whose keys and values were there already`],
    [
      "speed",
      `${report.tokensPerSecond.toFixed(1)} tokens/s${device.emulated ? " (emulated: says nothing about a GPU)" : ""}`,
    ],
    ["graphs", formatEnqueuing(report.enqueuing)],
    ["deviation", formatDeviation(deviation)],
  ];
  const kernels = report.kernels.map(({ id, provider, launches, milliseconds }) => [
    id,
    provider,
    String(launches),
    `${milliseconds.toFixed(1)} ms`,
  ]);
  return [
    ...facts.map(([name, value]) => `${name!.padEnd(11)}${value}`),
    "",
    ...table([["kernel", "provider", "launches", "time"], ...kernels], ["kernel", "provider"]),
  ].join("\n");
}

function formatDeviation({ largest, bound, rows, calls }: Deviation): string {
  const verdict = largest <= bound ? "within" : "BEYOND";
  return `at most ${largest.toExponential(1)} from float64 in ${rows} rows of ${calls} attention calls (${verdict} ${bound})`;
}

function formatEnqueuing({ graphs, withGraph, without }: Enqueuing): string {
  if (withGraph === null) return "none";
  const eager = without === null ? "" : `, ${without.toFixed(0)} us without, where each kernel is timed`;
  return `${graphs} decodes of a layer, each enqueued in ${withGraph.toFixed(0)} us${eager}`;
}
