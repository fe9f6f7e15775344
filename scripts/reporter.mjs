import { mkdirSync, writeFileSync } from "node:fs";

/** A vitest reporter that writes build/test.json: how many tests passed and failed, and which were skipped. */
export default class Counts {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: [] };
    for (const module of modules) {
      // A file or a suite that fails by itself (its imports, its hooks) may hold no test that fails.
      if (module.state() === "failed" && ![...module.children.allTests("failed")].length) counts.failed++;
      for (const test of module.children.allTests()) {
        const { state, note } = test.result();
        if (state === "passed") counts.passed++;
        else if (state === "failed") counts.failed++;
        else
          counts.skipped.push({ file: module.relativeModuleId, name: test.fullName, reason: note ?? null });
      }
    }
    mkdirSync("build", { recursive: true });
    writeFileSync("build/test.json", JSON.stringify(counts));
  }
}
