// The environment as a drawing: routes lead to apps, apps to services.

import { get, part, post } from "./api.js";
import { Empty, Loading, Problem, useAnswer } from "./parts.js";
import { notify, refresh } from "./store.js";
import { html, useEffect, useState } from "./vendor/preact-htm.js";

const WIDTH = 210;
const TALL = 58;
const GAP = 22;
const COLUMN = 300;

/** Boxes in three columns, and the lines between them. */
function draw(environment, containers) {
  const up = (name) => containers?.find((it) => it.service === name);
  const routes = environment.routes.map((route) => ({
    id: `route ${route.url}`, kind: "route", title: (route.original_url ?? route.url).replace(/^https?:\/\//, ""),
    sub: route.type === "redirect" ? "redirect" : "route", href: route.url, to: route.upstream?.split(":")[0] ?? null, leads: route.to,
  }));
  const apps = environment.apps.flatMap((app) => [
    { id: app.name, kind: "app", title: app.name, sub: String(app.type ?? "composable"), to: app.relationships, has: up(app.name) },
    ...app.workers.map((worker) => ({ id: `${app.name}--${worker.name}`, kind: "worker", title: `${app.name}--${worker.name}`, sub: "worker", to: worker.relationships, has: up(`${app.name}--${worker.name}`) })),
  ]);
  const services = environment.services.map((service) => ({ id: service.name, kind: "service", title: service.name, sub: service.type, has: up(service.name) }));
  const columns = [routes, apps, services].filter((column) => column.length);
  const tallest = Math.max(...columns.map((column) => column.length));
  const height = tallest * (TALL + GAP) - GAP + 8;
  columns.forEach((column, at) => {
    const top = (height - (column.length * (TALL + GAP) - GAP)) / 2;
    column.forEach((box, number) => Object.assign(box, { x: at * COLUMN + 4, y: top + number * (TALL + GAP) }));
  });
  const boxes = columns.flat();
  const find = (id) => boxes.find((box) => box.id === id);
  const lines = [];
  for (const box of boxes) {
    for (const to of [box.to ?? []].flat()) {
      const target = find(to);
      if (target && target !== box) lines.push([box, target]);
    }
    if (box.leads) {
      const target = routes.find((route) => route !== box && box.leads.replace(/\/$/, "") === route.href.replace(/\/$/, ""));
      if (target) lines.push([box, target]);
    }
  }
  return { boxes, lines, height, width: (columns.length - 1) * COLUMN + WIDTH + 8 };
}

function path([from, to]) {
  const y = from.y + TALL / 2;
  const end = to.y + TALL / 2;
  if (from.x === to.x) {
    const side = from.x + WIDTH;
    return `M${side} ${y} C${side + 44} ${y} ${side + 44} ${end} ${side} ${end}`;
  }
  const [start, stop] = from.x < to.x ? [from.x + WIDTH, to.x] : [from.x, to.x + WIDTH];
  const half = (start + stop) / 2;
  return `M${start} ${y} C${half} ${y} ${half} ${end} ${stop} ${end}`;
}

const stateOf = (box) => {
  if (box.kind === "route") return "";
  if (!box.has) return "off";
  if (box.has.ended) return "bad";
  return box.has.running ? "good" : "bad";
};

const WORDS = { off: "not up", good: "up", bad: "not running" };

const fit = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

function Drawing({ environment, containers, chosen }) {
  const { boxes, lines, width, height } = draw(environment, containers);
  return html`<div class="drawing" tabindex="0" role="region" aria-label="Drawing of the environment"><svg width=${width} height=${height} viewBox="0 0 ${width} ${height}" role="group" aria-label="Routes, apps and services">
    ${lines.map((line) => html`<path class="edge ${line.some((box) => box.id === chosen) ? "on" : ""}" d=${path(line)} />`)}
    ${boxes.map((box) => html`<a href="#/environment/${part(box.id)}" class="box ${box.kind} ${box.id === chosen ? "on" : ""}">
      <rect x=${box.x} y=${box.y} width=${WIDTH} height=${TALL} rx="7" />
      ${stateOf(box) && html`<circle class=${stateOf(box)} cx=${box.x + WIDTH - 16} cy=${box.y + 18} r="4.5" role="img" aria-label=${WORDS[stateOf(box)]} />`}
      <text x=${box.x + 14} y=${box.y + 24}>${fit(box.title, 24)}</text><text class="sub" x=${box.x + 14} y=${box.y + 43}>${fit(box.sub, 28)}</text></a>`)}
  </svg></div>`;
}

export function Environment({ environment, activities, path: [chosen], isBroken }) {
  const newest = activities[0];
  const [answer, ask] = useAnswer(() => get("containers"), [newest?.id, newest?.state]);
  const [isBusy, setBusy] = useState("");
  useEffect(() => {
    const timer = setInterval(() => document.hidden || ask(), 4000);
    return () => clearInterval(timer);
  }, []);
  const act = async (what, path, body) => {
    setBusy(what);
    try {
      const { activity, removed } = await post(path, body);
      await refresh();
      if (activity) location.hash = `#/activities/${activity.id}`;
      else notify(removed ? "The environment is down. The data of its mounts stay." : "Nothing was up.", null, "good");
    } catch (error) {
      notify(error.message, error.hint, "bad");
    }
    setBusy("");
    ask();
  };
  const containers = answer.value;
  const { boxes } = draw(environment, containers);
  const box = boxes.find((it) => it.id === chosen);
  const urls = environment.routes.filter((route) => route.type === "upstream");
  return html`<header class="head"><h1>Environment</h1><span class="buttons">
      <button class="primary" data-run disabled=${isBroken || isBusy} onClick=${() => act("up", "up", {})}>${isBusy === "up" ? "Starting…" : "Up"}</button>
      <button disabled=${isBroken || isBusy} onClick=${() => act("rebuild", "up", { rebuild: true })}>Rebuild</button>
      <button disabled=${Boolean(isBusy)} onClick=${() => act("down", "down", {})}>${isBusy === "down" ? "Taking down…" : "Down"}</button></span></header>
    ${answer.state === "loading" && html`<${Loading} what="Asking the engine" />`}
    ${answer.state === "failed" && html`<${Problem} error=${answer.error} again=${ask} />`}
    ${boxes.length ? html`<${Drawing} environment=${environment} containers=${containers} chosen=${chosen} />` : html`<${Empty} title="There are no apps yet">The configuration defines none.<//>`}
    ${box && html`<${Chosen} box=${box} environment=${environment} />`}
    ${urls.length > 0 && html`<section class="block"><h2>Addresses</h2><ul class="urls">${urls.map((route) => html`<li><a href=${route.url} target="_blank" rel="noreferrer">${route.url}</a> <span class="soft">leads to ${route.upstream?.split(":")[0]}${route.primary ? ", primary" : ""}</span></li>`)}</ul></section>`}`;
}

function Chosen({ box, environment }) {
  const { has } = box;
  const isRoute = box.kind === "route";
  const operations = environment.operations.filter((it) => it.service === box.id);
  return html`<section class="block panel" aria-label=${box.title}><h2>${box.title} <span class="soft">${box.sub}</span></h2>
    ${isRoute && html`<p><a href=${box.href} target="_blank" rel="noreferrer">${box.href}</a>${box.leads ? html` redirects to <a href=${box.leads}>${box.leads}</a>` : ""}</p>`}
    ${!isRoute && html`<p>${has ? html`${has.status}${has.ended ? html`, but <code>${has.ended.command}</code> ends again and again, with code ${has.ended.exit_code}` : ""}` : "It is not up."}</p>
      ${has && html`<p class="soft mono">${has.container}${has.build ? ` · build ${has.build.slice(0, 12)}` : ""}</p>`}
      <p class="links"><a href="#/logs/${part(box.id)}">Log</a>
        ${box.kind !== "service" && html`<a href="#/mounts/${part(box.id)}">Mounts</a><a href="#/configuration/variables/${part(box.id)}">Variables</a>`}
        ${operations.map((it) => html`<a href="#/operations/${part(it.service)}/${part(it.name)}">${it.name}</a>`)}</p>`}
  </section>`;
}
