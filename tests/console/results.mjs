// What an operation leaves: files on mounts, commits, and what a push makes of a change.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { actAs, check, ended, line, open, operation, picture, ready, run, show } from "./page.mjs";

const { REPOSITORY } = process.env;

/** What an operation wrote is listed, and is undone after it has ended; where it cannot be, the page says why. */
export async function undo() {
  const { page, close } = await open({ bypassCSP: true });
  await operation(page, "import-pictures");
  const shown = page.getByLabel("On the mounts");
  await shown.locator(".added", { hasText: "/var/uploads/pictures/plum.svg" }).waitFor();
  await operation(page, "forget-pictures");
  await shown.locator(".deleted", { hasText: "/var/uploads/pictures/plum.svg" }).waitFor();
  await picture(page, "console-mounts");
  await operation(page, "greet");
  await shown.getByText("It changed nothing on the mounts").waitFor();

  // On the page of the activity, with a question before it.
  await show(page, "#/activities");
  await page.locator(".item", { hasText: "forget-pictures" }).first().click();
  await shown.getByRole("button", { name: "Undo mounts" }).click();
  const asked = page.getByRole("group", { name: "Undo mounts" });
  await asked.locator(".deleted", { hasText: "/var/uploads/pictures/plum.svg" }).waitFor();
  await asked.getByText("wrote is undone too").waitFor();
  await check(page, "the question before the mounts are put back");
  await asked.getByRole("button", { name: "Undo", exact: true }).click();
  await page.locator(".notice.good", { hasText: "as they were before" }).waitFor();
  await shown.getByText("It cannot be undone: the snapshot from before it no longer exists").waitFor();
  await show(page, "#/mounts/shop");
  await page.locator("th", { hasText: "var/uploads/pictures/plum.svg" }).waitFor();

  // The tree map leads to the files, and the snapshot of a run to its activity.
  await page.getByRole("button", { name: /^\/var\/uploads\/pictures: / }).click();
  assert.equal(await page.getByLabel("Search files").inputValue(), "var/uploads/pictures");
  await check(page, "a tree map");
  await page.getByLabel("Search files").fill("index.json");
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByLabel("Download var/uploads/index.json").click()]);
  assert.equal(readFileSync(await download.path(), "utf8"), '{"pictures": 3}\n');
  await page.getByRole("link", { name: "before a run" }).first().click();
  await page.locator(".activity", { hasText: "import-pictures" }).waitFor();

  // A run of the command line, without a snapshot.
  const begun = await page.evaluate(async () => {
    const body = JSON.stringify({ service: "shop", operation: "import-pictures", mounts: "keep" });
    const answer = await fetch("/console/api/operations", { method: "POST", headers: { "content-type": "application/json" }, body });
    return (await answer.json()).activity.id;
  });
  await show(page, `#/activities/${begun}`);
  await ended(page, "success");
  await shown.getByText("It cannot be undone: no snapshot of the mounts was taken before this activity").waitFor();
  await close();
}

/** A source operation runs as the chosen role, and shows its commits. */
export async function sourceOperation() {
  const { page, close } = await open();
  const hash = `#/operations/${encodeURIComponent("source operations")}/new-season`;
  await actAs(page, "user:eve");
  await show(page, hash);
  await page.getByText("may not run the source operation").first().waitFor();
  assert.equal(await page.locator("[data-run]").isDisabled(), true);
  await actAs(page, "role:admin");
  const row = page.locator(".item", { hasText: "new-season" });
  await row.getByText("never run").waitFor();
  await ready(page);
  await run(page);
  await page.getByRole("heading", { name: "This run" }).waitFor();
  await ended(page, "success");
  await line(page, "A new season").waitFor();
  await page.getByLabel("What it committed").getByText("+summer").waitFor();
  await row.getByText("success").waitFor();
  const git = (...words) => execFileSync("git", words, { cwd: REPOSITORY, encoding: "utf8" }).trim();
  const before = git("rev-parse", "HEAD");
  // With its commits brought into the repository.
  await page.getByText("Variables and commits").click();
  await page.getByLabel("bring them into this repository").check();
  await run(page);
  await page.locator(".line", { hasText: "has the new commits" }).waitFor();
  await ended(page, "success");
  assert.equal(git("rev-parse", "HEAD~"), before);
  await close();
}

/** A push is compared with a commit, and problems stand at the lines of the merged configuration. */
export async function push() {
  const { page, close } = await open({ bypassCSP: true });
  const file = join(REPOSITORY, ".upsun/config.yaml");
  const good = readFileSync(file, "utf8");
  await show(page, "#/configuration/push");
  await page.getByText("nothing changes").waitFor();
  writeFileSync(file, good.replace("role: viewer", "role: contributor").replace("source: storage, source_path: uploads", "source: storage, source_path: elsewhere"));
  const app = page.getByLabel("The app shop");
  await app.getByText("built again and deployed").waitFor();
  await app.getByText("greet: role from viewer to contributor").waitFor();
  await app.getByText("/var/uploads will look empty").waitFor();
  await check(page, "a push");
  await picture(page, "console-push");
  await page.getByLabel("Branch, tag or commit").fill("nowhere");
  await page.getByRole("button", { name: "Compare" }).click();
  await page.locator(".problem", { hasText: "nowhere" }).waitFor();

  await show(page, "#/configuration/merged");
  writeFileSync(file, good.replace("role: viewer", "role: emperor"));
  await page.locator(".source-line.bad", { hasText: "role: emperor" }).waitFor();
  await page.locator(".at-line.bad", { hasText: ".upsun/config.yaml:" }).waitFor();
  await check(page, "the merged configuration with errors");
  await page.getByText("The configuration has errors.").waitFor();
  await show(page, "#/configuration/push");
  await page.getByText("Nothing can be pushed").waitFor();
  writeFileSync(file, good);
  await page.getByText("nothing changes").waitFor();
  await close();
}
