// Mounts: how much is on them, the files, and snapshots that can be compared and put back.

import { address, get, part, post } from "./api.js";
import { Ago, Empty, Hint, Loading, Problem, Search, bytes, useAnswer } from "./parts.js";
import { notify } from "./store.js";
import { Differences } from "./undo.js";
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";

export function Mounts({ environment, activities, path: [chosen] }) {
  const all = environment.apps.flatMap((app) => [
    { service: app.name, mounts: app.mounts },
    ...app.workers.map((worker) => ({ service: `${app.name}--${worker.name}`, mounts: worker.mounts })),
  ]);
  const withMounts = all.filter((it) => it.mounts.length);
  if (!withMounts.length) {
    return html`<h1>Mounts</h1><${Empty} title="No mounts are defined">At run time everything is read-only but <code>/tmp</code>. An operation that fails because of that says which mount it needs.<//><${Suggestion} activities=${activities} />`;
  }
  const it = withMounts.find(({ service }) => service === chosen) ?? (chosen ? null : withMounts[0]);
  const newest = activities[0];
  return html`<header class="head"><h1>Mounts</h1>
      <label class="field who"><span>of</span><select value=${it?.service} onChange=${(event) => { location.hash = `#/mounts/${part(event.target.value)}`; }}>
        ${!it && html`<option value="">choose</option>`}${withMounts.map(({ service }) => html`<option value=${service}>${service}</option>`)}</select></label></header>
    ${it ? html`<${Container} key=${it.service} service=${it.service} tag=${`${newest?.id} ${newest?.state}`} />` : html`<${Empty} title="${chosen} has no mounts">Choose another app or worker.<//>`}
    <${Suggestion} activities=${activities} />`;
}

/** The mount that the last failure of a write needs. */
function Suggestion({ activities }) {
  const needs = (hint) => hint.includes("    mounts:");
  const failed = activities.find((it) => it.hints?.some(needs));
  if (!failed) return null;
  return html`<section class="block advice"><h2>Needed by the last write that was refused</h2>
    <p><a href="#/activities/${failed.id}">${failed.description}</a> <span class="soft"><${Ago} at=${failed.created_at} /></span></p>
    ${failed.hints.filter(needs).map((hint) => html`<${Hint} text=${hint} />`)}</section>`;
}

function Container({ service, tag }) {
  const [query, search] = useState("");
  const [answer, again] = useAnswer(() => get(`mounts/${part(service)}`), [service, tag]);
  const { state, value, error } = answer;
  return html`${state === "loading" && html`<${Loading} what="Listing the files" />`}
    ${state === "failed" && (error.status === 409
      ? html`<${Empty} title="${service} is not up">The files on its mounts can be listed when it runs. <a href="#/environment">Bring the environment up</a><//>`
      : html`<${Problem} error=${error} again=${again} />`)}
    ${value && state !== "failed" && html`<${Sizes} mounts=${value.mounts} choose=${search} />`}
    <${Snapshots} service=${service} changed=${again} isUp=${state === "ready" || state === "again"} tag=${tag} />
    ${value && state !== "failed" && html`<${Files} service=${service} value=${value} query=${query} search=${search} />`}`;
}

/** Rectangles whose areas are the weights of `items`, the largest first: each half of the weight gets a part of `box`. */
function tiles(items, box) {
  if (items.length < 2) return items.map((item) => ({ item, box }));
  const sum = items.reduce((all, item) => all + item.weight, 0);
  let at = 1;
  let part = items[0].weight;
  while (at < items.length - 1 && part + items[at].weight <= sum / 2) part += items[at++].weight;
  const { x, y, width, height } = box;
  const share = part / sum;
  const [first, rest] = width >= height
    ? [{ ...box, width: width * share }, { ...box, x: x + width * share, width: width * (1 - share) }]
    : [{ ...box, height: height * share }, { ...box, y: y + height * share, height: height * (1 - share) }];
  return [...tiles(items.slice(0, at), first), ...tiles(items.slice(at), rest)];
}

const sized = (it) => `${bytes(it.bytes)} · ${it.files} ${it.files === 1 ? "file" : "files"}`;

/** The rectangles of entries, each at least so large, as a share of the whole, that it can be seen. */
function layout(entries, box, least) {
  const sum = entries.reduce((all, it) => all + it.bytes, 0);
  const items = entries.map((it) => ({ ...it, weight: sum ? Math.max(it.bytes / sum, least) : 1 }));
  return tiles(items.sort((one, other) => other.weight - one.weight), box);
}

const place = ({ x, y, width, height }) => ({ left: `${x}%`, top: `${y}px`, width: `${width}%`, height: `${height}px` });
const HEAD = 24;

/** A tree map: mounts, and in them what is at their top. `choose` gets the path of what is clicked. */
function Sizes({ mounts, choose }) {
  const frame = useRef(null);
  const [wide, setWide] = useState(900);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => setWide(entry.contentRect.width || 900));
    observer.observe(frame.current);
    return () => observer.disconnect();
  }, []);
  const tall = wide < 600 ? 260 : 200;
  // Lengths are in per cent across and in pixels down, so squares are looked for in pixels.
  const scaled = ({ x, y, width, height }) => ({ x: (x / wide) * 100, y, width: (width / wide) * 100, height });
  const all = layout(mounts, { x: 0, y: 0, width: wide, height: tall }, wide < 600 ? 0.28 : 0.12);
  return html`<div class="treemap" role="list" aria-label="Sizes of the mounts" ref=${frame} style=${{ height: `${tall}px` }}>${all.map(({ item: mount, box }) => html`<div role="listitem" class="tree-mount" style=${place(scaled(box))} title="/${mount.path}: ${sized(mount)}">
    <button onClick=${() => choose(mount.path)} aria-label="/${mount.path}: ${sized(mount)}"><strong>/${mount.path}</strong> <span>${sized(mount)}</span></button>
    ${layout(mount.inside, { x: box.x, y: box.y + HEAD, width: box.width, height: Math.max(0, box.height - HEAD) }, 0.03).map(({ item, box: inner }) => html`<button class="tree-part" style=${place({ x: ((inner.x - box.x) / box.width) * 100, y: inner.y - box.y, width: (inner.width / box.width) * 100, height: inner.height })} title="/${mount.path}/${item.name}: ${sized(item)}" aria-label="/${mount.path}/${item.name}: ${sized(item)}" onClick=${() => choose(item.is_rest ? mount.path : `${mount.path}/${item.name}`)}><span>${item.name}</span> <span>${bytes(item.bytes)}</span></button>`)}</div>`)}</div>`;
}

function Snapshots({ service, changed, isUp, tag }) {
  const [answer, again] = useAnswer(() => get(`mounts/${part(service)}/snapshots`), [service, tag]);
  const [name, type] = useState("");
  const [isBusy, setBusy] = useState("");
  const [asked, ask] = useState("");
  const [shown, show] = useState(null);
  const act = async (what, path, body, said) => {
    setBusy(what);
    try {
      const value = await post(path, body);
      notify(said(value), null, "good");
    } catch (error) {
      notify(error.message, error.hint, "bad");
    }
    setBusy("");
    ask("");
    show(null);
    again();
    changed();
  };
  const own = (snapshot, verb) => `mounts/${part(service)}/snapshots/${part(snapshot)}/${verb}`;
  const compare = async (snapshot) => {
    setBusy(`compare ${snapshot}`);
    try {
      show({ snapshot, differences: await get(own(snapshot, "difference")) });
    } catch (error) {
      notify(error.message, error.hint, "bad");
    }
    setBusy("");
  };
  const take = (event) => {
    event.preventDefault();
    act("take", `mounts/${part(service)}/snapshots`, { name }, (it) => `Kept ${it.files} ${it.files === 1 ? "file" : "files"}, ${bytes(it.bytes)}`);
    type("");
  };
  const list = answer.value ?? [];
  return html`<section class="block"><h2>Snapshots</h2>
    ${answer.state === "failed" && html`<${Problem} error=${answer.error} again=${again} />`}
    ${answer.value && !list.length && html`<p class="soft pad">There is no snapshot yet. One keeps a copy of all mounts of ${service}.</p>`}
    ${list.length > 0 && html`<ul class="rows">${list.map((it) => html`<li key=${it.name}><span class="grow"><strong>${it.name}</strong> ${it.activity && html`<a href="#/activities/${it.activity}">before a run</a> `}<span class="soft">${it.broken ?? html`${it.files} ${it.files === 1 ? "file" : "files"}, ${bytes(it.bytes)} · <${Ago} at=${it.taken_at} />`}</span></span>
      ${asked === it.name
        ? html`<span class="buttons"><span>Delete what is there now, and put this back?</span><button class="danger" disabled=${Boolean(isBusy)} onClick=${() => act("restore", own(it.name, "restore"), {}, () => `Put back the mounts of ${service} as of ${it.name}`)}>${isBusy === "restore" ? "Restoring…" : "Restore"}</button><button onClick=${() => ask("")}>Keep</button></span>`
        : html`<span class="buttons"><button disabled=${!isUp || Boolean(isBusy)} aria-label="Compare with ${it.name}" onClick=${() => compare(it.name)}>Compare</button><button disabled=${Boolean(isBusy) || it.broken} aria-label="Restore ${it.name}" onClick=${() => ask(it.name)}>Restore</button><button class="plain" disabled=${Boolean(isBusy)} aria-label="Delete the snapshot ${it.name}" onClick=${() => act("delete", own(it.name, "delete"), {}, () => `Deleted the snapshot ${it.name}`)}>Delete</button></span>`}</li>`)}</ul>`}
    ${shown && html`<div class="panel block"><h3>Since ${shown.snapshot}</h3>${shown.differences.length ? html`<${Differences} all=${shown.differences} />` : html`<p class="soft">Nothing changed.</p>`}</div>`}
    <form class="row narrow" onSubmit=${take}><label class="field grow"><span>Name of a new snapshot</span><input value=${name} placeholder="latest" autocomplete="off" spellcheck="false" onInput=${(event) => type(event.target.value)} /></label><button class="primary" disabled=${Boolean(isBusy)}>${isBusy === "take" ? "Keeping…" : "Take a snapshot"}</button></form></section>`;
}

function Files({ service, value, query, search }) {
  const [all, showAll] = useState(false);
  const words = query.toLowerCase();
  const found = value.files.filter((file) => file.path.toLowerCase().includes(words));
  const shown = all ? found : found.slice(0, 200);
  const source = (file) => address(`mounts/${part(service)}/download`, { path: file.path, kind: file.kind === "file" ? "file" : "" });
  return html`<section class="block"><h2>Files</h2>
    ${!value.files.length ? html`<p class="soft pad">The mounts are empty.</p>` : html`<div class="narrow"><${Search} label="Search files" value=${query} onInput=${search} /></div>
    <div class="table" tabindex="0" role="region" aria-label="Files"><table><thead><tr><th scope="col">Path</th><th scope="col" class="right">Size</th><th scope="col">Changed</th><th scope="col"><span class="hidden">Download</span></th></tr></thead>
      <tbody>${shown.map((file) => html`<tr key=${file.path}><th scope="row" class="mono">/${file.path}${file.kind === "directory" ? "/" : file.kind === "file" ? "" : html` <span class="badge">${file.kind}</span>`}</th><td class="right number">${file.size === null ? "" : bytes(file.size)}</td>
        <td class="soft">${Number(file.modified) ? html`<${Ago} at=${new Date(Number(file.modified) * 1000).toISOString()} />` : ""}</td><td class="right">${(file.kind === "file" || file.kind === "directory") && html`<a class="plain" href=${source(file)} download aria-label="Download ${file.path}">Download</a>`}</td></tr>`)}</tbody></table></div>
    ${found.length > shown.length && html`<p class="pad soft">${found.length - shown.length} further entries. <button onClick=${() => showAll(true)}>Show all</button></p>`}
    ${value.left_out > 0 && html`<p class="pad soft">${value.left_out} entries after the first ${value.files.length} are not listed here.</p>`}
    ${!found.length && html`<p class="pad soft">No file has “${query}” in its path.</p>`}`}</section>`;
}
