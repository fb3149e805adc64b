// What all pages are made of.

import { now } from "./api.js";
import { html, useEffect, useState } from "./vendor/preact-htm.js";

const PATHS = {
  operations: "M4 3l9 5-9 5z",
  activities: "M2 8h3l2-5 3 10 2-5h2",
  environment: "M8 2v4M8 6H4v4M8 6h4v4M2 10h4v4H2zM10 10h4v4h-4z",
  access: "M5.5 8a2.5 2.5 0 1 1 0-5 2.5 2.5 0 0 1 0 5zM1.5 13.5c0-2.2 1.8-3.5 4-3.5s4 1.3 4 3.5M11 6l1.5 1.5L15 5",
  mounts: "M2 4c0-1.1 2.7-2 6-2s6 .9 6 2-2.700 2-6 2-6-.9-6-2zM2 4v8c0 1.100 2.700 2 6 2s6-.9 6-2V4M2 8c0 1.100 2.700 2 6 2s6-.9 6-2",
  configuration: "M3 2h7l3 3v9H3zM6 7h4M6 10h4",
  crons: "M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 5v3l2 2",
  logs: "M2 4h12M2 8h12M2 12h7",
  search: "M7 2.500a4.500 4.500 0 1 0 0 9 4.500 4.500 0 0 0 0-9zM10.500 10.500L14 14",
  back: "M10 3L5 8l5 5",
};

export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;

export const Empty = ({ title, children }) => html`<div class="empty"><h2>${title}</h2><div>${children}</div></div>`;

export const Loading = ({ what = "Loading" }) =>
  html`<div class="loading" role="status"><span class="spin" aria-hidden="true"></span>${what}…</div>`;

export const Problem = ({ error, again, children }) => html`<div class="problem" role="alert">
  <p><strong>${error.message}</strong></p>
  ${error.hint && html`<${Hint} text=${error.hint} />`}${children}
  ${again && html`<button onClick=${again}>Try again</button>`}
</div>`;

/** Text with names in backticks, as messages have it. It begins a sentence, unless it is a part of one. */
export function Words({ text, isPart }) {
  const words = String(text ?? "");
  const parts = (isPart ? words : words.replace(/^[a-z]/, (first) => first.toUpperCase())).split("`");
  return parts.map((part, at) => (at % 2 ? html`<code>${part}</code>` : part));
}

/** A hint: paragraphs, and code in lines that begin with four spaces. */
export function Hint({ text }) {
  return html`<div class="hint">${text.split("\n\n").map((paragraph) => {
    if (!paragraph.split("\n").every((line) => line.startsWith("    "))) return html`<p><${Words} text=${paragraph} /></p>`;
    const code = paragraph.replace(/^ {4}/gm, "");
    return html`<${Code} text=${code} />`;
  })}</div>`;
}

export function Code({ text, label = "Code" }) {
  const [copied, set] = useState(false);
  const copy = () => {
    navigator.clipboard?.writeText(text).then(() => {
      set(true);
      setTimeout(() => set(false), 1500);
    });
  };
  return html`<div class="code"><pre tabindex="0" role="region" aria-label=${label}>${text}</pre>
    <button class="plain" onClick=${copy}>${copied ? "Copied" : "Copy"}</button></div>`;
}

export const Role = ({ role }) => html`<span class="badge role">${role}</span>`;

export const isOpen = (activity) => activity.state === "pending" || activity.state === "in_progress";

const OUTCOMES = {
  pending: ["waiting", "busy"],
  in_progress: ["running", "busy"],
  cancelled: ["cancelled", "warn"],
  success: ["success", "good"],
  failure: ["failed", "bad"],
};

export const outcome = (activity) => (activity.state === "complete" ? activity.result : activity.state);

export function Outcome({ activity }) {
  const [word, kind] = OUTCOMES[outcome(activity)] ?? [activity.state, ""];
  return html`<span class="badge ${kind}"><i aria-hidden="true"></i>${word}</span>`;
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined || Number.isNaN(seconds)) return "";
  if (seconds < 0.0995) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

const since = (text) => Math.max(0, (now() - Date.parse(text)) / 1000);

/** How long ago, with the time itself as its title. */
export function Ago({ at }) {
  const [, draw] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => draw((number) => number + 1), 20_000);
    return () => clearInterval(timer);
  }, []);
  const seconds = since(at);
  const words =
    seconds < 45 ? "just now"
    : seconds < 3600 ? `${Math.round(seconds / 60)} min ago`
    : seconds < 86_400 ? `${Math.round(seconds / 3600)} h ago`
    : new Date(at).toLocaleDateString("en", { day: "numeric", month: "short" });
  return html`<time dateTime=${at} title=${new Date(at).toLocaleString("en")}>${words}</time>`;
}

/** The seconds that an activity has taken up to now. */
export function Elapsed({ activity }) {
  const [, draw] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => draw((number) => number + 1), 100);
    return () => clearInterval(timer);
  }, [activity.id]);
  return html`<span class="number">${since(activity.created_at).toFixed(1)} s</span>`;
}

export function total(activity) {
  if (!activity.completed_at) return null;
  return (Date.parse(activity.completed_at) - Date.parse(activity.created_at)) / 1000;
}

export function bytes(number) {
  if (number < 1000) return `${number} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let at = -1;
  let value = number;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[at]}`;
}

/** What a call answers, and how to ask again. `ask` is called again when one of `inputs` is another. */
export function useAnswer(ask, inputs) {
  const [answer, set] = useState({ state: "loading" });
  const [round, again] = useState(0);
  useEffect(() => {
    let stale = false;
    set((before) => ({ ...before, state: before.value ? "again" : "loading" }));
    ask().then(
      (value) => stale || set({ state: "ready", value }),
      (error) => stale || set((before) => ({ state: "failed", error, value: before.value })),
    );
    return () => {
      stale = true;
    };
  }, [...inputs, round]);
  return [answer, () => again((number) => number + 1)];
}

/** A list and what is chosen of it, side by side where there is room. */
export const Split = ({ list, children, chosen, back, title }) => html`<div class="split ${chosen ? "has-choice" : ""}">
  <div class="split-list">${list}</div><div class="split-detail"><h1 class="back narrow-only"><a href=${back}>‹ ${title}</a></h1>${children}</div>
</div>`;

export const Search = ({ label, value, onInput }) => html`<label class="search">
  <${Icon} name="search" /><span class="hidden">${label}</span>
  <input type="search" placeholder=${label} value=${value} data-search onInput=${(event) => onInput(event.target.value)}
    onKeyDown=${(event) => event.key === "Escape" && event.target.blur()} /></label>`;
