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
  suiting,
  VERIFIED,
  type Verified,
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
  return PHASES.filter((phase) => capabilities[phase].length > 0).map((phase) => ({
    phase,
    ...planPhase(capabilities[phase], situation),
  }));
}

function planPhase(choices: readonly KernelChoice[], situation: Situation): Omit<PhasePlan, "phase"> {
  const tried = choices.map((choice) => {
    const reasons = obstacles(choice, situation);
    const kernel = reasons.length === 0 ? lookUp(choice, situation) : null;
    return { name: kernelName(choice.launches), reasons, kernel };
  });
  const fitting = tried.flatMap(({ kernel }) => kernel ?? []);
  const available = fitting.filter(({ status }) => status === "available");
  const kernels = upToTheOneForAll(available.length > 0 ? available : fitting);
  const last = tried.findIndex(({ kernel }) => kernel === kernels.at(-1));
  const passedOver = tried
    .slice(0, kernels.length === 0 ? undefined : last)
    .filter(({ kernel }) => kernel === null || !kernels.includes(kernel))
    .map(({ name, reasons, kernel }) => ({
      kernel: name,
      reasons: kernel === null ? reasons : [absence(kernel, situation.arch)],
    }));
  return { kernels, passedOver };
}

/** Those for some batches, and the first that is for all others. */
function upToTheOneForAll(kernels: readonly PhaseKernel[]): PhaseKernel[] {
  const end = kernels.findIndex(({ note }) => note === undefined);
  return kernels.slice(0, end === -1 ? undefined : end + 1);
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
    const verified = leastVerified(suiting(kernelsOf(situation.kernels, launch) ?? [], situation.needs));
    return { ...launch, status: statusOf(launch, situation), verified };
  });
  const status = worst(reports.map((report) => report.status));
  const verified = leastVerified(reports);
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

/** What is true of all of them; "none" where there are none. */
function leastVerified(kernels: readonly { readonly verified: Verified }[]): Verified {
  return VERIFIED.find((level) => kernels.some(({ verified }) => verified === level)) ?? "none";
}

function worst(statuses: readonly KernelStatus[]): KernelStatus {
  if (statuses.includes("planned")) return "planned";
  return statuses.includes("missing") ? "missing" : "available";
}
