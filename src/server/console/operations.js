// Operations: who may run what, what it did last, and running it.

import { ActivityView } from "./activities.js";
import { part, post } from "./api.js";
import { Ago, Code, Empty, Outcome, Role, Search, Split, Words, duration } from "./parts.js";
import { refresh } from "./store.js";
import { html, useEffect, useState } from "./vendor/preact-htm.js";

export const placeOf = (activity) => {
  const { application, worker } = activity.parameters;
  return worker ? `${application}--${worker}` : application;
};

// Where source operations stand in the list: no app has this name.
const SOURCE = "source operations";

/** A source operation is one for all apps that define it. */
function sourceOperations(all) {
  const names = [...new Set(all.map((it) => it.name))];
  return names.map((name) => {
    const same = all.filter((it) => it.name === name);
    return { ...same[0], service: SOURCE, apps: same.map((it) => it.app), commands: same.map((it) => it.command) };
  });
}

const lastOf = (activities, operation) =>
  activities.find((it) =>
    it.parameters.operation === operation.name &&
    (operation.apps ? it.type === "environment.source-operation" : it.type === "environment.operation" && placeOf(it) === operation.service));

const hrefOf = (operation) => `#/operations/${part(operation.service)}/${part(operation.name)}`;

export function Operations({ environment, activities, who, path, isBroken }) {
  const [query, search] = useState("");
  const all = [...environment.operations, ...sourceOperations(environment.source_operations)];
  if (!all.length) {
    return html`<h1>Operations</h1><${Empty} title="No operations are defined">
      <p>An operation is a command that runs in the container of an app when somebody asks for it.</p>
      <${Code} text=${"applications:\n  app:\n    operations:\n      hello:\n        role: viewer\n        commands:\n          start: echo hello"} /><//>`;
  }
  const chosen = all.find((it) => it.service === path[0] && it.name === path[1]);
  const words = query.toLowerCase();
  const found = all.filter((it) => `${it.service} ${it.name} ${it.command}`.toLowerCase().includes(words));
  const services = [...new Set(found.map((it) => it.service))];
  const list = html`<h1>Operations</h1>
    <${Search} label="Search operations" value=${query} onInput=${search} />
    ${found.length === 0 && html`<p class="soft pad">No operation has “${query}” in its name or command.</p>`}
    ${services.map((service) => html`<section key=${service}><h2 class="group">${service}</h2><ul class="list">
      ${found.filter((it) => it.service === service).map((it) => html`<${Row} key=${it.name} operation=${it} last=${lastOf(activities, it)} isChosen=${it === chosen} />`)}
    </ul></section>`)}`;
  return html`<${Split} list=${list} chosen=${path[0]} back="#/operations" title="Operations">
    ${chosen
      ? html`<${Detail} key=${hrefOf(chosen)} operation=${chosen} activities=${activities} who=${who} isBroken=${isBroken} />`
      : path[0]
        ? html`<${Empty} title="There is no such operation">The configuration has no operation <code>${path[1]}</code> on <code>${path[0]}</code> now.<//>`
        : html`<${Empty} title="Choose an operation">to see its command and what it did, and to run it.<//>`}
  <//>`;
}

function Row({ operation, last, isChosen }) {
  const { denied } = operation;
  return html`<li class=${denied ? "is-denied" : ""}><a class="item" href=${hrefOf(operation)} aria-current=${isChosen ? "true" : null}>
    <span class="item-main"><strong>${operation.name}</strong><span class="item-sub soft">${operation.command.trim().split("\n")[0]}</span></span>
    <span class="item-side">${denied ? html`<span class="badge warn">needs ${operation.role}</span>` : html`<${Role} role=${operation.role} />`}
      <span class="item-sub">${last ? html`<${Outcome} activity=${last} /> <span class="soft"><${Ago} at=${last.created_at} /></span>` : html`<span class="soft">never run</span>`}</span></span>
  </a></li>`;
}

const MOUNTS = [
  ["snapshot", "keep what it writes to mounts, list it, and keep a snapshot to undo it"],
  ["keep", "keep what it writes to mounts, without a look at them"],
  ["undo", "put the mounts back after the run"],
  ["suggest", "run in a copy where it can write everywhere, to find the mounts it needs"],
];

