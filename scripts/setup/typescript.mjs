import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { root } from "./paths.mjs";
import { run } from "./run.mjs";
import { fingerprint, isUpToDate, setStamp } from "./stamp.mjs";

const inputs = () => fingerprint(["lib", "tsconfig.json", "package-lock.json"]);

/** dist/: the package as it is published. Built aside and swapped in, so that no removed file stays behind. */
export const typescript = {
  title: "TypeScript",
  isDone: () => isUpToDate("typescript", inputs(), ["dist/index.js"]),
  perform: async (progress) => {
    const made = inputs();
    const fresh = join(root, "dist.new");
    rmSync(fresh, { recursive: true, force: true });
    try {
      await run("tsc", process.execPath, ["node_modules/typescript/bin/tsc", "-p", ".", "--outDir", fresh], {
        onLine: progress,
      });
      rmSync(join(root, "dist"), { recursive: true, force: true });
      renameSync(fresh, join(root, "dist"));
    } finally {
      rmSync(fresh, { recursive: true, force: true });
    }
    setStamp("typescript", made);
  },
};
