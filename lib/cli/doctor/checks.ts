import { existsSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { type Catalog, kernelsFor } from "../../catalog/choose.js";
import { PACKAGED_TARGETS } from "../../catalog/targets.js";
import type { DeviceInfo } from "../../device/context.js";
import { Device } from "../../device/device.js";
import { hipLibrary } from "../../device/hip-library.js";
import { slowEmulation } from "../../device/slow-emulation.js";
import { RocmAttentionError } from "../../errors.js";
import { isReleased } from "../../kernels/released.js";
import { kernelSources, namedFolders } from "../../kernels/sources.js";
import { installedKernels, type LocatedRow, otherContracts, readKernel } from "../../kernels/store.js";
import { native } from "../../native.js";
import { addonFile, emulatorLibrary } from "../../native-files.js";
import { BUILTIN_BACKENDS } from "../../selection/backends.js";
import { hasAiter } from "../../selection/decide.js";
import { explain } from "../../selection/explain.js";
import { variableText } from "../../selection/text.js";
import { GET_MODELS, modelFile } from "../demo/model-file.js";
import { noGpu } from "../gpu.js";
import { DEVIATION_BOUND } from "../reference.js";
import { probeAttention } from "./attention-probe.js";
import { type Driver, driverVariables, hipVersion, overriddenTargets, readDriver } from "./driver.js";
import {
  afterAttentionFailure,
  GET_ADDON,
  GET_EMULATOR,
  getKernels,
  listingFailed,
  replaceKernels,
  USE_EMULATOR,
} from "./remedies.js";

/** One thing that was looked at. */
export interface Check {
  title: string;
  /**
   * "info": as it should be, or of no consequence here. "warning": attention works, and this is amiss. "problem":
   * attention would not work because of it.
   */
  state: "ok" | "info" | "warning" | "problem";
  text: string;
  details: string[];
  /** The command to type next, where something is amiss. */
  next?: string;
}

/** Looks at everything that attention needs, in the order in which it is needed. Stops where nothing can go on. */
export async function runChecks(): Promise<Check[]> {
  const addon = checkAddon();
  if (addon.state === "problem") return [addon];
  const requested = process.env.ROCM_ATTENTION_DEVICE || null;
  const { gpus, failure } = listGpus();
  const driver = readDriver();
  const catalogs = new Map(PACKAGED_TARGETS.map((target) => [target as string, checkKernels(target)]));
  const checks = [addon, checkHip(), checkDriver(driver), checkDevices(gpus, requested, failure, driver)];
  checks.push(...checkEmulator(requested !== null || gpus.some(({ emulated }) => emulated)));
  if (modelFile("gqa") === null) checks.push(check("demo", "info", `no model; for the demo: ${GET_MODELS}`));
  checks.push(...[...catalogs.values()].map(({ check }) => check), checkAiter(catalogs), ...checkVariables());
  const openers = [
    ...gpus.map(
      ({ ordinal }) =>
        () =>
          Device.open(ordinal),
    ),
    ...(requested === null ? [] : [() => Device.open()]),
  ];
  for (const open of openers) checks.push(await checkAttention(open));
  return checks;
}

/** HIP's GPUs; where it fails to list them, none, so that the rest of the report can be given. */
function listGpus(): { gpus: DeviceInfo[]; failure: RocmAttentionError | null } {
  try {
    return { gpus: Device.list(), failure: null };
  } catch (error) {
    return { gpus: [], failure: coded(error) };
  }
}

function checkAddon(): Check {
  try {
    native();
    return check("addon", "ok", shown(addonFile()));
  } catch (error) {
    const [text, ...details] = coded(error).message.split("\n");
    return { ...check("addon", "problem", text!, details), next: GET_ADDON };
  }
}

function checkHip(): Check {
  const { path, version, attempts } = hipLibrary();
  if (path !== null) {
    return check("HIP runtime", "ok", `${path}, version ${hipVersion(version)}`);
  }
  const tried = attempts.map(({ library, error }) =>
    error?.startsWith(library) ? error : `${library}: ${error}`,
  );
  return check("HIP runtime", "info", "none; GPUs cannot be used, the emulator can. Tried:", tried);
}

/** The driver's GPUs and files, which say nothing about a problem where an emulator is used. */
function checkDriver({ targets, files }: Driver): Check {
  const gpus = targets.length === 0 ? "no GPU" : targets.join(", ");
  const details = files.map(({ path, opens }) => `${path} ${opens ? "may" : "may not"} be opened`);
  return check(
    "driver",
    files.length > 0 && files.every(({ opens }) => opens) ? "ok" : "info",
    gpus,
    details,
  );
}

function checkDevices(
  gpus: readonly DeviceInfo[],
  requested: string | null,
  failure: RocmAttentionError | null,
  driver: Driver,
): Check {
  const lines = gpus.map(
    ({ ordinal, name, gcnArchName, computeUnits, totalMemory }) =>
      `GPU ${ordinal}: ${name}, ${gcnArchName}, ${computeUnits} compute units, ${(totalMemory / 2 ** 30).toFixed(0)} GiB`,
  );
  if (requested !== null) lines.push(`ROCM_ATTENTION_DEVICE=${requested}: what Device.open() opens`);
  const variables = driverVariables(process.env);
  const [text, ...details] = lines;
  if (failure !== null && text !== undefined) {
    return check("devices", "warning", text, [...details, listingFailed(failure).text, ...variables]);
  }
  const posing = overriddenTargets(
    gpus.map(({ arch }) => arch),
    driver,
    process.env,
  );
  if (posing !== null && text !== undefined) {
    const warning = check("devices", "warning", text, [...details, posing, ...variables]);
    return { ...warning, next: "unset HSA_OVERRIDE_GFX_VERSION" };
  }
  if (text !== undefined) return check("devices", "ok", text, [...details, ...variables]);
  const none = "no GPU, and ROCM_ATTENTION_DEVICE asks for no emulated one";
  const { text: reason, next } = noGpu(failure, driver);
  return { ...check("devices", "problem", none, [reason, ...variables]), next };
}

/** Whether the emulator is there, and where it is needed the level of this processor at which it runs. */
function checkEmulator(needed: boolean): Check[] {
  try {
    const library = emulatorLibrary();
    if (!needed) return [];
    const slow = slowEmulation();
    if (slow !== null) return [check("emulator", "warning", slow)];
    return [check("emulator", "ok", `runs at the processor's level ${native().emulatorCpuLevel(library)}`)];
  } catch (error) {
    const [text, ...details] = coded(error).message.split("\n");
    const missing = check("emulator", needed ? "problem" : "info", text!, details);
    return [needed ? { ...missing, next: GET_EMULATOR } : missing];
  }
}

interface KernelCheck {
  catalog: Catalog<LocatedRow>;
  check: Check;
}

/** Every code object of a target is read and its hash compared. */
function checkKernels(target: string): KernelCheck {
  const title = `kernels ${target}`;
  const none: Catalog<LocatedRow> = { name: "installed", kernels: [] };
  try {
    const catalog = installedKernels([target]);
    const others = otherContracts(target);
    if (catalog.kernels.length === 0) {
      if (others.length === 0) return { catalog, check: check(title, "info", "none") };
      const outdated = check(title, "warning", "none of this version", others);
      return { catalog, check: { ...outdated, next: getKernels(target) } };
    }
    for (const row of catalog.kernels) readKernel(row);
    const folders = [...new Set(catalog.kernels.map(({ folder }) => folder))];
    const [text, ...details] = folders.map((path) => {
      const rows = catalog.kernels.filter(({ folder }) => folder === path);
      const providers = [...new Set(rows.map(({ provider }) => provider))];
      const origin = originOf(rows, path, target);
      const untested = rows.filter(({ source, verified }) => source === "user" && verified === "none");
      const doubt = untested.length === 0 ? "" : `; unverified: ${untested.map(({ id }) => id).join(", ")}`;
      return `${shown(path)}: ${rows.length} kernels (${providers.join(", ")}), all intact, ${origin}${doubt}`;
    });
    return { catalog, check: check(title, "ok", text!, [...details, ...others]) };
  } catch (error) {
    const damaged = check(title, "problem", coded(error).message);
    return { catalog: none, check: { ...damaged, next: replaceKernels(target) } };
  }
}

/** Where a folder's kernels have come from, in words. */
function originOf([row]: readonly LocatedRow[], path: string, target: string): string {
  if (row!.source === "embedded") return "in the addon";
  if (row!.source === "user") return "added";
  return isReleased(path, target) ? "as published" : "built here";
}

function checkAiter(catalogs: ReadonlyMap<string, KernelCheck>): Check {
  const lines = [...catalogs].flatMap(([target, { catalog }]) => {
    const kernels = kernelsFor(catalog, target);
    const served = Object.entries(BUILTIN_BACKENDS)
      .filter(([, capabilities]) => capabilities.aiter !== undefined && hasAiter(capabilities, kernels))
      .map(([name]) => name);
    return served.length === 0 ? [] : [`${target}: kernels for ${served.join(", ")}`];
  });
  const [text = "not installed for any target: its backends are passed over", ...details] = lines;
  return check("AITER", lines.length > 0 ? "ok" : "info", text, details);
}

/** Effects of the variables that are set on an ordinary model. */
function checkVariables(): Check[] {
  const llama = { numHeads: 32, numKvHeads: 8, headSize: 128, dtype: "bfloat16" } as const;
  const { error, variables } = explain(llama);
  const lines = variables.map(variableText);
  for (const [name, value] of Object.entries(process.env)) {
    if (name.startsWith("ROCM_ATTENTION_")) lines.push(`${name}=${value}`);
  }
  for (const folder of foldersWithoutKernels()) lines.push(`there are no kernels in ${folder}`);
  if (error?.code === "ERR_INVALID_BACKEND") {
    const invalid = check("variables", "problem", error.message, lines);
    return [{ ...invalid, next: "unset VLLM_ATTENTION_BACKEND" }];
  }
  const [text = "none set", ...details] = lines;
  return [check("variables", "info", text, details)];
}

/** The folders of ROCM_ATTENTION_KERNEL_PATH that say nothing about any target. */
function foldersWithoutKernels(): string[] {
  const paths = PACKAGED_TARGETS.flatMap((target) => kernelSources(target).map(({ path }) => path));
  const present = paths.filter((path) => existsSync(join(path, "manifest.json")));
  return namedFolders().filter(
    (folder) => !present.some((path) => [path, dirname(path)].includes(join(folder))),
  );
}

/** Opens a device, runs attention on it and compares the numbers. */
async function checkAttention(open: () => Device): Promise<Check> {
  let device: Device | undefined;
  let where = "";
  try {
    device = open();
    const { arch, emulated, ordinal } = device.info;
    where = emulated ? `emulated ${arch}, ` : `GPU ${ordinal} (${arch}), `;
    const { backend, milliseconds, deviation } = await probeAttention(device);
    const text = `${where}${backend}: ${deviation.toExponential(1)} from float64, in ${milliseconds.toFixed(0)} ms`;
    if (deviation <= DEVIATION_BOUND) return check("attention", "ok", text);
    const wrong = `${text}. It must stay below ${DEVIATION_BOUND}: the numbers are wrong`;
    return { ...check("attention", "problem", wrong), next: "npx rocm-attention explain --json" };
  } catch (error) {
    const { code, message } = coded(error);
    const [text, ...details] = `${where}${code}: ${message}`.split("\n");
    const next = device === undefined ? USE_EMULATOR : afterAttentionFailure(code, device.info.arch);
    return { ...check("attention", "problem", text!, details), next };
  } finally {
    await device?.close();
  }
}

function check(title: string, state: Check["state"], text: string, details: string[] = []): Check {
  return { title, state, text, details };
}

/** An error of this package; any other is a bug, and ends the command with its stack. */
function coded(error: unknown): RocmAttentionError {
  if (error instanceof RocmAttentionError) return error;
  throw error;
}

/** A path as one would type it from here, where that is shorter. */
function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.length < path.length && !short.startsWith("..") ? short : path;
}