function Detail({ operation, activities, who, isBroken }) {
  const isSource = Boolean(operation.apps);
  const [variables, setVariables] = useState([]);
  const [mounts, setMounts] = useState("snapshot");
  const [isApplied, apply] = useState(false);
  const [begun, begin] = useState(null);
  const [failed, fail] = useState(null);
  const [isStarting, setStarting] = useState(false);
  const last = lastOf(activities, operation);
  const shown = (begun && (activities.find((it) => it.id === begun.id) ?? begun)) || last;
  const { denied } = operation;
  useEffect(() => fail(null), [who]);
  const run = async () => {
    setStarting(true);
    fail(null);
    try {
      const parameters = variables.filter(([name]) => name).map(([name, value]) => `${name}=${value}`);
      const { activity } = isSource
        ? await post("source-operations", { operation: operation.name, parameters, apply: isApplied })
        : await post("operations", { service: operation.service, operation: operation.name, parameters, mounts });
      begin(activity);
    } catch (error) {
      fail(error);
    }
    setStarting(false);
    refresh();
  };
  const set = (at, key, value) => setVariables(variables.map((it, number) => (number === at ? (key ? [it[0], value] : [value, it[1]]) : it)));
  const isChanged = variables.length > 0 || (isSource ? isApplied : mounts !== "snapshot");
  return html`<article>
    <header class="head"><div><h2>${operation.name}</h2>
      <p class="soft">${isSource ? html`in a clone of the last commit, on <strong>${operation.apps.join(", ")}</strong>` : html`on <strong>${operation.service}</strong>`} · needs <${Role} role=${operation.role} />${operation.timeout ? ` · at most ${duration(operation.timeout)}` : ""}${operation.place && html` · <span class="mono">${operation.place}</span>`}</p></div>
      <button class="primary" data-run disabled=${Boolean(denied) || isBroken || isStarting} aria-describedby=${denied ? "denied" : null} onClick=${run}>${isStarting ? "Starting…" : "Run"}</button></header>
    ${denied && html`<div class="denied" id="denied"><p><${Words} text=${denied.why} />.</p><p class="soft"><${Words} text=${denied.hint ?? ""} /></p></div>`}
    ${failed && html`<div class="problem" role="alert"><p><strong><${Words} text=${failed.message} /></strong></p>${failed.hint && html`<p><${Words} text=${failed.hint} /></p>`}</div>`}
    ${[...new Set(operation.commands ?? [operation.command])].map((command) => html`<${Code} text=${command.trimEnd()} label="Command" />`)}
    <details class="options"><summary>Variables and ${isSource ? "commits" : "mounts"}${isChanged ? html` <span class="badge">changed</span>` : ""}</summary>
      <fieldset><legend>Variables of this run</legend>
        ${variables.map(([name, value], at) => html`<div class="row" key=${at}>
          <label class="field"><span>Name</span><input value=${name} placeholder="NAME" autocomplete="off" spellcheck="false" onInput=${(event) => set(at, 0, event.target.value)} /></label>
          <label class="field grow"><span>Value</span><input value=${value} autocomplete="off" spellcheck="false" onInput=${(event) => set(at, 1, event.target.value)} /></label>
          <button class="plain" aria-label="Remove the variable ${name}" onClick=${() => setVariables(variables.filter((_, number) => number !== at))}>×</button></div>`)}
        <button onClick=${() => setVariables([...variables, ["", ""]])}>Add a variable</button>
      </fieldset>
      ${isSource
        ? html`<fieldset><legend>Commits</legend><label class="choice"><input type="checkbox" checked=${isApplied} onChange=${(event) => apply(event.target.checked)} />bring them into this repository: onto the checked-out branch if that loses nothing, otherwise as a new branch</label></fieldset>`
        : html`<fieldset><legend>Mounts</legend>${MOUNTS.map(([value, label]) => html`<label class="choice"><input type="radio" name="mounts" checked=${mounts === value} onChange=${() => setMounts(value)} />${label}</label>`)}</fieldset>`}
    </details>
    ${shown
      ? html`<h3 class="rule">${begun ? "This run" : "Last run"}</h3><${ActivityView} key=${shown.id} activity=${shown} />`
      : html`<p class="soft">It has not run here yet.</p>`}
  </article>`;
}
