// The console: the frame around the pages.

import { Access } from "./access.js";
import { Activities } from "./activities.js";
import { chosen, choose, get } from "./api.js";
import { Configuration } from "./configuration.js";
import { Crons } from "./crons.js";
import { Environment } from "./environment.js";
import { Logs } from "./logs.js";
import { Mounts } from "./mounts.js";
import { Operations } from "./operations.js";
import { Icon, Loading, Problem, Words } from "./parts.js";
import { dismiss, pretend, refresh, start, unlock, useStore } from "./store.js";
import { html, render, useEffect, useRef, useState } from "./vendor/preact-htm.js";

const PAGES = [
  ["operations", "Operations", Operations],
  ["activities", "Activities", Activities],
  ["environment", "Environment", Environment],
  ["access", "Access", Access],
  ["mounts", "Mounts", Mounts],
  ["configuration", "Configuration", Configuration],
  ["crons", "Crons", Crons],
  ["logs", "Logs", Logs],
];

const THEME = "upsun-local.theme";

function route() {
  const parts = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  return parts[0] ? parts : ["operations"];
}

function useRoute() {
  const [now, set] = useState(route);
  useEffect(() => {
    const heard = () => set(route());
    addEventListener("hashchange", heard);
    return () => removeEventListener("hashchange", heard);
  }, []);
  return now;
}

function theme(name) {
  if (name) document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
}

function Theme() {
  const [now, set] = useState(() => localStorage.getItem(THEME) ?? "");
  const choose = (event) => {
    const name = event.target.value;
    set(name);
    theme(name);
    localStorage.setItem(THEME, name);
  };
  return html`<label class="field small"><span>Colours</span><select value=${now} onChange=${choose}>
    <option value="">as the system</option><option value="light">light</option><option value="dark">dark</option>
  </select></label>`;
}

function Who({ environment, who }) {
  const value = who.user ? `user:${who.user}` : who.role ? `role:${who.role}` : "";
  const choose = (event) => {
    const [kind, ...name] = event.target.value.split(":");
    pretend(kind ? { [kind]: name.join(":") } : {});
  };
  const { actor } = environment;
  const isKnown = !who.user || environment.users.some((user) => user.name === who.user);
  return html`<label class="field who"><span>Act as</span><select value=${value} onChange=${choose}>
    <option value="">${who.user || who.role ? "as the settings say" : `${actor.name ?? actor.role ?? "settings"} (settings)`}</option>
    <optgroup label="Roles">${["viewer", "contributor", "admin"].map((role) => html`<option value="role:${role}">${role}</option>`)}</optgroup>
    ${environment.users.length > 0 && html`<optgroup label="Users">
      ${environment.users.map((user) => html`<option value="user:${user.name}">${user.name} (${user.role ?? "no access"})</option>`)}
    </optgroup>`}
    ${!isKnown && html`<option value=${value}>${who.user} (unknown)</option>`}
  </select></label>`;
}

// Which project the page shows, where the server has several.
function Project({ name }) {
  const [all, set] = useState([]);
  const ask = () => get("projects", { project: null }).then(set, () => {});
  useEffect(() => {
    ask();
  }, []);
  const isKnown = !chosen() || all.some((it) => it.id === chosen());
  if (all.length === 0 || (all.length === 1 && isKnown)) return name && html`<strong>${name}</strong>`;
  return html`<label class="field"><span class="hidden">Project</span>
    <select value=${chosen() ?? all[0].id} onFocus=${ask} onChange=${(event) => choose(event.target.value)}>
      ${!isKnown && html`<option value=${chosen()}>${chosen()} (unknown)</option>`}
      ${all.map((it) => html`<option value=${it.id} title=${it.root}>${it.title}${it.problem ? " (cannot be read)" : it.running ? " (up)" : ""}</option>`)}
    </select></label>`;
}

function Locked({ error }) {
  const [key, set] = useState("");
  const [failed, fail] = useState(null);
  const submit = (event) => {
    event.preventDefault();
    unlock(key).catch(fail);
  };
  return html`<main class="centre"><h1>The console is locked</h1>
    <p>Open the address that <code>upsun-local serve</code> printed: it ends with the key of this start of the server. Or paste the address here.</p>
    <form onSubmit=${submit} class="row"><label class="field grow"><span>Address or key</span>
      <input value=${key} onInput=${(event) => set(event.target.value)} autocomplete="off" spellcheck="false" /></label>
      <button class="primary">Unlock</button></form>
    ${failed && html`<${Problem} error=${failed} />`}
    ${!failed && error && error.status !== 401 && html`<${Problem} error=${error} />`}
  </main>`;
}

