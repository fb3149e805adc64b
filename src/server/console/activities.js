// Activities: what was run, built and deployed, when, how long each phase took, and what it printed.

import { address, post, upsun } from "./api.js";
import { Log } from "./log.js";
import { Ago, Code, Elapsed, Empty, Hint, Outcome, Search, Split, duration, isOpen, outcome, total } from "./parts.js";
import { placeOf } from "./operations.js";
import { refresh, store } from "./store.js";
import { OnMounts } from "./undo.js";
import { html, useState } from "./vendor/preact-htm.js";

export const KINDS = {
  "environment.operation": "operation",
  "environment.push": "push",
  "environment.cron": "cron",
  "environment.source-operation": "source operation",
  "environment.test": "test",
};

const PHASES = ["wait", "build", "deploy", "execute"];
const RESULTS = [["", "any result"], ["open", "running"], ["success", "success"], ["failure", "failed"], ["cancelled", "cancelled"]];

const title = (activity) =>
  activity.parameters.operation ?? activity.parameters.cron ?? (activity.parameters.applications ?? []).join(", ") ?? activity.description;

export function Activities({ activities, path }) {
  const [query, search] = useState("");
  const [kind, setKind] = useState("");
  const [result, setResult] = useState("");
  // The newest one is shown until another one is chosen, where there is room for it.
  const chosen = path[0] ? activities.find((it) => it.id === path[0]) : activities[0];
  if (!activities.length) {
    return html`<h1>Activities</h1><${Empty} title="Nothing has happened yet">Everything that is run, built and deployed is listed here, also from the command line.<//>`;
  }
  const words = query.toLowerCase();
  const fits = (it) =>
    (!kind || it.type === kind) &&
    (!result || (result === "open" ? isOpen(it) : outcome(it) === result)) &&
    `${it.description} ${it.id}`.toLowerCase().includes(words);
  const found = activities.filter(fits);
  const longest = Math.max(1, ...found.map((it) => PHASES.reduce((sum, phase) => sum + (it.timings[phase] ?? 0), 0)));
  const list = html`<h1>Activities</h1>
    <div class="filters"><${Search} label="Search activities" value=${query} onInput=${search} />
      <label class="field"><span class="hidden">Type</span><select value=${kind} onChange=${(event) => setKind(event.target.value)}>
        <option value="">any type</option>${Object.entries(KINDS).map(([type, label]) => html`<option value=${type}>${label}</option>`)}</select></label>
      <label class="field"><span class="hidden">Result</span><select value=${result} onChange=${(event) => setResult(event.target.value)}>
        ${RESULTS.map(([value, label]) => html`<option value=${value}>${label}</option>`)}</select></label></div>
    <p class="legend" aria-hidden="true">${PHASES.map((phase) => html`<span><i class="phase ${phase}"></i>${phase}</span>`)}</p>
    ${found.length === 0 && html`<p class="soft pad">No activity fits. <button onClick=${() => { search(""); setKind(""); setResult(""); }}>Show all</button></p>`}
    <ul class="list">${found.map((it) => html`<${Row} key=${it.id} activity=${it} longest=${longest} isChosen=${it === chosen} />`)}</ul>
    ${activities.length >= 100 && html`<p class="soft pad">The newest 100 are shown; <code>upsun-local activity list</code> has the older ones.</p>`}`;
  return html`<${Split} list=${list} chosen=${path[0]} back="#/activities" title="Activities">
    ${chosen
      ? html`<article><${ActivityView} key=${chosen.id} activity=${chosen} isPage isChosen=${Boolean(path[0])} /></article>`
      : html`<${Empty} title="There is no such activity">It is not one of the newest 100 here.<//>`}
  <//>`;
}

function Row({ activity, longest, isChosen }) {
  const seconds = total(activity);
  return html`<li><a class="item" href="#/activities/${activity.id}" aria-current=${isChosen ? "true" : null}>
    <span class="item-main"><strong>${title(activity)}</strong>
      <span class="item-sub soft">${KINDS[activity.type] ?? activity.type}${activity.parameters.application ? ` on ${placeOf(activity)}` : ""} · ${activity.parameters.user ?? activity.parameters.role ?? "you"} · <${Ago} at=${activity.created_at} /></span>
      <${Bar} timings=${activity.timings} whole=${longest} /></span>
    <span class="item-side"><${Outcome} activity=${activity} /><span class="item-sub number">${seconds === null ? html`<${Elapsed} activity=${activity} />` : duration(seconds)}</span></span>
  </a></li>`;
}

