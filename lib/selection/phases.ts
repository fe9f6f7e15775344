import { type Capabilities, type KernelChoice, type Launch, PHASES } from "./capabilities.js";
import {
  type Catalog,
  type CatalogKernel,
  FEATURES,
  type KernelIndex,
  type KernelNeeds,
  kernelsFor,
  kernelsOf,
  serves,
  VERIFIED,
} from "./catalog.js";
import type { ResolvedConfig } from "./config.js";
import type { KernelStatus, LaunchReport, PhaseKernel, PhasePlan } from "./explanation.js";
import { PUBLISHED_CATALOG } from "./published.js";
import { joinWithOr } from "./sizes.js";
import { bareTarget } from "./targets.js";
import { judge } from "./validate.js";
import type { Flags } from "./variables.js";

/** What one selection looks at: the configuration, the flags, the target and the kernels that there are for it. */
export interface Situation {
  readonly config: ResolvedConfig;
  readonly flags: Flags;
  readonly arch: string;
  readonly kernels: KernelIndex;
  /** The kernels of the published packages, to tell what is not installed from what does not exist. */
  readonly published: KernelIndex;
  readonly needs: KernelNeeds;
}

export function situationOf(config: ResolvedConfig, flags: Flags, arch: string, catalog: Catalog): Situation {
  return {
    config,
    flags,
    arch,
    kernels: kernelsFor(catalog, arch),
    published: kernelsFor(PUBLISHED_CATALOG, arch),
    needs: { ...config, features: FEATURES.filter((feature) => Boolean(config[feature])) },
  };
}

/** Which kernels of a backend will run each phase, and why none that would come before. */
export function planPhases(capabilities: Capabilities, situation: Situation): PhasePlan[] {
  return PHASES.filter((phase) => capabilities[phase].length > 0).map((phase) => {
    const passedOver: PhasePlan["passedOver"] = [];
    const fitting: PhaseKernel[] = [];
    for (const choice of capabilities[phase]) {
      const reasons = obstacles(choice, situation);
      const kernel = lookUp(choice, situation);
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
    : `not installed: ${joinWithOr(absent)} for this configuration on ${bareTarget(arch)}`;
}

function lookUp({ launches, note }: KernelChoice, situation: Situation): PhaseKernel {
  const reports = launches.map((launch): LaunchReport => {
    const row = findKernel(situation.kernels, launch, situation.needs);
    const status = statusOf(launch, situation);
    return { ...launch, status, verified: row?.verified ?? "none" };
  });
  const status = worst(reports.map((report) => report.status));
  const verified = VERIFIED[Math.min(...reports.map((report) => VERIFIED.indexOf(report.verified)))]!;
  return { launches: reports, status, verified, ...(note === undefined ? {} : { note }) };
}

/** Whether there are kernels for every phase: of each the best choice that fits. A backend without phases brings its own. */
export function kernelStatus(capabilities: Capabilities, situation: Situation): KernelStatus {
  let status: KernelStatus = "available";
  for (const phase of PHASES) {
    if (capabilities[phase].length === 0) continue;
    let best: KernelStatus = "planned";
    for (const choice of capabilities[phase]) {
      const found = worst(choice.launches.map((launch) => statusOf(launch, situation)));
      // Whether it fits is the dearer question: it is asked only where the answer matters.
      if (worst([found, best]) !== found && obstacles(choice, situation).length === 0) best = found;
    }
    status = worst([status, best]);
    if (status === "planned") return status;
  }
  return status;
}

function statusOf(launch: Launch, { kernels, published, needs }: Situation): KernelStatus {
  if (findKernel(kernels, launch, needs) !== undefined) return "available";
  if (kernels === published) return "planned";
  return findKernel(published, launch, needs) === undefined ? "planned" : "missing";
}

function findKernel(index: KernelIndex, launch: Launch, needs: KernelNeeds): CatalogKernel | undefined {
  return kernelsOf(index, launch)?.find((row) => serves(row, needs));
}

function worst(statuses: readonly KernelStatus[]): KernelStatus {
  if (statuses.includes("planned")) return "planned";
  return statuses.includes("missing") ? "missing" : "available";
}
