import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findBrowser } from "../../scripts/setup/browser.mjs";
import { startServer } from "../support/completion-server.js";

const executablePath = findBrowser();
const pictures = fileURLToPath(new URL("../../build/test/pictures", import.meta.url));

describe.skipIf(executablePath === undefined)("the page of the completion server, in Chromium", () => {
  let server: Awaited<ReturnType<typeof startServer>>;
  let browser: Browser;
  beforeAll(async () => {
    server = await startServer(48);
    // Tests may run as root, where Chromium has no sandbox; it sees no page but this one.
    browser = await chromium.launch({ executablePath: executablePath!, args: ["--no-sandbox"] });
  });
  afterAll(async () => {
    await browser?.close();
    await server.stop();
  });

  it("shows texts as they come, whose blocks are whose, kernels and the choice, and cancels", async () => {
    const page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
    const errors: string[] = [];
    page.on("pageerror", ({ message }) => errors.push(message));
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    await page.goto(server.url);
    await page.waitForFunction(() =>
      document.querySelector("#explanation")!.textContent!.includes("TRITON_ATTN"),
    );
    await page.fill("#prompt", "It is a truth <b>universally</b> acknowledged, that ");
    await page.fill("#tokens", "300");
    await page.fill("#choices", "3");
    await page.click("text=Write");

    // Text grows before it is complete; the prompt is shown as text, not as HTML.
    await page.waitForFunction(() => document.querySelectorAll("#texts pre").length === 3);
    const length = () => page.locator("#texts pre").first().innerText();
    await expect.poll(async () => (await length()).length, { timeout: 20_000 }).toBeGreaterThan(60);
    expect(await length()).toContain("<b>universally</b>");
    const early = (await length()).length;
    await expect.poll(async () => (await length()).length, { timeout: 20_000 }).toBeGreaterThan(early);

    // Blocks of the prompt belong to all three sequences.
    await page.waitForFunction(
      () =>
        [...document.querySelectorAll("#blocks i")].filter(({ children }) => children.length === 3).length >=
        3,
    );
    expect(await page.locator("#blocks i").count()).toBe(48);
    expect(await page.locator("#sequences tr").count()).toBe(4);
    expect(await page.locator("#kernels").innerText()).toContain("triton.unified_attention");
    expect(await page.locator("#facts").innerText()).toMatch(/tokens\/s\s+\d+\.\d/);
    mkdirSync(pictures, { recursive: true });
    await page.screenshot({ path: join(pictures, "completion-page.png"), fullPage: true });

    await page.click("#cancel");
    await expect.poll(async () => (await server.state()).freeBlocks, { timeout: 10_000 }).toBe(48);
    await page.waitForFunction(() => document.querySelectorAll("#sequences tr").length === 1);
    expect(errors).toEqual([]);
  });
});
