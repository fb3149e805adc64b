// What the browser does with the console: `node drive.mjs <what> <address>`.

import assert from "node:assert/strict";
import { broken, clock, engine, flood, lost, restarted, states } from "./faults.mjs";
import { actAs, check, closeAll, ended, keepLogs, line, open, operation, picture, ready, run, show, what } from "./page.mjs";
import { push, sourceOperation, undo } from "./results.mjs";

/** How soon the page shows something, and how much it loads for that. */
async function first(page) {
  const { paint, bytes, count } = await page.evaluate(() => {
    const files = performance.getEntriesByType("resource").filter((it) => it.name.includes("/console/assets/"));
    const sum = files.reduce((all, it) => all + it.decodedBodySize, performance.getEntriesByType("navigation")[0].decodedBodySize);
    return { paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime, bytes: sum, count: files.length };
  });
  console.log(`first paint after ${paint?.toFixed(0)} ms; ${count} files with ${bytes} bytes`);
  assert.equal(bytes > 50_000 && bytes <= 150_000, true, `${bytes} bytes`);
}

async function walk(width) {
  const { page, close } = await open({ width });
  await first(page);
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
  await show(page, "#/mounts");
  await page.getByRole("heading", { name: "Needed by the last write that was refused" }).waitFor();
  await page.locator(".advice pre", { hasText: "/generated" }).waitFor();

  // What the containers themselves print.
  await show(page, "#/logs/shop--mailer");
  await line(page, "the mailer waits for work").waitFor();

  // A snapshot is taken, what changed since is shown, and it is put back.
  await operation(page, "import-pictures");
  await show(page, "#/mounts/shop");
  await page.getByLabel("Name of a new snapshot").fill(`before-${width}`);
  await page.getByRole("button", { name: "Take a snapshot" }).click();
  await page.locator("li", { hasText: `before-${width}` }).waitFor();
  await operation(page, "forget-pictures");
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

const PAGES = [
  "operations", "operations/shop/reindex", "operations/shop/rebuild-pages", "operations/shop/none", "activities", "environment", "environment/shop",
  "operations/source%20operations/new-season", "access", "mounts", "mounts/none", "configuration", "configuration/merged", "configuration/variables", "configuration/push", "crons", "logs",
];

async function axe() {
  for (const width of [1280, 390]) {
    for (const theme of ["light", "dark"]) {
      // The page's own policy lets no other script in; this is not what is tested here.
      const { page, close } = await open({ width, theme, bypassCSP: true });
      const checked = async (where) => {
        await page.locator(".loading").waitFor({ state: "detached" });
        await check(page, `${where}, ${width} pixels, ${theme}`);
      };
      for (const hash of PAGES) {
        await show(page, `#/${hash}`);
        await page.locator("main h1").filter({ visible: true }).first().waitFor();
        await checked(hash);
      }
      await actAs(page, "user:eve");
      for (const hash of ["operations/shop/reindex", "crons"]) {
        await show(page, `#/${hash}`);
        await page.getByText("may not run").first().waitFor();
        await checked(`${hash} of a viewer`);
      }
      await actAs(page, "user:ada");
      if (theme === "light" && width === 1280) {
        await show(page, "#/operations/shop/rebuild-pages");
        await ready(page);
        await run(page);
        await page.getByRole("heading", { name: "This run" }).waitFor();
        await ended(page, "failed");
        await page.locator(".advice").waitFor();
        await checked("a failure");
        await picture(page, "console-failure");
        await show(page, "#/operations/shop/reindex");
        await page.getByRole("heading", { name: "reindex" }).waitFor();
        await run(page);
        await page.getByRole("heading", { name: "This run" }).waitFor();
        await line(page, "40 indexed").waitFor();
        await ended(page, "success");
        await checked("a run");
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

const known = { "walk-1280": () => walk(1280), "walk-390": () => walk(390), axe, undo, "source-operation": sourceOperation, push, states, flood, lost, broken, clock, restarted, engine };
try {
  await known[what]();
} finally {
  await closeAll();
}
process.exit(0);
