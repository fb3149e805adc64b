// The configuration: its files with their problems, everything merged, and variables with their origin.

import { get, part } from "./api.js";
import { Empty, Loading, Problem, Search, Words, useAnswer } from "./parts.js";
import { Plan } from "./plan.js";
import { html, useState } from "./vendor/preact-htm.js";

export function Configuration({ environment, path, isBroken }) {
  const page = ["variables", "merged", "push"].includes(path[0]) ? path[0] : "files";
  const tabs = [["files", "#/configuration", "Files"], ["merged", "#/configuration/merged", "Merged"], ["variables", "#/configuration/variables", "Variables"], ["push", "#/configuration/push", "Push"]];
  return html`<header class="head"><h1>Configuration</h1></header>
    <nav class="tabs" aria-label="Parts of the configuration">${tabs.map(([name, href, label]) => html`<a href=${href} aria-current=${name === page ? "page" : null}>${label}</a>`)}</nav>
    ${page === "push" ? html`<${Plan} environment=${environment} isBroken=${isBroken} />` : page === "variables" ? html`<${Variables} environment=${environment} chosen=${path[1]} />` : html`<${Files} environment=${environment} isMerged=${page === "merged"} />`}`;
}

const plural = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;

const KINDS = { error: "bad", warning: "warn", note: "" };

function Files({ environment, isMerged }) {
  const [answer, again] = useAnswer(() => get("configuration"), [environment]);
  if (answer.state === "loading") return html`<${Loading} what="Reading the configuration" />`;
  if (answer.state === "failed") return html`<${Problem} error=${answer.error} again=${again} />`;
  const { files, problems, merged } = answer.value;
  if (isMerged) {
    if (!merged) return html`<${Empty} title="There is nothing to merge">No file could be read. <a href="#/configuration">Show the errors</a><//>`;
    const all = problems.map((it) => ({ ...it, line: it.merged_line, from: `${it.file}:${it.line}` }));
    const isBroken = problems.some((it) => it.severity === "error");
    return html`${isBroken && html`<p class="pad">The files have errors. This is what can be read of them.</p>`}
      ${all.filter((it) => !it.line).map((it) => html`<${Note} problem=${it} />`)}
      <${Source} name="all files merged" text=${merged} problems=${all.filter((it) => it.line)} />`;
  }
  if (!files.length) return html`<${Empty} title="There are no files">The directory <code>.upsun</code> has no configuration.<//>`;
  const count = (severity) => problems.filter((it) => it.severity === severity).length;
  const isKnown = (problem) => files.some((file) => file.name === problem.file);
  return html`<p class="pad">${count("error") + count("warning") === 0
      ? html`<span class="badge good">no problems</span> in ${files.length} ${files.length === 1 ? "file" : "files"}`
      : html`<span class="badge ${count("error") ? "bad" : ""}">${plural(count("error"), "error")}</span> <span class="badge ${count("warning") ? "warn" : ""}">${plural(count("warning"), "warning")}</span> in ${files.length} ${files.length === 1 ? "file" : "files"}`}</p>
    ${problems.filter((it) => !isKnown(it)).map((it) => html`<${Note} problem=${it} />`)}
    ${files.map((file) => html`<${Source} key=${file.name} name=${file.name} text=${file.text} problems=${problems.filter((it) => it.file === file.name)} />`)}`;
}

const Note = ({ problem }) => html`<div class="at-line ${KINDS[problem.severity]}" role="note"><p><span class="badge ${KINDS[problem.severity]}">${problem.severity}</span> <${Words} text=${problem.message} /> <code>${problem.code}</code>${problem.from && html` <span class="soft mono">${problem.from}</span>`}</p>
  ${problem.hint && html`<p><${Words} text=${problem.hint} /></p>`}${problem.docs && html`<p><a href=${problem.docs} target="_blank" rel="noreferrer">Upsun’s documentation</a></p>`}</div>`;

// Comments, keys and strings have colours: enough to find one's way.
function Yaml({ line }) {
  const parts = /^(\s*(?:- )*)(#.*|(?:"[^"]*"|'[^']*'|[^\s:#{[][^:#]*)(?=:(?:\s|$)))?(.*)$/.exec(line);
  if (!parts) return line;
  const [, indent, first = "", rest] = parts;
  if (first.startsWith("#")) return html`${indent}<span class="soft">${first}</span>`;
  const comment = / #.*$/.exec(rest);
  const value = comment ? rest.slice(0, comment.index) : rest;
  return html`${indent}<span class="key">${first}</span>${value}${comment && html`<span class="soft">${comment[0]}</span>`}`;
}

function Source({ name, text, problems }) {
  const lines = text.replace(/\n$/, "").split("\n");
  return html`<section class="source block" aria-label=${name}><h2 class="mono">${name}</h2><div class="source-lines" tabindex="0" role="region" aria-label="Lines of ${name}">
    ${lines.map((line, at) => {
      const here = problems.filter((it) => it.line === at + 1);
      const worst = here.some((it) => it.severity === "error") ? "bad" : here.length ? "warn" : "";
      return html`<div class="source-line ${worst}"><span class="line-number" aria-hidden="true">${at + 1}</span><code><${Yaml} line=${line} /></code></div>${here.map((it) => html`<${Note} problem=${it} />`)}`;
    })}</div></section>`;
}

function Variables({ environment, chosen }) {
  const all = environment.apps.flatMap((app) => [app.name, ...app.workers.map((worker) => `${app.name}--${worker.name}`)]);
  const service = chosen ?? all[0];
  const [phase, setPhase] = useState("runtime");
  const [query, search] = useState("");
  const [answer, again] = useAnswer(() => (service ? get(`variables/${part(service)}`, { phase }) : Promise.resolve([])), [service, phase, environment]);
  if (!service) return html`<${Empty} title="There are no apps yet">The configuration defines none.<//>`;
  const words = query.toLowerCase();
  const found = (answer.value ?? []).filter((it) => `${it.name} ${it.from}`.toLowerCase().includes(words));
  return html`<div class="row wrap pad"><label class="field"><span>Of</span><select value=${service} onChange=${(event) => { location.hash = `#/configuration/variables/${part(event.target.value)}`; }}>${all.map((name) => html`<option value=${name}>${name}</option>`)}</select></label>
      <label class="field"><span>When</span><select value=${phase} onChange=${(event) => setPhase(event.target.value)}><option value="runtime">at run time</option><option value="build">in the build</option></select></label>
      <div class="grow"><${Search} label="Search variables" value=${query} onInput=${search} /></div></div>
    ${answer.state === "loading" && html`<${Loading} />`}
    ${answer.state === "failed" && html`<${Problem} error=${answer.error} again=${again} />`}
    ${answer.value && answer.state !== "failed" && html`<div class="table" tabindex="0" role="region" aria-label="Variables of ${service}"><table><thead><tr><th scope="col">Name</th><th scope="col">Value</th><th scope="col">From</th></tr></thead>
      <tbody>${found.map((it) => html`<tr key=${it.name}><th scope="row" class="mono">${it.name}</th><td class="mono value">${it.sensitive ? html`<span class="badge">hidden: sensitive</span>` : it.value}</td><td class="soft">${it.from}</td></tr>`)}</tbody></table></div>
      ${!found.length && html`<p class="pad soft">No variable fits.</p>`}`}`;
}
