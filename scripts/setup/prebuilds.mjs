import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { forgetOtherClone } from "./native.mjs";
import { cache, root } from "./paths.mjs";
import { zigPython } from "./python.mjs";
import { run } from "./run.mjs";
import { fingerprint } from "./stamp.mjs";

const sources = ["CMakeLists.txt", "native", "scripts/zig"].concat(
  ["node-addon-api", "node-api-headers"].map((name) => `node_modules/${name}/package.json`),
);

/** Of what zig links in. */
const licences = { "LICENSE.libcxx": "libcxx/LICENSE.TXT", "LICENSE.libunwind": "libunwind/LICENSE.TXT" };

/** The addon's file in {@link prebuiltFolder}. */
export const ADDON = "rocm-attention.glibc.node";

/**
 * Where the published binaries lie, or an addon with the kernels of these targets in itself: in the cache, shared by all clones
 * with the same sources and kernels.
 */
export function prebuiltFolder(targets = []) {
  const manifests = targets.map((target) => `build/kernels/${target}/manifest.json`);
  return join(cache, `prebuilds-${fingerprint([...sources, ...manifests]).slice(0, 16)}`);
}

/** The addon and the emulator as they are published. Needs the npm packages. */
export const prebuilds = prebuild("published addon and emulator", []);

/** The addon with the kernels of these targets, as they are in build/kernels, in itself. */
export const embeddedAddon = (targets) => prebuild(`addon with kernels (${targets.join(", ")})`, targets);

function prebuild(title, targets) {
  return {
    title,
    isDone: () => existsSync(prebuiltFolder(targets)),
    perform: async (progress) => {
      const folder = prebuiltFolder(targets);
      // Made aside and published by a link, so that an interrupted set-up leaves nothing that looks complete.
      const made = `${folder}.${process.pid}`;
      try {
        await build(made, targets, progress);
        symlinkSync(made, `${made}.link`);
        renameSync(`${made}.link`, folder);
      } catch (error) {
        rmSync(made, { recursive: true, force: true });
        throw error;
      }
    },
  };
}

/** Builds for glibc 2.28 and later, without libstdc++, stripped, with the licences of what is linked in. */
async function build(folder, targets, onLine) {
  const work = join(root, "build", targets.length === 0 ? "prebuild" : "prebuild-embedded");
  rmSync(join(work, "prebuilds"), { recursive: true, force: true });
  forgetOtherClone(join(work, "build"));
  for (const path of [work, folder]) mkdirSync(path, { recursive: true });
  writeFileSync(join(work, "package.json"), '{ "name": "rocm-attention" }\n');
  const zig = join(zigPython.modules(), "ziglang");
  const embed = ["--target=rocm_attention_addon", "--CDROCM_ATTENTION_EMBED=ON"];
  const env = {
    ...process.env,
    ZIG: join(zig, "zig"),
    ZIG_GLOBAL_CACHE_DIR: join(cache, "zig"),
    CMAKE_JS_OPTIONS:
      targets.length === 0 ? "" : [...embed, `--CDROCM_ATTENTION_TARGETS=${targets.join(";")}`].join(" "),
  };
  const args = ["--napi", "--strip", "--tag-libc", `--target=${process.versions.node}`];
  const places = [`--node-gyp=${join(root, "scripts/zig/node-gyp")}`, `--cwd=${work}`, `--out=${work}`];
  const prebuildify = join(root, "node_modules/prebuildify/bin.js");
  await run("prebuild", process.execPath, [prebuildify, ...args, ...places], { env, onLine });
  const built = join(work, "prebuilds", `${process.platform}-${process.arch}`);
  for (const name of readdirSync(built)) copyFileSync(join(built, name), join(folder, name));
  for (const [name, from] of Object.entries(licences))
    copyFileSync(join(zig, "lib", from), join(folder, name));
}
