// What a push does to what a commit deployed, as `upsun-local plan` says it.

import { get } from "./api.js";
import { Empty, Loading, Problem, useAnswer } from "./parts.js";
import { html, useState } from "./vendor/preact-htm.js";

const ACTIONS = {
  add: ["new: built and deployed", "good"],
  rebuild: ["built again and deployed", "warn"],
  redeploy: ["deployed again, with the build it has", "busy"],
  nothing: ["stays as it is", ""],
  remove: ["removed", "bad"],
};
const SIGNS = { added: "+", removed: "-", changed: "~" };
const FILES = 12;

/** `submit` gets the commit, `typed` is what stands there at first. */
export function Against({ submit }) {
  const [typed, type] = useState("");
  const onSubmit = (event) => {
    event.preventDefault();
    submit(typed.trim());
  };
  return html`<form class="row narrow" onSubmit=${onSubmit}><label class="field grow"><span>Branch, tag or commit; empty for what was pushed last</span><input value=${typed} placeholder="origin/main" data-search autocomplete="off" spellcheck="false" onInput=${(event) => type(event.target.value)} /></label><button data-run>Compare</button></form>`;
}

export function Plan({ environment, isBroken }) {
  const [against, setAgainst] = useState("");
  const [answer, again] = useAnswer(() => (isBroken ? Promise.resolve(null) : get("plan", { against })), [against, environment, isBroken]);
  const submit = (name) => (name === against ? again() : setAgainst(name));
  return html`<${Against} submit=${submit} />
    ${isBroken ? html`<${Empty} title="Nothing can be pushed">Upsun refuses a configuration with errors. <a href="#/configuration">Show them</a><//>`
      : answer.state === "loading" ? html`<${Loading} what="Comparing with the commit" />`
      : answer.state === "failed" ? html`<${Problem} error=${answer.error} again=${again} />`
      : answer.value && html`<${Changes} plan=${answer.value} />`}`;
}

const files = (names) => `${names.slice(0, FILES).join(", ")}${names.length > FILES ? `, and ${names.length - FILES} more` : ""}`;

function Changes({ plan }) {
  const { against, title, uncommitted, apps, services, routes } = plan;
  const name = title.replaceAll("`", "");
  const isNothing = !services.length && !routes.length && apps.every((app) => app.action === "nothing");
  return html`<p class="pad">${against ? html`What a push does, compared with <strong>${name}</strong>${against.configured ? "" : ", where nothing was configured"}.` : "What a first push does: there is no commit yet."}
      ${against?.assumed && " Git knows of no push, so this is the last commit."}
      ${isNothing && html` <span class="badge good">nothing changes</span>`}</p>
    ${uncommitted.length > 0 && html`<p class="soft">With ${uncommitted.length} ${uncommitted.length === 1 ? "file that is" : "files that are"} not committed: <span class="mono">${files(uncommitted)}</span></p>`}
    ${apps.map((app) => html`<${App} key=${app.app} app=${app} />`)}
    ${services.length > 0 && html`<section class="panel block"><h2>Services</h2><ul>${services.map((service) => html`<${Line} words=${service.words} />`)}</ul></section>`}
    ${routes.length > 0 && html`<section class="panel block"><h2>Routes</h2><ul>${routes.map((route) => html`<${Line} words=${entry(route)} />`)}</ul></section>`}`;
}

const entry = ({ name, change, keys }) => `${SIGNS[change]} ${name}${keys.some(Boolean) ? `: ${keys.join(", ")}` : ""}`;

/** A line that begins with its sign. `!` is for data that are lost, or that no longer show. */
function Line({ words }) {
  const parts = words.slice(2).split("`");
  const kind = { "+": "added", "-": "deleted", "!": "alert" }[words[0]] ?? "modified";
  return html`<li class="sign ${kind}"><span class="mono">${words[0]}</span> ${parts.map((text, at) => (at % 2 ? html`<code>${text}</code>` : text))}</li>`;
}

function App({ app }) {
  const [words, kind] = ACTIONS[app.action];
  const isKept = app.action !== "add" && app.action !== "remove";
  const news = (all) => all.filter((it) => it.change !== "changed").map(entry);
  const lists = [
    ["operations", isKept ? app.words.operations : []],
    ["workers", isKept ? news(app.workers) : []],
    ["crons", isKept ? news(app.crons) : []],
    ["mounts", app.words.mounts],
  ].filter(([, all]) => all.length);
  return html`<section class="panel block" aria-label="The app ${app.app}"><h2>${app.app} <span class="badge ${kind}">${words}</span></h2>
    ${app.renamed_from && html`<p>It looks like <code>${app.renamed_from}</code> with another name: to Upsun it is another app, and starts without its data.</p>`}
    ${(app.causes.length > 0 || app.hooks.length > 0 || lists.length > 0) && html`<dl class="facts-list">${app.causes.length > 0 && html`<dt>because of</dt><dd><ul>${app.causes.map((cause) => html`<li><code>${cause.path}</code>${{ added: " (new)", removed: " (gone)" }[cause.change] ?? ""}${cause.files.length > 0 && html`: <span class="soft">${cause.files.length} ${cause.files.length === 1 ? "file" : "files"}: <span class="mono">${files(cause.files)}</span></span>`}</li>`)}</ul></dd>`}
      ${app.hooks.length > 0 && html`<dt>hooks</dt><dd>${app.hooks.join(", ")}</dd>`}
      ${lists.map(([title, all]) => html`<dt>${title}</dt><dd><ul>${all.map((it) => html`<${Line} words=${it} />`)}</ul></dd>`)}</dl>`}</section>`;
}
