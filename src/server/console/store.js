// What all pages show: the environment, its activities, who acts, and whether the server is there. The server tells by
// events that something happened, and is asked what there is now. What other processes do is in its answers only, so
// it is also asked every two seconds.

import { actAs, chosen, enter, get, part } from "./api.js";
import { useEffect, useState } from "./vendor/preact-htm.js";

const EVERY = 2000;
const WHO = "upsun-local.who";

export const store = {
  // loading, ready, locked (no cookie), gone (no answer)
  state: "loading",
  error: null,
  environment: null,
  activities: [],
  who: {},
  // The commits of source operations, as patches, by activity.
  patches: {},
  // Warnings that belong to no activity.
  notices: [],
  // Whether the stream of events is open.
  live: false,
};

const listeners = new Set();
let version = 0;

export function change(values) {
  Object.assign(store, values);
  version += 1;
  for (const listener of listeners) listener(version);
}

/** The store, for a component that is drawn again when it changes. */
export function useStore() {
  const [, draw] = useState(0);
  useEffect(() => {
    listeners.add(draw);
    return () => listeners.delete(draw);
  }, []);
  return store;
}

export function pretend(who) {
  try {
    localStorage.setItem(WHO, JSON.stringify(who));
  } catch {
    // A browser may keep nothing; then the choice holds for this page.
  }
  actAs(who);
  tags = {};
  change({ who });
  refresh();
}

let tags = {};
let asking = null;
let again = false;

/** Asks for what is not known yet. Calls while one is under way are one more call. */
export async function refresh() {
  if (asking) {
    again = true;
    return asking;
  }
  asking = ask();
  await asking;
  asking = null;
  if (again) {
    again = false;
    refresh();
  }
}

async function ask() {
  try {
    const now = await get("now", tags);
    const values = { state: "ready", error: null };
    for (const name of ["environment", "activities"]) {
      if (!now[name]) continue;
      tags[name] = now[name].tag;
      values[name] = now[name].content;
    }
    const changed = Object.keys(values).length > 2;
    if (changed || store.state !== "ready" || store.error) change(values);
  } catch (error) {
    const state = error.status === 401 ? "locked" : error.status ? "ready" : "gone";
    if (state !== store.state || error.message !== store.error?.message) change({ state, error });
  }
}

let soon = null;

function refreshSoon() {
  soon ??= setTimeout(() => {
    soon = null;
    refresh();
  }, 80);
}

// A browser opens the stream again by itself, and says which event was the last one.
function listen() {
  const events = new EventSource(`/console/events?output=no${chosen() ? `&project=${part(chosen())}` : ""}`);
  events.addEventListener("open", () => {
    change({ live: true });
    refresh();
  });
  events.addEventListener("error", () => {
    if (store.live) change({ live: false });
    refreshSoon();
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 1500);
  });
  events.addEventListener("message", (event) => {
    const what = JSON.parse(event.data);
    if (what.type === "patch") keepPatch(what);
    if (what.type === "warning" && !what.activity) notify(what.message, what.hint);
    refreshSoon();
  });
  events.addEventListener("reset", refreshSoon);
}

function keepPatch({ activity, patch }) {
  const before = Object.entries(store.patches).slice(-7);
  change({ patches: { ...Object.fromEntries(before), [activity]: patch } });
}

export function notify(message, hint, kind = "warning") {
  const notice = { id: Math.random(), message, hint, kind };
  change({ notices: [...store.notices.slice(-3), notice] });
  // What went well needs no answer.
  if (kind === "good") setTimeout(() => dismiss(notice.id), 6000);
}

export function dismiss(id) {
  change({ notices: store.notices.filter((notice) => notice.id !== id) });
}

export async function start() {
  // The key stands behind `#`, which a browser sends nowhere. It goes out of the address bar and the history at once.
  const token = location.hash.slice(1);
  if (token && !token.startsWith("/")) {
    history.replaceState(null, "", "/#/operations");
    await enter(token).catch((error) => change({ state: "locked", error }));
  }
  try {
    store.who = JSON.parse(localStorage.getItem(WHO)) ?? {};
  } catch {
    store.who = {};
  }
  actAs(store.who);
  await refresh();
  listen();
  const tick = async () => {
    if (!document.hidden) await refresh();
    setTimeout(tick, EVERY);
  };
  setTimeout(tick, EVERY);
  document.addEventListener("visibilitychange", () => document.hidden || refresh());
}

/** Lets the page in again with a key. */
export async function unlock(token) {
  await enter(token.replace(/^.*#/, "").trim());
  change({ state: "loading", error: null });
  await refresh();
}