/** The phases one after the other. `whole` is what the whole width stands for, in seconds. */
function Bar({ timings, whole, labels }) {
  const all = PHASES.map((phase) => [phase, timings[phase] ?? 0]).filter(([, seconds]) => seconds > 0);
  if (!all.length) return null;
  const words = all.map(([phase, seconds]) => `${phase} ${duration(seconds)}`).join(", ");
  return html`<span class="bar" role="img" aria-label=${words}>${all.map(([phase, seconds]) => html`<i class="phase ${phase}" style=${{ width: `${Math.max(0.6, (seconds / whole) * 100)}%` }} title="${phase} ${duration(seconds)}"></i>`)}</span>
    ${labels && html`<span class="bar-words soft" aria-hidden="true">${all.map(([phase, seconds]) => html`<span><i class="phase ${phase}"></i>${phase} <span class="number">${duration(seconds)}</span></span>`)}</span>`}`;
}

/** How an activity is started again. */
function again(activity) {
  const { operation, cron, application } = activity.parameters;
  if (activity.type === "environment.operation") return ["operations", { service: placeOf(activity), operation, mounts: "snapshot" }];
  if (activity.type === "environment.source-operation") return ["source-operations", { operation }];
  if (activity.type === "environment.cron") return ["crons", { app: application, cron }];
  if (activity.type === "environment.push") return ["up", {}];
  return null;
}

const LONGEST = 100_000;

function Patch({ text }) {
  if (!text) return html`<p class="soft">It committed nothing.</p>`;
  const left = text.length - LONGEST;
  return html`<details class="options" open><summary>What it committed</summary><${Code} text=${text.slice(0, LONGEST)} label="What it committed" />
    ${left > 0 && html`<p class="soft">${left.toLocaleString("en")} characters are left out here; <code>upsun-local source-operation run --diff</code> prints everything.</p>`}</details>`;
}

export function ActivityView({ activity, isPage, isChosen }) {
  const [failed, fail] = useState(null);
  const [isAsked, ask] = useState(false);
  const repeat = again(activity);
  const cancel = async () => {
    ask(true);
    fail(null);
    await post(upsun(store.environment, `activities/${activity.id}/cancel`)).catch((error) => {
      ask(false);
      fail(error);
    });
    refresh();
  };
  const runAgain = async () => {
    fail(null);
    try {
      const { activity: begun } = await post(...repeat);
      await refresh();
      location.hash = `#/activities/${begun.id}`;
    } catch (error) {
      fail(error);
    }
  };
  const sum = PHASES.reduce((all, phase) => all + (activity.timings[phase] ?? 0), 0);
  const seconds = total(activity);
  const failures = (activity.commands ?? []).filter((it) => it.exit_code);
  return html`<section class="activity" aria-label="Activity ${activity.id}">
    <header class="head"><div>${isPage && html`<h2>${title(activity)}</h2>`}
      <p class="facts"><${Outcome} activity=${activity} />
        <span class="number">${seconds === null ? html`<${Elapsed} activity=${activity} />` : duration(seconds)}</span>
        <span class="soft">${activity.description} · <${Ago} at=${activity.created_at} /></span></p></div>
      <span class="buttons">${isOpen(activity) && html`<button class="danger" disabled=${isAsked} onClick=${cancel}>${isAsked ? "Cancelling…" : "Cancel"}</button>`}
      ${isPage && repeat && html`<button data-run=${isChosen} disabled=${isOpen(activity)} onClick=${runAgain}>Run again</button>`}
      ${!isPage && html`<a class="plain" href="#/activities/${activity.id}">Activity</a>`}</span></header>
    ${failed && html`<div class="problem" role="alert"><p><strong>${failed.message}</strong></p>${failed.hint && html`<p>${failed.hint}</p>`}</div>`}
    ${sum > 0 && html`<div class="phases"><${Bar} timings=${activity.timings} whole=${sum} labels /></div>`}
    ${activity.note && html`<p class="left-out">${activity.note}</p>`}
    ${(activity.hints ?? []).map((hint) => html`<div class="advice" role="note"><h3>Hint</h3><${Hint} text=${hint} /></div>`)}
    ${failures.length > 0 && html`<p class="soft">${failures.map((it) => html`<span class="failed-step">${it.name ?? it.type} on ${it.app}: exit code <strong>${it.exit_code}</strong></span>`)}</p>`}
    ${activity.type === "environment.operation" && html`<${OnMounts} key=${activity.id} activity=${activity} service=${placeOf(activity)} />`}
    ${store.patches[activity.id] !== undefined && html`<${Patch} text=${store.patches[activity.id]} />`}
    <${Log} key=${activity.id} name="log of ${title(activity)}" tall=${isPage} source=${(from, tail) => address(`activities/${activity.id}/log`, { from, tail })}
      empty=${activity.state === "pending" ? "It waits for another activity of this environment." : "No output yet."} />
  </section>`;
}
