import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { checkInstance, checkOptions, checkPlain } from "../arguments.js";
import type { AttentionConfig, Environment } from "../config.js";
import { Device } from "../device/device.js";
import { invalidArgument, RocmAttentionError } from "../errors.js";
import { nativeForm } from "../flex/native.js";
import { sourceOf } from "../flex/source.js";
import { programOf } from "../flex/trace.js";
import { ChosenKernels } from "../kernels/chosen.js";
import { generatedPlace, generatedRow, storeGenerated } from "../kernels/generated.js";
import { recipeOf } from "../kernels/recipe.js";
import { kernelsForDevice, type LocatedRow } from "../kernels/store.js";
import { explain } from "../selection/explain.js";
import { errorOf, kernelFailure } from "../selection/failure.js";

const MOST_TEXT = 4000;

/**
 * Compiles the functions of a configuration of FLEX_ATTENTION into the kernel that would interpret them, with clang for AMD
 * GPUs (20 or newer; default: that of ROCM_PATH or /opt/rocm, else clang++-22) and the sources that come with that kernel, and
 * keeps the result in the cache, where attentions of equal functions find it. Nothing is done where it is there, or where functions
 * amount to options. Errors: ERR_COMPILE with the compiler's text, those of `createAttention`.
 */
export async function compileFlex(
  device: Device,
  config: AttentionConfig,
  options: { compiler?: string } = {},
): Promise<void> {
  checkInstance(device, "device", Device).check();
  checkPlain(config, "config");
  const { compiler } = checkOptions(options, ["compiler"]);
  const env = config.env ?? process.env;
  if (compiler !== undefined && typeof compiler !== "string") {
    throw invalidArgument("compiler", "the path of clang++", compiler);
  }
  const catalog = kernelsForDevice(device.info.gcnArchName, env);
  const explanation = explain(config, { device, catalog });
  if (explanation.backend === null) throw errorOf(explanation.error!);
  const { flex, numHeads } = explanation.config!;
  if (flex === null) throw invalidArgument("config", "scoreMod or maskMod", "neither");
  const program = programOf(flex);
  if (nativeForm(flex, program, numHeads) !== null) return;
  const launches = explanation.phases.flatMap(({ kernels }) => kernels.flatMap((kernel) => kernel.launches));
  const [row] = new ChosenKernels(device, catalog, launches).rows("hip:flex_attention:interpreted");
  if (row === undefined) throw errorOf(kernelFailure(explanation)!);
  await compile(row, sourceOf(program), env, compiler ?? clangOf(env));
}

function clangOf({ ROCM_PATH }: Environment): string {
  const rocm = join(ROCM_PATH || "/opt/rocm", "llvm", "bin", "clang++");
  return ROCM_PATH || existsSync(rocm) ? rocm : "clang++-22";
}

async function compile(row: LocatedRow, source: string, env: Environment, compiler: string): Promise<void> {
  const place = generatedPlace(row, source, env);
  if (place === null) throw new RocmAttentionError("ERR_COMPILE", "there is no home folder to keep it in");
  if (generatedRow(row, source, env) !== null) return;
  const folder = mkdtempSync(join(tmpdir(), "rocm-attention-"));
  try {
    const { recipe, cwd } = recipeOf(row, folder);
    const program = join(folder, "program.h");
    writeFileSync(program, source);
    const own = [`-DFLEX_PROGRAM="${program}"`, `--offload-arch=${row.target}`, recipe.source];
    await storeGenerated(place, async (path) => {
      const args = [...recipe.flags, ...own, "-o", path];
      await promisify(execFile)(compiler, args, { cwd, env: { ...process.env, ...env } });
    });
  } catch (cause) {
    if (cause instanceof RocmAttentionError) throw cause;
    const { stderr, message } = cause as { stderr?: string; message: string };
    const text = (stderr || message).slice(0, MOST_TEXT);
    throw new RocmAttentionError("ERR_COMPILE", `${compiler} has not compiled the functions: ${text}`, {
      cause,
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
