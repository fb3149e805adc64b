// What an operation wrote to mounts, and how that is undone after it has ended.

import { get, part, post } from "./api.js";
import { Ago, Hint, Words, isOpen, useAnswer } from "./parts.js";
import { notify, store } from "./store.js";
import { html, useState } from "./vendor/preact-htm.js";

const SHOWN = 8;

const plural = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;

/** Paths with the letter of Git for how each changed. */
export function Differences({ all, more = 0 }) {
  const [whole, showAll] = useState(false);
  const shown = whole ? all : all.slice(0, SHOWN);
  return html`<ul class="differences mono">${shown.map((it) => html`<li class=${it.change}><span>${it.change[0].toUpperCase()}<span class="hidden"> ${it.change}</span></span> /${it.path}</li>`)}</ul>
    ${all.length > shown.length && html`<button class="plain" onClick=${() => showAll(true)}>Show ${all.length - shown.length} more</button>`}
    ${more > 0 && shown.length === all.length && html`<p class="soft">and ${more} more</p>`}`;
}

const hasMounts = (service) =>
  store.environment.apps.some((app) => (app.name === service && app.mounts.length) || app.workers.some((worker) => `${app.name}--${worker.name}` === service && worker.mounts.length));

/** `service` is the container of the operation. */
export function OnMounts({ activity, service }) {
  const { mounts } = activity;
  if (!mounts && !hasMounts(service)) return null;
  if (isOpen(activity)) return mounts ? html`<p class="soft">What is written to mounts is listed when it has ended.</p>` : null;
  return html`<section class="on-mounts" aria-label="On the mounts">
    ${mounts?.changes?.length > 0 && html`<h3>${plural(mounts.changes.length + mounts.more, "change")} on the mounts of ${mounts.container}${mounts.undone ? ", put back when it ended" : ""}</h3><${Differences} all=${mounts.changes} more=${mounts.more} />`}
    ${mounts?.changes?.length === 0 && html`<p class="soft">It changed nothing on the mounts of ${mounts.container}.</p>`}
    ${mounts && !mounts.changes && html`<p class="soft">What it wrote is not known, as its process ended early. The mounts can be put back all the same.</p>`}
    ${!mounts?.undone && mounts?.changes?.length !== 0 && html`<${Undo} activity=${activity} />`}</section>`;
}

function Undo({ activity }) {
  const newest = store.activities[0];
  const path = `activities/${part(activity.id)}/undo`;
  const [answer, again] = useAnswer(() => get(path), [activity.id, newest?.id, newest?.state]);
  const [asked, ask] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const { value } = answer;
  const attempt = async (act) => {
    setBusy(true);
    try {
      await act();
    } catch (error) {
      notify(error.message, error.hint, "bad");
      ask(null);
      again();
    }
    setBusy(false);
  };
  const look = () => attempt(async () => ask(await get(path, { differences: "yes" })));
  const undo = () => attempt(async () => {
    await post(path);
    notify(`The mounts of ${value.container} are as they were before ${activity.description}`, null, "good");
    ask(null);
    again();
  });
  if (answer.state === "failed") return html`<p class="soft">${answer.error.message}</p>`;
  if (!value) return null;
  if (!value.can) return html`<p class="soft">It cannot be undone: <${Words} text=${value.why} isPart />. ${value.hint && html`<${Words} text=${value.hint} />.`}</p>`;
  if (asked?.can) {
    const { differences, later } = asked;
    return html`<div class="panel" role="group" aria-label="Undo mounts"><p><strong>Put the mounts of ${asked.container} back to what they held before this activity?</strong> <span class="soft">(<${Ago} at=${asked.taken_at} />)</span></p>
      ${differences && (differences.length ? html`<p>${plural(differences.length, "path")} ${differences.length === 1 ? "differs" : "differ"} from that now:</p><${Differences} all=${differences} />` : html`<p>They hold that already.</p>`)}
      ${!differences && html`<p class="soft">${asked.container} is not up, so what differs is not known. It is started for this.</p>`}
      ${later.length > 0 && html`<p class="warn-text">What ${later.length === 1 ? "this later activity" : `these ${later.length} later activities`} wrote is undone too: ${later.slice(0, 3).join("; ")}${later.length > 3 ? "; …" : ""}.</p>`}
      <p class="buttons"><button class="danger" disabled=${isBusy} onClick=${undo}>${isBusy ? "Undoing…" : "Undo"}</button><button disabled=${isBusy} onClick=${() => ask(null)}>Keep</button></p></div>`;
  }
  if (asked) return html`<div class="problem" role="alert"><${Hint} text=${[asked.why, asked.hint].filter(Boolean).join("\n\n")} /></div>`;
  return html`<p><button disabled=${isBusy} onClick=${look}>${isBusy ? "Comparing…" : "Undo mounts"}</button></p>`;
}
