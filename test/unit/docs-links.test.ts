import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const { files } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { files: string[] };

const inFolder = (folder: string) =>
  readdirSync(join(root, folder)).flatMap((name) => (name.endsWith(".md") ? [join(folder, name)] : []));

/** What a link may name within a page: GitHub's ids of its headings. */
function anchors(page: string): string[] {
  return [...readFileSync(join(root, page), "utf8").matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

/** Whether npm packs a file: README and LICENSE always, others as `files` says. */
function isPacked(path: string): boolean {
  return ["README.md", "LICENSE"].includes(path) || files.some((entry) => `${path}/`.startsWith(`${entry}/`));
}

/** The links of a page, without those to other places. */
function linksOf(page: string): string[] {
  const text = readFileSync(join(root, page), "utf8").replaceAll(/```[\s\S]*?```/g, "");
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
  return [...new Set(links)].filter((link) => !/^\w+:/.test(link));
}

const links = [...inFolder("."), ...inFolder("docs")].flatMap((page) =>
  linksOf(page).map((link) => ({ page, link })),
);

it.each(links)("$page has a link to $link, in the package too", ({ page, link }) => {
  const [path = "", anchor] = link.split("#");
  const target = path === "" ? page : relative(root, join(root, dirname(page), path));
  expect(existsSync(join(root, target)), `${target} is there`).toBe(true);
  if (anchor !== undefined) expect(anchors(target)).toContain(anchor);
  if (isPacked(page)) expect(isPacked(target), `${target} is packed`).toBe(true);
});
