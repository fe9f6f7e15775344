import {
  type Catalog,
  type KernelIndex,
  type KernelNeeds,
  kernelsFor,
  kernelsOf,
  lacking,
  serves,
  suiting,
  VERIFIED,
  type Verified,
} from "../catalog/choose.js";
import { FEATURES } from "../catalog/features.js";
import { joinWithOr } from "../catalog/sizes.js";
import { bareTarget } from "../catalog/targets.js";
import type { ResolvedConfig } from "../config.js";
import { type Capabilities, type KernelChoice, type Launch, PHASES, type Phase } from "./capabilities.js";
import type { KernelStatus, LaunchReport, PhaseKernel, PhasePlan } from "./explanation.js";
import { PUBLISHED_CATALOG } from "./published.js";
import { judge } from "./validate.js";
import type { Flags } from "./variables.js";

/** What one selection looks at: the configuration, the flags, the target and the kernels that there are for it. */
export interface Situation {
  readonly config: ResolvedConfig;
  readonly flags: Flags;
  /** Without its features: "gfx942" of "gfx942:sramecc+:xnack-". */
  readonly target: string;
  readonly kernels: KernelIndex;
  /** The kernels of the published packages, to tell what is not installed from what does not exist. */
  readonly published: KernelIndex;
  readonly needs: KernelNeeds;
  /** What is known of a launch so far: one is part of many phases, and a selection is to cost microseconds. */
  readonly reports: Map<Launch, LaunchReport>;
}

export function situationOf(config: ResolvedConfig, flags: Flags, arch: string, catalog: Catalog): Situation {
  return {
    config,
    flags,
    target: bareTarget(arch),
    kernels: kernelsFor(catalog, arch),
    published: kernelsFor(PUBLISHED_CATALOG, arch),
    needs: {
      dtype: config.dtype,
      kvCacheDtype: config.kvCacheDtype,
      headSize: config.headSize,
      blockSize: config.blockSize,
      attentionType: config.attentionType,
      features: FEATURES.filter((feature) => Boolean(config[feature])),
    },
    reports: new Map(),
  };
}

/** Which kernels of a backend will run each phase, and why others will not. */
export function planPhases(capabilities: Capabilities, situation: Situation): PhasePlan[] {
  const plans: PhasePlan[] = [];
  for (const phase of PHASES) {
    if (capabilities[phase].length > 0) plans.push(planPhase(phase, capabilities[phase], situation));
  }
  return plans;
}

function planPhase(phase: Phase, choices: readonly KernelChoice[], situation: Situation): PhasePlan {
  const tried = choices.map((choice) => {
    const reasons = obstacles(choice, situation);
    const kernel = reasons.length === 0 ? lookUp(choice, situation) : null;
    return { launches: choice.launches, reasons, kernel };
  });
  const isAnyAvailable = tried.some(({ kernel }) => kernel?.status === "available");
  const plan: PhasePlan = { phase, kernels: [], passedOver: [] };
  for (const { launches, reasons, kernel } of tried) {
    if (kernel === null) {
      plan.passedOver.push({ kernel: kernelName(launches), reasons });
    } else if (isAnyAvailable && kernel.status !== "available") {
      plan.passedOver.push({ kernel: kernelName(launches), reasons: [absence(kernel, situation.target)] });
    } else {
      plan.kernels.push(kernel);
      if (kernel.note === undefined) break;
    }
  }
  return plan;
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

function obstacles({ limits, switchedOff }: KernelChoice, situation: Situation): string[] {
  const reasons = limits === undefined ? [] : judge(limits, situation).map(({ message }) => message);
  if (switchedOff === undefined) return reasons;
  const off = switchedOff
    .filter(({ variables, when }) => variables.every((name) => situation.flags[name] === when))
    .map(
      ({ variables, when }) =>
        `${variables.join(" and ")} ${variables.length > 1 ? "are" : "is"} ${when ? "on" : "off"}`,
    );
  if (off.length > 0) reasons.push(`switched off: ${off.join(", ")}`);
  return reasons;
}

function absence(kernel: PhaseKernel, target: string): string {
  const absent = kernel.launches
    .filter(({ status }) => status !== "available")
    .map(({ operation }) => operation);
  const purpose = kernel.lacks.length === 0 ? "" : ` for ${kernel.lacks.join(", ")}`;
  return kernel.status === "planned"
    ? `planned: this version has no ${joinWithOr(absent)}${purpose} yet`
    : `not installed: ${joinWithOr(absent)} for this configuration on ${target}`;
}

function lookUp({ launches, note }: KernelChoice, situation: Situation): PhaseKernel {
  const reports = launches.map((launch) => reportOf(launch, situation));
  const status = worst(launches, situation);
  const kernel: PhaseKernel = { launches: reports, status, lacks: [], verified: leastVerified(reports) };
  if (status === "planned") {
    kernel.lacks = [...new Set(launches.flatMap((launch) => lackingIn(launch, situation)))];
  }
  if (note !== undefined) kernel.note = note;
  return kernel;
}

/**
 * Whether there are kernels for every phase and all of its batches: of each phase the best choice that fits and is for
 * all. A backend without phases brings its own.
 */
export function kernelStatus(capabilities: Capabilities, situation: Situation): KernelStatus {
  let status: KernelStatus = "available";
  for (const phase of PHASES) {
    if (capabilities[phase].length === 0) continue;
    let best: KernelStatus = "planned";
    for (const choice of capabilities[phase]) {
      if (choice.note !== undefined) continue;
      const found = worst(choice.launches, situation);
      // Whether it fits is the dearer question: it is asked only where the answer matters.
      if (worse(found, best) !== found && obstacles(choice, situation).length === 0) best = found;
    }
    status = worse(status, best);
    if (status === "planned") return status;
  }
  return status;
}

function reportOf(launch: Launch, situation: Situation): LaunchReport {
  const known = situation.reports.get(launch);
  if (known !== undefined) return known;
  const { provider, operation } = launch;
  const rows = suiting(kernelsOf(situation.kernels, launch) ?? [], situation.needs);
  const status = rows.length > 0 ? "available" : isPublished(launch, situation) ? "missing" : "planned";
  const report: LaunchReport = { provider, operation, status, verified: leastVerified(rows) };
  situation.reports.set(launch, report);
  return report;
}

function isPublished(launch: Launch, { kernels, published, needs }: Situation): boolean {
  if (kernels === published) return false;
  return kernelsOf(published, launch)?.some((row) => serves(row, needs)) ?? false;
}

function lackingIn(launch: Launch, { published, needs }: Situation): string[] {
  return lacking(kernelsOf(published, launch) ?? [], needs);
}

/** What is true of all of them; "none" where there are none. */
function leastVerified(kernels: readonly { readonly verified: Verified }[]): Verified {
  return VERIFIED.find((level) => kernels.some(({ verified }) => verified === level)) ?? "none";
}

function worst(launches: readonly Launch[], situation: Situation): KernelStatus {
  let status: KernelStatus = "available";
  for (const launch of launches) status = worse(status, reportOf(launch, situation).status);
  return status;
}

function worse(one: KernelStatus, other: KernelStatus): KernelStatus {
  if (one === "planned" || other === "planned") return "planned";
  return one === "missing" ? one : other;
}
