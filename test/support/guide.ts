import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "../../scripts/setup/paths.mjs";

/** A block of code of a page: what is between its fences, and the word behind the first. */
export interface GuideBlock {
  readonly language: string;
  readonly text: string;
}

/** The code of a page, such as "docs/tuning.md", in its order. */
export function guideBlocks(page: string): GuideBlock[] {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/```(\w+)\n([\s\S]*?)```/g)].map(([, language, code]) => ({
    language: language!,
    text: code!,
  }));
}

/** The blocks of one language as one text. */
export function codeOf(blocks: readonly GuideBlock[], wanted: string): string {
  return blocks.flatMap(({ language, text }) => (language === wanted ? text : [])).join("\n");
}

/** A folder inside the project, where "rocm-attention" is the package itself as it was built into dist/. */
export function guideFolder(name: string): { name: string; path: string; dispose(): void } {
  const inside = `build/${name}-${process.pid}`;
  const path = join(root, inside);
  mkdirSync(path, { recursive: true });
  return { name: inside, path, dispose: () => rmSync(path, { recursive: true, force: true }) };
}

/** Types commands as a page has them, where npx finds this package's command; stops at the first that fails. */
export function typeCommands(commands: string, { cwd = root, env = {} as NodeJS.ProcessEnv } = {}) {
  const script = commands.replaceAll("npx rocm-attention", `node ${join(root, "dist", "cli", "main.js")}`);
  const options = { cwd, encoding: "utf8", env: { ...process.env, ...env } } as const;
  const { status, stdout, stderr } = spawnSync("bash", ["-e", "-c", script], options);
  return { status, stdout, stderr };
}
