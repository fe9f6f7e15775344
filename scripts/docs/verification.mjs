import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { root } from "../setup/paths.mjs";
import { table } from "./markdown.mjs";

/**
 * docs/verification.md: what `npm run test:all` has just found.
 * @param {{ title: string, passed: number, failed: number, skipped: unknown[] }[]} runs
 * @param {[reason: string, tests: number][]} skipped
 */
export function verificationPage(runs, skipped) {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const [{ model }] = cpus();
  const sections = [
    "# Verification",
    `What \`npm run test:all\` found when it last ran; it writes this page. Version ${version}, commit ${commit()},
${new Date().toISOString().slice(0, 10)}, Node.js ${process.version}, ${cpus().length} x ${model.trim()}.`,
    table(
      ["run", "passed", "failed", "skipped"],
      runs.map(({ title, passed, failed, skipped }) => [title, passed, failed, skipped.length]),
    ),
  ];
  if (skipped.length > 0) {
    const rows = skipped.map(([reason, tests]) => [tests, reason]);
    sections.push("Skipped, with the reason:", table(["tests", "reason"], rows));
  }
  sections.push(
    "## Kernels",
    `Those that were built for these runs. "emulator": its machine code has run on the emulator against a float64 reference
(\`test/device/attention/verified.test.ts\` does that for every kernel that is marked so). "hardware": the same on a GPU.`,
    table(["target", "provider", "kernels", "verified on"], kernelRows()),
  );
  return `${sections.join("\n\n")}\n`;
}

function commit() {
  const git = (...args) => execFileSync("git", args, { cwd: root, encoding: "utf8" }).trim();
  try {
    const changed = git("status", "--porcelain", "--untracked-files=no") === "" ? "" : " with changes";
    return git("rev-parse", "--short=10", "HEAD") + changed;
  } catch {
    return "unknown"; // not a clone
  }
}

function kernelRows() {
  const folder = join(root, "build", "kernels");
  const counts = new Map();
  for (const target of readdirSync(folder).sort()) {
    const { kernels } = JSON.parse(readFileSync(join(folder, target, "manifest.json"), "utf8"));
    for (const { provider, verified } of kernels) {
      const key = JSON.stringify([target, provider, verified]);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return [...counts].map(([key, count]) => {
    const [target, provider, verified] = JSON.parse(key);
    return [target, provider, count, verified === "none" ? "nothing" : verified];
  });
}
