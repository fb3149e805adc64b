// What the browser does with the console: `node drive.mjs <what> <address>`.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const { TOOLS, CHROMIUM, REPOSITORY, PICTURES } = process.env;
const require = createRequire(`${TOOLS}/`);
const { chromium } = require("playwright-core");
const [what, address] = process.argv.slice(2);

const OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const profile = mkdtempSync(join(tmpdir(), "console-test-"));

/** A page of the console, which fails the test when a script of it fails. */
async function open({ width = 1280, theme = "light", bypassCSP = false, at = address } = {}) {
  const browser = await chromium.launchPersistentContext(mkdtempSync(join(profile, "profile-")), {
    executablePath: CHROMIUM, headless: true, args: OPTIONS, bypassCSP,
    viewport: { width, height: width < 500 ? 844 : 800 }, colorScheme: theme, reducedMotion: "reduce",
  });
  const page = await browser.newPage();
  const failures = [];
  page.on("pageerror", (error) => failures.push(error.stack));
  page.on("dialog", (dialog) => failures.push(`a dialog: ${dialog.message()}`));
  page.on("console", (message) => message.text().includes("Content Security Policy") && failures.push(message.text()));
  page.setDefaultTimeout(60_000);
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

const show = (page, hash) => page.evaluate((to) => { location.hash = to; }, hash);
const actAs = (page, value) => page.getByLabel("Act as").selectOption(value);
const ready = (page) => page.locator("[data-run]:not(:disabled)").waitFor();
const run = (page) => page.locator("[data-run]").click();
const line = (page, text) => page.locator(".line", { hasText: text }).first();
const ended = (page, word) => page.locator(".activity .badge", { hasText: word }).first().waitFor();

/** The whole log on the page, as text. */
const log = (page) => page.evaluate(() => globalThis.consoleLogs.at(-1).text());
const keepLogs = (page) => page.evaluate(() => { globalThis.consoleLogs = []; });

async function walk(width) {
  const { page, close } = await open({ width });
  await keepLogs(page);

  // As admin, an operation runs; its output has colours and no HTML, and its log can be searched.
  await actAs(page, "role:admin");
  await show(page, "#/operations/shop/reindex");
  await page.getByRole("heading", { name: "reindex" }).waitFor();
  await run(page);
  await line(page, "<script>alert(1)</script>").waitFor();
  await ended(page, "success");
  await page.locator(".line .fg-green", { hasText: "✓" }).first().waitFor();
  await page.keyboard.press("Escape");
  await page.getByPlaceholder("Search", { exact: true }).fill("product 17");
  await page.locator(".line.now", { hasText: "product 17" }).waitFor();
  await page.getByText("1 of 1").waitFor();

  // As viewer, it is greyed with the reason, and the server says the same.
  await actAs(page, "user:eve");
  await page.getByText("may not run").first().waitFor();
  assert.equal(await page.locator("[data-run]").isDisabled(), true);
  const status = await page.evaluate(async () => {
    const body = JSON.stringify({ service: "shop", operation: "reindex" });
    const headers = { "content-type": "application/json" };
    return (await fetch("/console/api/operations?user=eve", { method: "POST", headers, body })).status;
  });
  assert.equal(status, 403);

  // A contributor follows a log while it is written, and cancels.
  await actAs(page, "user:ben");
  await show(page, "#/operations/shop/wait");
  await page.getByRole("heading", { name: "wait" }).waitFor();
  await ready(page);
  await page.locator("body").press("r");
  await page.getByRole("heading", { name: "This run" }).waitFor();
  await line(page, "waiting").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await ended(page, "cancelled");

  // A write that is refused comes with the mount that it needs.
  await show(page, "#/operations/shop/rebuild-pages");
  await page.getByRole("heading", { name: "rebuild-pages" }).waitFor();
  await run(page);
  await ended(page, "failed");
  await page.locator(".advice pre", { hasText: "source: storage" }).waitFor();

  // A snapshot is taken, what changed since is shown, and it is put back.
  const operation = async (name) => {
    await show(page, `#/operations/shop/${name}`);
    await page.getByRole("heading", { name }).waitFor();
    await run(page);
    await page.getByRole("heading", { name: "This run" }).waitFor();
    await ended(page, "success");
  };
  await operation("import-pictures");
  await show(page, "#/mounts/shop");
  await page.getByLabel("Name of a new snapshot").fill(`before-${width}`);
  await page.getByRole("button", { name: "Take a snapshot" }).click();
  await page.locator("li", { hasText: `before-${width}` }).waitFor();
  await operation("forget-pictures");
  await show(page, "#/mounts/shop");
  await page.getByRole("button", { name: `Compare with before-${width}` }).click();
  await page.locator(".differences .deleted", { hasText: "pictures/plum.svg" }).waitFor();
  await page.getByRole("button", { name: `Restore before-${width}` }).click();
  await page.getByRole("button", { name: "Restore", exact: true }).click();
  await page.getByText(`as of before-${width}`).first().waitFor();
  await page.locator("th", { hasText: "var/uploads/pictures/plum.svg" }).waitFor();

  // `/` goes to the search.
  await page.locator("body").press("/");
  assert.equal(await page.evaluate(() => document.activeElement.type), "search");
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
  await close();
}

/** A picture for the documentation, in few colours where pngquant is there. */
async function picture(page, name) {
  const path = join(PICTURES, `${name}.png`);
  await page.locator(".notice").waitFor({ state: "detached" });
  await page.screenshot({ path });
  spawnSync("pngquant", ["--force", "--nofs", "--speed=1", "--output", path, "64", path]);
}

const PAGES = [
  "operations", "operations/shop/reindex", "operations/shop/rebuild-pages", "operations/shop/none", "activities", "environment", "environment/shop",
  "access", "mounts", "mounts/none", "configuration", "configuration/merged", "configuration/variables", "crons", "logs",
];

async function axe() {
  const source = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  mkdirSync(PICTURES, { recursive: true });
  for (const width of [1280, 390]) {
    for (const theme of ["light", "dark"]) {
      // The page's own policy lets no other script in; this is not what is tested here.
      const { page, close } = await open({ width, theme, bypassCSP: true });
      await page.evaluate(source);
      const check = async (where) => {
        await page.locator(".loading").waitFor({ state: "detached" });
        const { violations } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
        const found = violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html).join(" ")}`);
        assert.deepEqual(found, [], `${where}, ${width} pixels, ${theme}`);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width, where);
      };
      for (const hash of PAGES) {
        await show(page, `#/${hash}`);
        await page.locator("main h1").filter({ visible: true }).first().waitFor();
        await check(hash);
      }
      await actAs(page, "user:eve");
      for (const hash of ["operations/shop/reindex", "crons"]) {
        await show(page, `#/${hash}`);
        await page.getByText("may not run").first().waitFor();
        await check(`${hash} of a viewer`);
      }
      await actAs(page, "user:ada");
      if (theme === "light" && width === 1280) {
        await show(page, "#/operations/shop/rebuild-pages");
        await ready(page);
        await run(page);
        await page.getByRole("heading", { name: "This run" }).waitFor();
        await ended(page, "failed");
        await page.locator(".advice").waitFor();
        await check("a failure");
        await picture(page, "console-failure");
        await show(page, "#/operations/shop/reindex");
        await page.getByRole("heading", { name: "reindex" }).waitFor();
        await run(page);
        await page.getByRole("heading", { name: "This run" }).waitFor();
        await line(page, "40 indexed").waitFor();
        await ended(page, "success");
        await check("a run");
        await picture(page, "console-operations");
      }
      if (theme === "dark") {
        await show(page, "#/environment/shop");
        await page.locator("circle.good").first().waitFor();
        if (width === 1280) await picture(page, "console-environment");
      }
      await close();
    }
  }
}

