import { writeFileSync } from "node:fs";
import { modelLaunch } from "../../catalog/performance-model.js";
import { RocmAttentionError } from "../../errors.js";
import { Device, setEmulatorOption, takeLaunchCounters } from "../../index.js";
import { describeExample, type ExampleName, prepareExample } from "./examples.js";
import type { ProfileOptions } from "./options.js";
import { formatProfile, type ProfileReport } from "./report.js";
import { compareSchedules, formatSchedules, isDifferent } from "./schedules.js";
import { profileSvg } from "./svg/drawing.js";

/** Runs an example on an emulated device with all counters and prints what they say. */
export async function runProfile(
  example: ExampleName,
  { arch, svg, json, schedules }: ProfileOptions,
): Promise<void> {
  await using device = Device.open({ emulate: arch });
  const { backend, run } = await prepareExample(device, example);
  if (schedules) {
    const comparison = await compareSchedules(device, example, run);
    console.log(json ? JSON.stringify(comparison, null, 2) : formatSchedules(comparison));
    if (isDifferent(comparison)) process.exitCode = 1;
    return;
  }
  setEmulatorOption("COUNTERS", "full");
  await run();
  setEmulatorOption("COUNTERS", "off");
  const { name, computeUnits } = device.info;
  const report: ProfileReport = {
    example,
    description: describeExample(example),
    backend,
    device: { name, arch, computeUnits },
    launches: takeLaunchCounters(device).map((launch) => ({
      ...launch,
      model: modelLaunch(launch, device.info),
    })),
  };
  if (svg !== undefined) writeDrawing(svg, profileSvg(report));
  console.log(json ? JSON.stringify(report, null, 2) : formatProfile(report));
}

function writeDrawing(file: string, drawing: string): void {
  try {
    writeFileSync(file, drawing);
  } catch (cause) {
    const message = `--svg: ${JSON.stringify(file)} cannot be written: ${(cause as Error).message}`;
    throw new RocmAttentionError("ERR_INVALID_ARGUMENT", message, { argument: "--svg", cause });
  }
}
