// Logs of all containers: what their own processes print.

import { address, get, part } from "./api.js";
import { Log } from "./log.js";
import { Empty, Loading, Problem, useAnswer } from "./parts.js";
import { html } from "./vendor/preact-htm.js";

export function Logs({ activities, path: [chosen] }) {
  const newest = activities[0];
  const [answer, again] = useAnswer(() => get("containers"), [newest?.id, newest?.state]);
  if (answer.state === "loading") return html`<h1>Logs</h1><${Loading} what="Asking the engine" />`;
  if (!answer.value) return html`<h1>Logs</h1><${Problem} error=${answer.error} again=${again} />`;
  const all = answer.value;
  if (!all.length) return html`<h1>Logs</h1><${Empty} title="No container is up">There are logs once the environment is up. <a href="#/environment">Bring it up</a><//>`;
  const it = all.find(({ service }) => service === chosen) ?? (chosen ? null : all[0]);
  return html`<h1>Logs</h1><nav class="tabs" aria-label="Containers">${all.map(({ service, running }) => html`<a href="#/logs/${part(service)}" aria-current=${service === it?.service ? "page" : null}><i class="dot ${running ? "good" : "bad"}" aria-hidden="true"></i>${service}<span class="hidden">${running ? ", up" : ", not running"}</span></a>`)}</nav>
    ${it ? html`<${Log} key=${`${it.container} ${it.build}`} name="log of ${it.service}" tall restarts source=${(from) => address(`logs/${part(it.service)}`, { lines: from === 0 ? 1_000_000 : "" })} empty="It has printed nothing." />` : html`<${Empty} title="${chosen} is not up">Choose a container that is.<//>`}`;
}
