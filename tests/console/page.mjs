// A browser with the page of the console, and what all parts of the tests do with it.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { TOOLS, CHROMIUM, PICTURES } = process.env;
const require = createRequire(`${TOOLS}/`);
const { chromium } = require("playwright-core");
export const [what, address] = process.argv.slice(2);

const OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const profile = mkdtempSync(join(tmpdir(), "console-test-"));

const browsers = [];

/** Ends all browsers, also after a failure, and removes what they kept. */
export async function closeAll() {
  await Promise.all(browsers.map((browser) => browser.close().catch(() => {})));
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}

/** A page of the console, which fails the test when a script of it fails. */
export async function open({ width = 1280, theme = "light", bypassCSP = false, at = address, before = () => {} } = {}) {
  const browser = await chromium.launchPersistentContext(mkdtempSync(join(profile, "profile-")), {
    executablePath: CHROMIUM, headless: true, args: OPTIONS, bypassCSP,
    viewport: { width, height: width < 500 ? 844 : 800 }, colorScheme: theme, reducedMotion: "reduce",
  });
  browsers.push(browser);
  const page = await browser.newPage();
  const failures = [];
  page.on("pageerror", (error) => failures.push(error.stack));
  page.on("dialog", (dialog) => failures.push(`a dialog: ${dialog.message()}`));
  page.on("console", (message) => message.text().includes("Content Security Policy") && failures.push(message.text()));
  page.setDefaultTimeout(60_000);
  await before(page);
  await page.goto(at);
  await page.locator("main.page").waitFor();
  assert.equal(new URL(page.url()).hash.includes("/"), true, "the key is out of the address");
  return {
    page,
    async close() {
      assert.deepEqual(failures, []);
      await browser.close();
    },
  };
}

export const show = (page, hash) => page.evaluate((to) => { location.hash = to; }, hash);
export const actAs = (page, value) => page.getByLabel("Act as").selectOption(value);
export const ready = (page) => page.locator("[data-run]:not(:disabled)").waitFor();
export const run = (page) => page.locator("[data-run]").click();
export const line = (page, text) => page.locator(".line", { hasText: text }).first();
export const ended = (page, word) => page.locator(".activity .badge", { hasText: word }).first().waitFor();

/** The whole log on the page, as text. */
export const log = (page) => page.evaluate(() => globalThis.consoleLogs.at(-1).text());
export const keepLogs = (page) => page.evaluate(() => { globalThis.consoleLogs = []; });

/** Runs an operation, and waits until it has ended well. */
export async function operation(page, name) {
  await show(page, `#/operations/shop/${name}`);
  await page.getByRole("heading", { name, exact: true }).waitFor();
  await ready(page);
  await run(page);
  await page.getByRole("heading", { name: "This run" }).waitFor();
  await ended(page, "success");
}

/** Looks for what axe finds on the page, which was opened with `bypassCSP`, and for what is wider than the page. */
export async function check(page, where) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));
  const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  const found = violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html).join(" ")}`);
  assert.deepEqual(found, [], where);
  const { width } = page.viewportSize();
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, where);
}

/** A picture for the documentation, in few colours where pngquant is there. */
export async function picture(page, name) {
  mkdirSync(PICTURES, { recursive: true });
  const path = join(PICTURES, `${name}.png`);
  await page.locator(".notice").waitFor({ state: "detached" });
  await page.screenshot({ path });
  spawnSync("pngquant", ["--force", "--nofs", "--speed=1", "--output", path, "64", path]);
}
