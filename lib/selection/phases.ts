import type { Capabilities, KernelChoice, Launch } from "./capabilities.js";
import { FEATURES, type KernelIndex, type KernelNeeds, kernelKey, serves, VERIFIED } from "./catalog.js";
import type { ResolvedConfig } from "./config.js";
import type { LaunchReport, Phase, PhaseKernel, PhasePlan } from "./explanation.js";
import { joinWithOr } from "./sizes.js";
import { judge } from "./validate.js";
import type { Flags } from "./variables.js";

export const PHASES: readonly Phase[] = ["prefill", "decode", "mixed", "cacheWrite"];

/** What one selection looks at: the configuration, the flags, the target and the kernels that there are for it. */
export interface Situation {
  readonly config: ResolvedConfig;
  readonly flags: Flags;
  readonly arch: string;
  readonly kernels: KernelIndex;
}

/** Which kernels of a backend will run each phase, and why none that would come before. */
export function planPhases(capabilities: Capabilities, situation: Situation): PhasePlan[] {
  const { config } = situation;
  const needs: KernelNeeds = { ...config, features: FEATURES.filter((feature) => Boolean(config[feature])) };
  return PHASES.filter((phase) => capabilities[phase].length > 0).map((phase) => {
    const passedOver: PhasePlan["passedOver"] = [];
    const fitting: PhaseKernel[] = [];
    for (const choice of capabilities[phase]) {
      const reasons = obstacles(choice, situation);
      const kernel = lookUp(choice, situation.kernels, needs);
      if (reasons.length === 0) fitting.push(kernel);
      if (reasons.length === 0 && kernel.status === "available") break;
      passedOver.push({
        kernel: kernelName(choice.launches),
        reasons: reasons.length > 0 ? reasons : [absence(kernel, situation.arch)],
      });
    }
    const kernel = fitting.find(({ status }) => status === "available") ?? fitting[0] ?? null;
    const isTheChosen = (name: string) => kernel !== null && name === kernelName(kernel.launches);
    return { phase, kernel, passedOver: passedOver.filter((other) => !isTheChosen(other.kernel)) };
  });
}

/** "triton unified_attention_3d + reduce_segments". */
export function kernelName(launches: readonly Launch[]): string {
  let last = "";
  const words = launches.map(({ provider, operation }) => {
    const word = provider === last ? operation : `${provider} ${operation}`;
    last = provider;
    return word;
  });
  return words.join(" + ");
}

function obstacles(choice: KernelChoice, { config, arch, flags }: Situation): string[] {
  const reasons =
    choice.limits === undefined ? [] : judge(choice.limits, config, arch).map(({ message }) => message);
  const off = (choice.switchedOff ?? [])
    .filter(({ variables, when }) => variables.every((name) => flags[name] === when))
    .map(
      ({ variables, when }) =>
        `${variables.join(" and ")} ${variables.length > 1 ? "are" : "is"} ${when ? "on" : "off"}`,
    );
  if (off.length > 0) reasons.push(`switched off: ${off.join(", ")}`);
  return reasons;
}

function absence(kernel: PhaseKernel, arch: string): string {
  const absent = kernel.launches
    .filter(({ status }) => status !== "available")
    .map(({ operation }) => operation);
  return kernel.status === "planned"
    ? `planned: this version has no ${joinWithOr(absent)} yet`
    : `no ${joinWithOr(absent)} for this configuration among the kernels for ${arch}`;
}

function lookUp(choice: KernelChoice, kernels: KernelIndex, needs: KernelNeeds): PhaseKernel {
  const launches = choice.launches.map(({ provider, operation }): LaunchReport => {
    const rows = kernels.get(kernelKey({ provider, operation })) ?? [];
    const fitting = rows.filter((row) => serves(row, needs));
    const best = fitting.find((row) => !row.planned) ?? fitting[0];
    const status = best === undefined ? "missing" : best.planned ? "planned" : "available";
    return { provider, operation, status, verified: best?.verified ?? "none" };
  });
  const statuses = new Set(launches.map(({ status }) => status));
  const status = statuses.has("missing") ? "missing" : statuses.has("planned") ? "planned" : "available";
  const verified = VERIFIED[Math.min(...launches.map((launch) => VERIFIED.indexOf(launch.verified)))]!;
  return { launches, status, verified, ...(choice.note === undefined ? {} : { note: choice.note }) };
}
