import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Everything that can be known of AMD's driver without HIP. */
export interface Driver {
  /** The targets of the GPUs that it has: of the machine, whatever a container lets through. */
  readonly targets: readonly string[];
  /** The files that HIP opens, /dev/kfd and /dev/dri/renderD*, with whether this process may. */
  readonly files: readonly { readonly path: string; readonly opens: boolean }[];
  readonly hasKfd: boolean;
  readonly hasRenderNode: boolean;
  readonly inContainer: boolean;
}

/** Looks at the driver's files under a root. */
export function readDriver(root = "/", mayOpen = mayReadAndWrite): Driver {
  const kfd = join(root, "dev/kfd");
  const nodes = listed(join(root, "dev/dri")).filter((name) => /^renderD\d+$/.test(name));
  const present = [...(existsSync(kfd) ? [kfd] : []), ...nodes.map((name) => join(root, "dev/dri", name))];
  return {
    targets: targetsOf(join(root, "sys/class/kfd/kfd/topology/nodes")),
    files: present.map((path) => ({ path, opens: mayOpen(path) })),
    hasKfd: present.includes(kfd),
    hasRenderNode: nodes.length > 0,
    inContainer: existsSync(join(root, ".dockerenv")) || existsSync(join(root, "run/.containerenv")),
  };
}

/** The driver's topology: gfx_target_version is major * 10000 + minor * 100 + stepping, 0 for CPUs. */
function targetsOf(topology: string): string[] {
  return listed(topology)
    .sort((a, b) => Number(a) - Number(b))
    .map((node) => join(topology, node, "properties"))
    .map((path) => Number(/^gfx_target_version (\d+)$/m.exec(readable(path))?.[1] ?? 0))
    .filter((version) => version > 0)
    .map((version) => {
      const minor = Math.floor(version / 100) % 100;
      return `gfx${Math.floor(version / 10000)}${minor.toString(16)}${(version % 100).toString(16)}`;
    });
}

/** The text of a file; "" where it may not be read: a container sees the nodes of GPUs that it has not been given. */
function readable(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function listed(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function mayReadAndWrite(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Variables that hide GPUs from HIP or let them pass for others. */
const FILTERS = ["HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL"];

/** The variables that hide GPUs and are set: HIP lists no others than those that they name. */
export function hidingVariables(env: NodeJS.ProcessEnv): string[] {
  return FILTERS.filter((name) => env[name] !== undefined);
}

/** One line for each variable that changes what HIP shows of a machine's GPUs. */
export function driverVariables(env: NodeJS.ProcessEnv): string[] {
  const override = env.HSA_OVERRIDE_GFX_VERSION;
  return [
    ...hidingVariables(env).map((name) => `${name}=${env[name]}: HIP shows no other GPUs`),
    ...(override === undefined
      ? []
      : [`HSA_OVERRIDE_GFX_VERSION=${override}: GPUs pass for that target, whatever they are`]),
  ];
}

/** What HSA_OVERRIDE_GFX_VERSION makes of GPUs of this machine, in words; null where it changes nothing. */
export function overriddenTargets(
  shown: readonly string[],
  { targets }: Driver,
  env: NodeJS.ProcessEnv,
): string | null {
  const override = env.HSA_OVERRIDE_GFX_VERSION;
  const wrong = shown.filter((target) => !targets.includes(target));
  if (override === undefined || targets.length === 0 || wrong.length === 0) return null;
  return `the driver has ${targets.join(", ")}, HIP shows ${wrong.join(", ")}: kernels for that may end the process`;
}

/** hipRuntimeGetVersion's number: major * 10,000,000 + minor * 100,000 + patch. */
export function hipVersion(version: number): string {
  return [Math.floor(version / 1e7), Math.floor(version / 1e5) % 100, version % 1e5].join(".");
}
