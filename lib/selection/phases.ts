import { choose, kernelsOf, type Launch, VERIFIED, type Verified } from "../catalog/choose.js";
import { type KernelNeeds, serves } from "../catalog/serves.js";
import { joinWithOr } from "../catalog/sizes.js";
import { fullSetCommand } from "../catalog/targets.js";
import { usesCache } from "../config.js";
import { type Capabilities, type KernelChoice, layoutOf, PHASES, type Phase } from "./capabilities.js";
import { kernelsOver, type LayoutKernels, type SelectionContext } from "./context.js";
import type { KernelStatus, LaunchReport, PhaseKernel, PhasePlan } from "./explanation.js";
import { unsupported } from "./unsupported.js";

/** The kernels of a backend that will run each phase, and why others will not. */
export function kernelsByPhase(capabilities: Capabilities, context: SelectionContext): PhasePlan[] {
  const over = kernelsOver(layoutOf(capabilities, context.config, context.flags), context);
  const plans: PhasePlan[] = [];
  for (const phase of phasesOf(context)) {
    if (capabilities[phase].length > 0) {
      plans.push(kernelsOfPhase(phase, capabilities[phase], over, context));
    }
  }
  return plans;
}

/** An encoder has nothing but prefill. */
function phasesOf({ config }: SelectionContext): readonly Phase[] {
  return usesCache(config) ? PHASES : ["prefill"];
}

function kernelsOfPhase(
  phase: Phase,
  choices: readonly KernelChoice[],
  over: LayoutKernels,
  context: SelectionContext,
): PhasePlan {
  const tried = choices.map((choice) => {
    const reasons = reasonsAgainst(choice, context);
    const kernel = reasons.length === 0 ? lookUp(choice, over, context) : null;
    return { launches: choice.launches, reasons, kernel };
  });
  const isAnyAvailable = tried.some(({ kernel }) => kernel?.status === "available");
  const plan: PhasePlan = { phase, kernels: [], passedOver: [] };
  for (const { launches, reasons, kernel } of tried) {
    if (kernel === null) {
      plan.passedOver.push({ kernel: kernelName(launches), reasons });
    } else if (isAnyAvailable && kernel.status !== "available") {
      plan.passedOver.push({ kernel: kernelName(launches), reasons: [absence(kernel, context.target)] });
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

function reasonsAgainst({ limits, switchedOff }: KernelChoice, context: SelectionContext): string[] {
  const reasons = limits === undefined ? [] : unsupported(limits, context).map(({ message }) => message);
  if (switchedOff === undefined) return reasons;
  const off = switchedOff
    .filter(({ variables, when }) => variables.every((name) => context.flags[name] === when))
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
  if (kernel.command !== undefined)
    return `not published: ${joinWithOr(absent)} is built by ${kernel.command}`;
  return kernel.status === "none"
    ? `there is no ${joinWithOr(absent)}${purpose}`
    : `not installed: ${joinWithOr(absent)} for this configuration on ${target}`;
}

function lookUp(
  { launches, note }: KernelChoice,
  over: LayoutKernels,
  context: SelectionContext,
): PhaseKernel {
  const reports = launches.map((launch) => reportOf(launch, over, context));
  const status = worst(launches, over, context);
  const kernel: PhaseKernel = { launches: reports, status, lacks: [], verified: leastVerified(reports) };
  if (status === "none") {
    const absent = launches.filter((launch) => reportOf(launch, over, context).status === "none");
    if (absent.every((launch) => canBeBuilt(launch, over.needs, context))) {
      kernel.command = fullSetCommand(context.target);
    } else {
      kernel.lacks = [...new Set(launches.flatMap((launch) => unmetBy(launch, over, context)))];
    }
  }
  if (note !== undefined) kernel.note = note;
  return kernel;
}

/**
 * Whether there are kernels for every phase and all of its batches: of each phase the best choice that fits and is for
 * all. A backend without phases brings its own.
 */
export function kernelStatus(capabilities: Capabilities, context: SelectionContext): KernelStatus {
  const over = kernelsOver(layoutOf(capabilities, context.config, context.flags), context);
  let status: KernelStatus = "available";
  for (const phase of phasesOf(context)) {
    if (capabilities[phase].length === 0) continue;
    let best: KernelStatus = "none";
    for (const choice of capabilities[phase]) {
      if (choice.note !== undefined) continue;
      const found = worst(choice.launches, over, context);
      // Whether it fits is the dearer question: it is asked only where the answer matters.
      if (worse(found, best) !== found && reasonsAgainst(choice, context).length === 0) best = found;
    }
    status = worse(status, best);
    if (status === "none") return status;
  }
  return status;
}

function reportOf(launch: Launch, over: LayoutKernels, context: SelectionContext): LaunchReport {
  const known = over.reports.get(launch);
  if (known !== undefined) return known;
  const { provider, operation, variant } = launch;
  const { rows } = choose(context.kernels, launch, over.needs);
  const report: LaunchReport = {
    provider,
    operation,
    status: rows !== null ? "available" : isPublished(launch, over.needs, context) ? "missing" : "none",
    kernels: (rows ?? []).flatMap(({ id }) => id ?? []),
    verified: leastVerified(rows ?? []),
  };
  if (variant !== undefined) report.variant = variant;
  over.reports.set(launch, report);
  return report;
}

function isPublished(launch: Launch, needs: KernelNeeds, { kernels, published }: SelectionContext): boolean {
  if (kernels === published) return false;
  return kernelsOf(published, launch)?.some((row) => serves(row.serves, needs)) ?? false;
}

function canBeBuilt(launch: Launch, needs: KernelNeeds, { further }: SelectionContext): boolean {
  return kernelsOf(further, launch)?.some((row) => serves(row.serves, needs)) ?? false;
}

function unmetBy(launch: Launch, over: LayoutKernels, context: SelectionContext): readonly string[] {
  const choice = choose(context.published, launch, over.needs);
  return choice.rows === null ? choice.unmet : [];
}

/** The level that is true of all of them; "none" where there are none. */
function leastVerified(kernels: readonly { readonly verified: Verified }[]): Verified {
  return VERIFIED.find((level) => kernels.some(({ verified }) => verified === level)) ?? "none";
}

function worst(launches: readonly Launch[], over: LayoutKernels, context: SelectionContext): KernelStatus {
  let status: KernelStatus = "available";
  for (const launch of launches) status = worse(status, reportOf(launch, over, context).status);
  return status;
}

function worse(one: KernelStatus, other: KernelStatus): KernelStatus {
  if (one === "none" || other === "none") return "none";
  return one === "missing" ? one : other;
}
