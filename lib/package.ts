import { readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** What package.json says of a package. */
interface PackageFacts {
  readonly name: string;
  readonly version: string;
}

interface Own extends PackageFacts {
  readonly folder: string;
}

let own: Own | null | undefined;

/** This package as it lies on the disk; null where a bundler has moved its code into another file. */
function ownPackage(): Own | null {
  if (own === undefined) own = findOwn();
  return own;
}

function findOwn(): Own | null {
  const url: string | undefined = import.meta.url; // a bundle of CommonJS has none
  if (url === undefined) return null;
  try {
    const folder = fileURLToPath(new URL("..", url)); // from lib/ and from dist/ alike
    const facts = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as PackageFacts;
    return facts.name === "rocm-attention" ? { ...facts, folder } : null;
  } catch {
    return null;
  }
}

/** The package's folder; null where a bundler has moved its code into another file. */
export function packageRoot(): string | null {
  return ownPackage()?.folder ?? null;
}

/** The package's version; null where a bundler has moved its code into another file. */
export function packageVersion(): string | null {
  return ownPackage()?.version ?? null;
}

/** The path of a file of another package ("@rocm-attention/kernels-gfx942/manifest.json"); null where it is not installed. */
export function installedFile(specifier: string): string | null {
  // From this package, then from the program's main module: package managers put it beside the one or the other.
  for (const from of [packageRoot(), mainFolder()]) {
    if (from === null) continue;
    try {
      return createRequire(join(from, "package.json")).resolve(specifier);
    } catch {
      // Not installed there.
    }
  }
  return null;
}

/** The folder of the main module. The command line of this package, and code typed at Node, work where they are started. */
function mainFolder(): string {
  const main = process.argv[1];
  const root = packageRoot();
  if (main === undefined) return process.cwd();
  try {
    const path = realpathSync(main);
    const isOwn = root !== null && path.startsWith(join(root, "dist") + sep);
    return isOwn ? process.cwd() : dirname(path);
  } catch {
    return process.cwd();
  }
}