async function flood() {
  const { page, close } = await open();
  await keepLogs(page);
  await show(page, "#/operations/shop/flood");
  await page.getByRole("heading", { name: "flood" }).waitFor();
  await page.evaluate(() => {
    globalThis.frames50 = { longest: 0, over: 0, all: 0 };
    let last = performance.now();
    const frame = (now) => {
      const took = now - last;
      last = now;
      frames50.all += 1;
      frames50.longest = Math.max(frames50.longest, took);
      if (took > 50) frames50.over += 1;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
  await run(page);
  await ended(page, "success");
  await line(page, "exit code 0").waitFor();
  const { longest, over, all } = await page.evaluate(() => frames50);
  console.log(`100,000 lines: ${all} frames, ${over} of them over 50 ms, the longest ${longest.toFixed(0)} ms`);
  assert.equal((await page.locator(".line").count()) < 200, true, "only what is on the screen is in the page");
  await page.locator(".left-out", { hasText: "earlier lines left out here" }).waitFor();
  await close();
}

/** A way to the server that can be cut. */
async function way() {
  const to = new URL(address);
  const open = new Set();
  let isCut = false;
  const server = createServer((incoming, outgoing) => {
    const headers = { ...incoming.headers, host: to.host };
    if (headers.origin) headers.origin = to.origin;
    const { method, url } = incoming;
    const onward = request({ host: to.hostname, port: to.port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      outgoing.flushHeaders();
      answer.pipe(outgoing);
      answer.on("error", () => outgoing.destroy());
    });
    onward.on("error", () => outgoing.destroy());
    outgoing.on("close", () => onward.destroy());
    incoming.pipe(onward);
  });
  server.on("connection", (socket) => {
    if (isCut) socket.destroy();
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${server.address().port}/${to.hash}`,
    cut() {
      isCut = true;
      open.forEach((socket) => socket.destroy());
    },
    mend() {
      isCut = false;
    },
  };
}

/** A connection that is lost in the middle of a log: nothing is missing, and nothing is there twice. */
async function lost() {
  const to = await way();
  const { page, close } = await open({ at: to.address });
  await keepLogs(page);
  await page.locator(".live.on").waitFor();
  await show(page, "#/operations/shop/reindex");
  await page.getByRole("heading", { name: "reindex" }).waitFor();
  await run(page);
  await page.getByRole("heading", { name: "This run" }).waitFor();
  await line(page, "product 05").waitFor();
  to.cut();
  await page.getByText("connection lost").waitFor();
  await page.getByText("The server does not answer.").waitFor();
  to.mend();
  await ended(page, "success");
  await line(page, "40 indexed").waitFor();
  const products = [...(await log(page)).matchAll(/product (\d\d)/g)].map(([, number]) => Number(number));
  assert.deepEqual(products, Array.from({ length: 40 }, (_, at) => at + 1));
  await page.locator(".live.on").waitFor();
  await page.getByText("The server does not answer.").waitFor({ state: "detached" });
  await close();
}

/** The configuration breaks while the console is open: its last good state stays, and the error has its line. */
async function broken() {
  const { page, close } = await open();
  const file = join(REPOSITORY, ".upsun/config.yaml");
  const good = readFileSync(file, "utf8");
  await show(page, "#/operations/shop/greet");
  await page.getByRole("heading", { name: "greet" }).waitFor();
  writeFileSync(file, good.replace("role: viewer", "role: emperor"));
  await page.getByText("The configuration has errors.").waitFor();
  await page.getByRole("link", { name: /^reindex/ }).waitFor();
  assert.equal(await page.locator("[data-run]").isDisabled(), true);
  await page.getByRole("link", { name: "Show the errors" }).click();
  await page.locator(".source-line.bad", { hasText: "emperor" }).waitFor();
  writeFileSync(file, good);
  await page.getByText("no problems").waitFor();
  await page.getByText("The configuration has errors.").waitFor({ state: "detached" });
  await close();
}

const known = { "walk-1280": () => walk(1280), "walk-390": () => walk(390), axe, flood, lost, broken };
try {
  await known[what]();
} finally {
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
}
process.exit(0);
