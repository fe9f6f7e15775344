import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { cache, root } from "./paths.mjs";
import { run } from "./run.mjs";
import { fingerprint } from "./stamp.mjs";

const project = "test/process/jest";
const files = ["package.json", "package-lock.json"];
const folder = join(cache, `jest-${fingerprint(files.map((file) => join(project, file))).slice(0, 16)}`);

/** Jest, in which a test runs the package: in the cache, shared by all clones with the same package-lock.json. */
export const jest = {
  title: "npm packages (Jest)",
  program: join(folder, "node_modules", "jest", "bin", "jest.js"),
  isDone: () => existsSync(folder),
  perform: async (progress) => {
    // Made aside and published by a link, so that an interrupted set-up leaves nothing that looks complete.
    const made = `${folder}.${process.pid}`;
    try {
      mkdirSync(made, { recursive: true });
      for (const file of files) copyFileSync(join(root, project, file), join(made, file));
      await run("npm-jest", "npm", ["ci", "--ignore-scripts"], { cwd: made, onLine: progress });
      symlinkSync(made, `${made}.link`);
      renameSync(`${made}.link`, folder);
    } catch (error) {
      rmSync(made, { recursive: true, force: true });
      throw error;
    }
  },
};
