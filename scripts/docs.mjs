// Writes docs/backends.md, docs/environment.md and the table at the top of README.md from the tables that selection itself reads (as built in dist/).
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FURTHER_CATALOG, PUBLISHED_CATALOG } from "../dist/catalog/published.js";
import * as sizes from "../dist/catalog/sizes.js";
import { LAYOUT_SHAPES } from "../dist/kv-cache/layouts.js";
import { BUILTIN_BACKENDS } from "../dist/selection/backends.js";
import { VARIABLES } from "../dist/selection/variables.js";
import { backendsPage } from "./docs/backends.mjs";
import { environmentPage } from "./docs/environment.mjs";
import { overviewTable, withOverview } from "./docs/overview.mjs";
import { root } from "./setup/paths.mjs";
import { parseWords } from "./setup/words.mjs";

parseWords(
  "node scripts/docs.mjs    writes docs/backends.md, docs/environment.md and the README's table anew",
);

writeFileSync(
  join(root, "docs/backends.md"),
  backendsPage(
    BUILTIN_BACKENDS,
    { published: PUBLISHED_CATALOG, further: FURTHER_CATALOG },
    sizes,
    LAYOUT_SHAPES,
  ),
);
writeFileSync(join(root, "docs/environment.md"), environmentPage(VARIABLES));
const readme = join(root, "README.md");
writeFileSync(
  readme,
  withOverview(readFileSync(readme, "utf8"), overviewTable(BUILTIN_BACKENDS, PUBLISHED_CATALOG)),
);