function Banner({ store, page }) {
  const { state, error, environment } = store;
  if (state === "gone") {
    return html`<div class="banner bad" role="alert"><strong>The server does not answer.</strong> This is what it said last. The console goes on by itself when the server is back; if it was started again, open the address that it prints.</div>`;
  }
  if (error) return html`<div class="banner bad" role="alert"><strong>${error.message}</strong> ${error.hint}</div>`;
  if (environment?.problem) {
    return html`<div class="banner bad" role="alert"><strong>The configuration has errors.</strong> ${page === "configuration" ? "The other pages show" : "What you see is"} its last good state, and nothing can be run until they are gone. <a href="#/configuration">Show the errors</a></div>`;
  }
  if (environment?.actor.problem) {
    return html`<div class="banner warn" role="alert"><strong><${Words} text=${environment.actor.problem} /></strong> ${environment.actor.hint && html`<${Words} text=${environment.actor.hint} />`}</div>`;
  }
  return null;
}

const Notices = ({ notices }) => html`<div class="notices" role="status">${notices.map((notice) => html`
  <div class="notice ${notice.kind}" key=${notice.id}><div><p><${Words} text=${notice.message} /></p>${notice.hint && html`<p class="soft"><${Words} text=${notice.hint} /></p>`}</div>
    <button class="plain" aria-label="Dismiss" onClick=${() => dismiss(notice.id)}>×</button></div>`)}</div>`;

// `/` goes to the first search of the page, `r` presses its main button.
function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (/^(input|select|textarea)$/i.test(event.target.tagName)) return;
  if (event.key === "/") {
    const searches = [...document.querySelectorAll("[data-search]")].filter((search) => search.offsetParent);
    if (searches[0]) {
      event.preventDefault();
      searches[0].focus();
      searches[0].select();
    }
  }
  if (event.key === "r") document.querySelector("[data-run]:not(:disabled)")?.click();
}

function App() {
  const store = useStore();
  const [name, ...rest] = useRoute();
  const [, title, Page] = PAGES.find(([page]) => page === name) ?? PAGES[0];
  const main = useRef(null);
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${title} · ${store.environment?.project ?? "upsun-local"}`;
    document.querySelector(".side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (isFirst.current) isFirst.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [title, store.environment?.project]);
  if (store.state === "locked") return html`<${Locked} error=${store.error} />`;
  const { environment, who } = store;
  if (!environment) {
    return html`<main class="centre"><h1>upsun-local</h1>
      ${store.error ? html`<${Problem} error=${store.error} again=${refresh} /><${Project} />` : html`<${Loading} />`}</main>`;
  }
  const running = store.activities.filter((it) => it.state === "in_progress" || it.state === "pending").length;
  return html`<a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); main.current.focus(); }}>Skip to the page</a>
    <header class="top">
      <a class="brand" href="#/operations"><span class="mark" aria-hidden="true"></span>upsun-local</a>
      <span class="place"><${Project} name=${environment.project} /><span class="soft"> / ${environment.name}</span><span class="badge">${environment.type}</span></span>
      <span class="grow"></span>
      <span class="live ${store.live ? "on" : ""}" title=${store.live ? "Events arrive as they happen" : "No stream of events"}><i aria-hidden="true"></i>${store.live ? "live" : "offline"}</span>
      <${Who} environment=${environment} who=${who} />
    </header>
    <nav class="side" aria-label="Pages"><ul>${PAGES.map(([page, label]) => html`<li><a href="#/${page}" aria-current=${page === name ? "page" : null}>
      <${Icon} name=${page} />${label}${page === "activities" && running > 0 && html`<span class="badge busy">${running}<span class="hidden"> running</span></span>`}</a></li>`)}</ul>
      <div class="side-foot"><${Theme} /><p class="soft"><kbd>/</kbd> search <kbd>r</kbd> run</p></div>
    </nav>
    <main id="main" class="page page-${name}" ref=${main} tabindex="-1">
      <${Banner} store=${store} page=${name} />
      <${Page} key=${name} environment=${environment} activities=${store.activities} who=${who} path=${rest} isBroken=${Boolean(environment.problem)} />
    </main>
    <${Notices} notices=${store.notices} />`;
}

theme(localStorage.getItem(THEME) ?? "");
addEventListener("keydown", onKey);
const root = document.getElementById("app");
root.replaceChildren();
render(html`<${App} />`, root);
start();
