// Crons: when they run, and one of them now. They run by themselves only during `upsun-local up --crons`.

import { post } from "./api.js";
import { Ago, Code, Empty, Outcome, Words } from "./parts.js";
import { notify, refresh } from "./store.js";
import { html, useState } from "./vendor/preact-htm.js";

export function Crons({ environment, activities, isBroken }) {
  const [busy, setBusy] = useState("");
  const all = environment.crons;
  if (!all.length) {
    return html`<h1>Crons</h1><${Empty} title="No crons are defined">A cron is a command that runs at its times in the container of an app.
      <${Code} text=${'applications:\n  app:\n    crons:\n      tidy:\n        spec: "H 3 * * *"\n        commands:\n          start: echo tidy'} /><//>`;
  }
  const run = async (cron) => {
    setBusy(`${cron.app} ${cron.name}`);
    try {
      const { activity } = await post("crons", { app: cron.app, cron: cron.name });
      await refresh();
      location.hash = `#/activities/${activity.id}`;
    } catch (error) {
      notify(error.message, error.hint, "bad");
    }
    setBusy("");
  };
  const last = (cron) => activities.find((it) => it.type === "environment.cron" && it.parameters.cron === cron.name && it.parameters.application === cron.app);
  return html`<h1>Crons</h1><p class="soft">They run by themselves while <code>upsun-local up --crons</code> runs.</p>
    <ul class="rows block">${all.map((cron) => html`<li key="${cron.app} ${cron.name}" class=${cron.denied ? "is-denied" : ""}><span class="grow"><strong>${cron.name}</strong> <span class="soft">on ${cron.app}</span>
      <p class="mono soft">${cron.command.trim().split("\n")[0]}</p>
      <p><span class="mono">${cron.schedule}</span>${cron.spec !== cron.schedule ? html` <span class="soft">(${cron.spec})</span>` : ""} <span class="soft">· next ${cron.next ?? "never"}</span></p>
      ${cron.denied && html`<p class="warn-text"><${Words} text=${cron.denied.why} /></p>`}</span>
      <span class="buttons">${last(cron) ? html`<a class="plain" href="#/activities/${last(cron).id}"><${Outcome} activity=${last(cron)} /> <${Ago} at=${last(cron).created_at} /></a>` : html`<span class="soft">never run</span>`}
        <button disabled=${isBroken || Boolean(cron.denied) || Boolean(busy)} aria-label="Run now: ${cron.name}" data-run=${all.length === 1} onClick=${() => run(cron)}>${busy === `${cron.app} ${cron.name}` ? "Starting…" : "Run now"}</button></span></li>`)}</ul>`;
}
