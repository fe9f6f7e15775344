// Compiles functions for FLEX_ATTENTION into the cache where attentions find them: what `kernels/build --flex` runs.
//
//     node scripts/compile-flex.mjs MODULE TARGET...
//
// The module's default export gets an emulated device of the target, for the tensors that functions read: their shapes and
// dtypes are compiled in, their addresses are not. It gives the options of an attention, or a list of them.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { compileFlex, Device, RocmAttentionError } from "../dist/index.js";

const [path, ...targets] = process.argv.slice(2);
try {
  const { default: optionsOf } = await import(pathToFileURL(resolve(path)));
  for (const target of targets) {
    const device = Device.open({ emulate: target, computeUnits: 1 });
    const all = [await optionsOf(device)].flat();
    for (const options of all) await compileFlex(device, options);
    await device.close();
    console.log(`${target}: functions of ${all.length} attentions are compiled`);
  }
} catch (error) {
  if (!(error instanceof RocmAttentionError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}
