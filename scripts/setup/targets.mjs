import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./paths.mjs";

/** The GPU targets, as lib/catalog has them for every language. */
export const targets = JSON.parse(readFileSync(join(root, "lib/catalog/targets.json"), "utf8"));

/** The names of the targets that kernels are built and published for. */
export const packagedTargets = targets.filter((target) => target.package).map(({ name }) => name);
