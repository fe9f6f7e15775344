// `npm test`: everything that a fresh clone needs, then every check, then one line: "N passed, N failed".
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";

const root = new URL("..", import.meta.url).pathname;

function run(command, args) {
  return spawnSync(command, args, { cwd: root, stdio: "inherit" }).status === 0;
}

if (!existsSync(`${root}/node_modules`) && !run("npm", ["ci"])) process.exit(1);

let passed = 0;
let failed = 0;
for (const [command, ...args] of [
  ["npx", "biome", "check", "."],
  ["npx", "tsc", "-p", "."],
]) {
  if (run(command, args)) passed++;
  else failed++;
}

mkdirSync(`${root}/build`, { recursive: true });
run("npx", ["vitest", "run", "--reporter=default", "--reporter=json", "--outputFile.json=build/test.json"]);
const report = JSON.parse(readFileSync(`${root}/build/test.json`, "utf8"));
passed += report.numPassedTests;
failed += report.numFailedTests + (report.success || report.numFailedTests > 0 ? 0 : 1);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
