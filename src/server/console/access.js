// Who may run what: operations × roles × types of environments, and what changed since a commit.

import { get } from "./api.js";
import { Empty, Loading, Problem, Role, useAnswer } from "./parts.js";
import { Against } from "./plan.js";
import { html, useState } from "./vendor/preact-htm.js";

const ROLES = ["viewer", "contributor", "admin"];
const TYPES = ["production", "staging", "development"];

const titleOf = (right) => (right.kind === "operation" ? right.name : right.kind === "source-operation" ? `source.operations.${right.name}` : right.name ?? right.kind);

export function Access({ environment }) {
  const [against, setAgainst] = useState(null);
  const tag = JSON.stringify([environment.operations, environment.users]);
  const [answer, again] = useAnswer(() => get("access"), [tag]);
  const rights = answer.value?.rights ?? [];
  const { users } = environment;
  return html`<h1>Access</h1>
    ${answer.state === "loading" && html`<${Loading} />`}
    ${answer.state === "failed" && html`<${Problem} error=${answer.error} again=${again} />`}
    ${answer.value && !rights.length && html`<${Empty} title="There is nothing to allow">The configuration defines no apps.<//>`}
    ${rights.length > 0 && html`<div class="table" tabindex="0" role="region" aria-label="Who may run what"><table><thead><tr><th scope="col" rowspan="2">Service</th><th scope="col" rowspan="2">Operation</th>
        <th scope="colgroup" colspan="3">Roles</th>${users.length > 0 && html`<th scope="colgroup" colspan="3">Users on environments of the type</th>`}<th scope="col" rowspan="2">Place</th></tr>
      <tr>${ROLES.map((role) => html`<th scope="col">${role}</th>`)}${users.length > 0 && TYPES.map((kind) => html`<th scope="col">${kind}</th>`)}</tr></thead>
      <tbody>${rights.map((right) => html`<tr><td class="soft">${right.service}</td><th scope="row">${titleOf(right)}</th>
        ${ROLES.map((role) => html`<td class="tick">${right.roles.includes(role) ? html`<span class="yes">✓<span class="hidden">may</span></span>` : html`<span class="soft">–<span class="hidden">may not</span></span>`}</td>`)}
        ${users.length > 0 && TYPES.map((kind) => html`<td>${right.users[kind].join(", ") || html`<span class="soft">nobody</span>`}</td>`)}
        <td class="soft mono">${right.file}:${right.line}</td></tr>`)}</tbody></table></div>
      ${!users.length && html`<p class="soft pad">Name people under <code>users</code> in <code>.upsun-local.yaml</code> to see who may what on each type of environment.</p>`}`}
    <section class="block"><h2>Change against a commit</h2>
      <${Against} submit=${setAgainst} />
      ${against !== null && html`<${Changes} key=${against} against=${against} tag=${tag} />`}</section>`;
}

function Changes({ against, tag }) {
  const [answer, again] = useAnswer(() => get("access", { against: against || " " }), [against, tag]);
  if (answer.state === "loading") return html`<${Loading} what="Reading the commit" />`;
  if (answer.state === "failed") return html`<${Problem} error=${answer.error} again=${again} />`;
  const { title, rights, users, renamed } = answer.value.changes;
  const name = title.replaceAll("`", "");
  return html`${renamed.map((it) => html`<p class="pad">The app <code>${it.before}</code> is called <code>${it.app}</code> now.</p>`)}
    ${!rights.length && !users?.length && html`<p class="pad">Since ${name}, nobody may do more or less than before.</p>`}
    ${rights.length > 0 && html`<div class="table" tabindex="0" role="region" aria-label="What changed since ${name}"><table><thead><tr><th scope="col">Change since ${name}</th><th scope="col">Service</th><th scope="col">Operation</th><th scope="col">Before</th><th scope="col">Now</th></tr></thead>
      <tbody>${rights.map((right) => html`<tr><td><span class="badge ${right.change === "widened" ? "bad" : right.change === "narrowed" ? "good" : ""}">${right.change}</span></td><td class="soft">${right.service}</td><th scope="row">${titleOf(right)}</th>
        <td>${right.before ? html`<${Role} role=${right.before} />` : "–"}</td><td>${right.role ? html`<${Role} role=${right.role} />` : "–"}</td></tr>`)}</tbody></table></div>`}
    ${users?.length > 0 && html`<ul class="pad">${users.map((it) => html`<li>The user <strong>${it.user}</strong> is ${it.change}: ${TYPES.filter((kind) => kind in it.role).map((kind) => `${kind} ${it.before[kind] ?? "no access"} → ${it.role[kind] ?? "no access"}`).join("; ")}</li>`)}</ul>`}`;
}
