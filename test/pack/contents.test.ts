import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import ts from "typescript";
import { describe, expect, inject, it } from "vitest";
import { root } from "../../scripts/setup/paths.mjs";

const { main, emulator, models, kernels } = inject("tarballs");
const own = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

function contents(tarball: string): string[] {
  const { stdout } = spawnSync("tar", ["-tzf", tarball], { encoding: "utf8" });
  return stdout
    .trim()
    .split("\n")
    .map((path) => path.replace(/^package\//, ""));
}

describe("the main package", () => {
  it("holds what is needed to run and nothing else", () => {
    const paths = contents(main);
    const prebuilds = `prebuilds/${process.platform}-${process.arch}`;
    expect(paths).toEqual(expect.arrayContaining(["package.json", "README.md", "LICENSE", "dist/index.js"]));
    expect(paths).toContain("dist/index.d.ts");
    for (const name of own.bundleDependencies) {
      expect(paths.join("\n")).toMatch(new RegExp(`node_modules/${name}/LICENSE`));
    }
    const texts =
      /^(package\.json|(README|CHANGELOG|CONTRIBUTING|SECURITY)\.md|LICENSE|docs\/.*\.(md|svg|png)|examples\/.*)$/;
    const code =
      /^(node_modules\/(commander|fflate|node-gyp-build)\/.*|dist\/(.*\.(js|js\.map|d\.ts)|catalog\/.*\.json))$/;
    const others = paths.filter((path) => !texts.test(path) && !code.test(path));
    expect(others.sort()).toEqual([
      `${prebuilds}/LICENSE.libcxx`,
      `${prebuilds}/LICENSE.libunwind`,
      `${prebuilds}/rocm-attention.glibc.node`,
    ]);
  });

  it("is under 2 MB", () => {
    expect(statSync(main).size).toBeLessThan(2e6);
  });

  it("exports every type that its exports name", () => {
    const dist = join(root, "dist");
    const declarations = join(dist, "index.d.ts");
    const program = ts.createProgram([declarations], { module: ts.ModuleKind.NodeNext, types: [] });
    const checker = program.getTypeChecker();
    const itself = (symbol: ts.Symbol) =>
      symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const index = checker.getSymbolAtLocation(program.getSourceFile(declarations)!)!;
    const exported = new Set(checker.getExportsOfModule(index).map(itself));
    const lacking = new Set<string>();
    const visit = (node: ts.Node): void => {
      if (ts.isHeritageClause(node)) return; // what classes share is theirs
      const symbol = ts.isTypeReferenceNode(node) ? checker.getSymbolAtLocation(node.typeName) : undefined;
      if (symbol !== undefined) {
        const named = itself(symbol);
        const isOwn = named.declarations?.some((one) => one.getSourceFile().fileName.startsWith(dist));
        const isParameter = named.flags & ts.SymbolFlags.TypeParameter;
        if (isOwn && !isParameter && !exported.has(named)) lacking.add(named.name);
      }
      ts.forEachChild(node, visit);
    };
    for (const { declarations = [] } of exported) declarations.forEach(visit);
    expect(exported.size).toBeGreaterThan(100);
    expect([...lacking]).toEqual([]);
  });

  it("documents every function, class, interface and method in its declarations", () => {
    const declarations = join(root, "dist", "index.d.ts");
    const options = { module: ts.ModuleKind.NodeNext, target: ts.ScriptTarget.ES2022, types: ["node"] };
    const program = ts.createProgram([declarations], options);
    const checker = program.getTypeChecker();
    const isDocumented = (symbol: ts.Symbol) => symbol.getDocumentationComment(checker).length > 0;
    const kinds = ts.SymbolFlags;
    const exported = checker
      .getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(declarations)!)!)
      .map((symbol) => (symbol.flags & kinds.Alias ? checker.getAliasedSymbol(symbol) : symbol))
      .filter(({ flags }) => flags & (kinds.Function | kinds.Class | kinds.Interface));
    const methods = exported
      .flatMap(({ members, exports }) => [...(members?.values() ?? []), ...(exports?.values() ?? [])])
      .filter(({ flags, name }) => flags & kinds.Method && !name.startsWith("__@"));
    expect(exported.length).toBeGreaterThan(40);
    expect(methods.length).toBeGreaterThan(40);
    expect(
      [...exported, ...methods].filter((symbol) => !isDocumented(symbol)).map(({ name }) => name),
    ).toEqual([]);
  });

  it("runs no script when it is installed", () => {
    for (const script of ["preinstall", "install", "postinstall", "prepare"]) {
      expect(own.scripts).not.toHaveProperty(script);
    }
  });

  it("is right in the eyes of attw, for ES modules and CommonJS that requires them", () => {
    const program = join(root, "node_modules/@arethetypeswrong/cli/dist/index.js");
    // Programs of TypeScript's "node16" may not require ES modules, and "node10" knows no exports.
    const rules = ["--profile", "node16", "--ignore-rules", "cjs-resolves-to-esm", "--format", "ascii"];
    const { status, stdout } = spawnSync(process.execPath, [program, main, ...rules], { encoding: "utf8" });
    expect([status, stdout]).toEqual([0, expect.stringContaining("No problems found")]);
  });
});

describe("the packages beside it", () => {
  it("kernels: the manifest, the code objects that it names, and the licences of what they were made from", () => {
    const manifest = JSON.parse(readFileSync(join(root, "build/kernels/gfx942/manifest.json"), "utf8"));
    const files = manifest.kernels.map(({ file }: { file: string }) => file);
    const others = contents(kernels).filter((file) => !/^(LICENSE\.\w+$|sources\/)/.test(file));
    expect(others.sort()).toEqual(["LICENSE", "README.md", "manifest.json", "package.json", ...files].sort());
    expect(statSync(kernels).size).toBeLessThan(60e6);
  });

  it("emulator: the library, and the licences of what is linked into it", () => {
    expect(contents(emulator).sort()).toEqual(
      [
        ...["LICENSE", "LICENSE.libcxx", "LICENSE.libunwind", "README.md", "package.json"],
        "librocm_emulator.so",
      ].sort(),
    );
  });

  it("models: their weights and what they are", () => {
    const weights = ["austen-gqa.safetensors", "austen-mla.safetensors"];
    expect(contents(models).sort()).toEqual(["LICENSE", "README.md", "package.json", ...weights].sort());
  });
});

it.each(Object.entries(inject("tarballs")))("%s is right in the eyes of publint", async (_, path) => {
  const tarball = readFileSync(path);
  const { messages, pkg } = await publint({
    pack: { tarball: tarball.buffer as ArrayBuffer },
    strict: true,
  });
  expect(messages.map((message) => formatMessage(message, pkg ?? own))).toEqual([]);
});
