// Writes docs/backends.md and docs/environment.md from the tables that selection itself reads (as built in dist/).
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as sizes from "../dist/catalog/sizes.js";
import { LAYOUT_SHAPES } from "../dist/kv-cache/layouts.js";
import { BUILTIN_BACKENDS } from "../dist/selection/backends.js";
import { PUBLISHED_CATALOG } from "../dist/selection/planned.js";
import { VARIABLES } from "../dist/selection/variables.js";
import { backendsPage } from "./docs/backends.mjs";
import { environmentPage } from "./docs/environment.mjs";
import { root } from "./setup/paths.mjs";

mkdirSync(join(root, "docs"), { recursive: true });
writeFileSync(
  join(root, "docs/backends.md"),
  backendsPage(BUILTIN_BACKENDS, PUBLISHED_CATALOG, sizes, LAYOUT_SHAPES),
);
writeFileSync(join(root, "docs/environment.md"), environmentPage(VARIABLES));
