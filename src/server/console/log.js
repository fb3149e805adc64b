// A log that may be long and fast. All lines up to a limit are kept as text; only those that are on the screen are in
// the page. What arrives is taken in once a frame, for a few milliseconds at most, and the rest waits for the next one.

import { answered } from "./api.js";
import { PLAIN, overwritten, pieces, stripped, styleAfter } from "./ansi.js";
import { Icon } from "./parts.js";
import { html, useEffect, useRef, useState } from "./vendor/preact-htm.js";

const HEIGHT = 19;
const KEPT = 100_000;
const DROPPED_AT_ONCE = 10_000;
const LONGEST = 2_000;
const BUDGET = 6;
const TAIL = 4_000_000;
/** How many characters may wait before the reader of the stream waits too. */
const WAITING = 2_000_000;

const count = (number, what) => `${number.toLocaleString("en")} ${what}${number === 1 ? "" : "s"}`;

class Lines {
  constructor(screen, tell) {
    this.screen = screen;
    this.tell = tell;
    this.sizer = screen.querySelector(".log-sizer");
    this.rows = screen.querySelector(".log-rows");
    this.clear();
    this.follows = true;
    this.onScroll = () => {
      const below = screen.scrollHeight - screen.scrollTop - screen.clientHeight;
      // A page that grows scrolls by itself: only what goes up stops following.
      if (screen.scrollTop < this.top && below > HEIGHT * 2) this.follow(false);
      else if (below < HEIGHT) this.follow(true);
      this.top = screen.scrollTop;
      this.draw();
    };
    screen.addEventListener("scroll", this.onScroll, { passive: true });
    this.observer = new ResizeObserver(() => this.draw());
    this.observer.observe(screen);
  }

  end() {
    this.screen.removeEventListener("scroll", this.onScroll);
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
  }

  clear() {
    this.queue = [];
    this.waiting = 0;
    this.lines = [];
    this.styles = [];
    this.style = PLAIN;
    this.last = "";
    this.dropped = 0;
    this.skipped = 0;
    this.hits = [];
    this.hit = -1;
    this.query = "";
    this.top = 0;
    this.frame = 0;
    this.received = 0;
  }

  push(text) {
    this.queue.push(text);
    this.waiting += text.length;
    this.frame ||= requestAnimationFrame(() => this.take());
  }

  /** Resolves once there is room. */
  async room() {
    while (this.waiting > WAITING) await new Promise(requestAnimationFrame);
  }

  take() {
    this.frame = 0;
    const until = performance.now() + BUDGET;
    while (this.queue.length && performance.now() < until) {
      const text = this.queue[0];
      // Long pieces are taken in parts, so that a frame stays short.
      const piece = text.length > 20_000 ? text.slice(0, 20_000) : text;
      if (piece.length < text.length) this.queue[0] = text.slice(piece.length);
      else this.queue.shift();
      this.waiting -= piece.length;
      const all = (this.last + piece).split("\n");
      this.last = all.pop();
      for (const line of all) this.add(line);
      // A line without an end is a progress bar, or grows without limit.
      if (this.last.length > 1_000_000) this.last = overwritten(this.last).slice(-LONGEST);
    }
    if (this.lines.length > KEPT) this.drop(this.lines.length - KEPT + DROPPED_AT_ONCE);
    if (this.queue.length) this.frame = requestAnimationFrame(() => this.take());
    this.draw();
    this.tell();
  }

  add(line) {
    const text = overwritten(line);
    this.styles.push(this.style);
    this.style = styleAfter(line, this.style);
    this.lines.push(text);
    if (this.query && this.fits(text)) this.hits.push(this.lines.length - 1);
  }

  drop(number) {
    this.lines.splice(0, number);
    this.styles.splice(0, number);
    this.dropped += number;
    this.hits = this.hits.map((at) => at - number).filter((at) => at >= 0);
    this.hit = Math.max(-1, this.hit - number);
    if (!this.follows) this.screen.scrollTop -= number * HEIGHT;
  }

  get length() {
    return this.lines.length + (this.last ? 1 : 0);
  }

  fits(line) {
    return stripped(line).toLowerCase().includes(this.query);
  }

  find(query) {
    this.query = query.toLowerCase();
    this.hits = [];
    this.hit = -1;
    if (this.query) this.lines.forEach((line, at) => this.fits(line) && this.hits.push(at));
    if (this.hits.length) this.go(1);
    this.draw();
    this.tell();
  }

  go(step) {
    if (!this.hits.length) return;
    const at = this.hits.indexOf(this.hit);
    const next = at < 0 ? (step > 0 ? 0 : this.hits.length - 1) : (at + step + this.hits.length) % this.hits.length;
    this.hit = this.hits[next];
    this.follow(false);
    this.screen.scrollTop = Math.max(0, this.hit * HEIGHT - this.screen.clientHeight / 2);
    this.draw();
    this.tell();
  }

  follow(follows) {
    if (this.follows === follows) return;
    this.follows = follows;
    this.draw();
    this.tell();
  }

  draw() {
    const { screen } = this;
    this.sizer.style.height = `${this.length * HEIGHT}px`;
    if (this.follows) {
      screen.scrollTop = screen.scrollHeight;
      this.top = screen.scrollTop;
    }
    const first = Math.max(0, Math.floor(screen.scrollTop / HEIGHT) - 4);
    const shown = Math.ceil(screen.clientHeight / HEIGHT) + 8;
    const rows = [];
    for (let at = first; at < Math.min(first + shown, this.length); at += 1) rows.push(this.row(at));
    this.rows.style.transform = `translateY(${first * HEIGHT}px)`;
    this.rows.replaceChildren(...rows);
  }

  row(at) {
    const isLast = at === this.lines.length;
    const whole = isLast ? overwritten(this.last) : this.lines[at];
    const line = whole.length > LONGEST ? whole.slice(0, LONGEST) : whole;
    const row = document.createElement("div");
    row.className = at === this.hit ? "line hit now" : this.query && this.fits(whole) ? "line hit" : "line";
    for (const [text, names] of pieces(line, isLast ? this.style : this.styles[at]).pieces) {
      if (names) {
        const span = document.createElement("span");
        span.className = names;
        span.textContent = text;
        row.append(span);
      } else row.append(text);
    }
    if (line.length < whole.length) {
      const rest = document.createElement("span");
      rest.className = "dim";
      rest.textContent = ` … ${count(whole.length - line.length, "character")} left out here`;
      row.append(rest);
    }
    return row;
  }

  text() {
    return [...this.lines, this.last].map(stripped).join("\n");
  }
}

/** Reads a log into `lines` up to its end; after a lost connection it goes on where it was, to the byte. */
async function read(source, restarts, lines, signal, tell) {
  const decoder = new TextDecoder();
  let at = null;
  for (let wait = 300; ; wait = Math.min(wait * 2, 4000)) {
    try {
      const response = await answered(await fetch(source(at, TAIL), { signal }));
      tell({ state: "open" });
      if (at === null) {
        if (restarts) lines.clear();
        at = Number(response.headers.get("x-log-begins") ?? 0);
        lines.skipped = at;
      }
      wait = 300;
      const reader = response.body.getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        at += value.length;
        lines.received += value.length;
        lines.push(decoder.decode(value, { stream: true }));
        await lines.room();
      }
      tell({ state: "done" });
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (error.status && error.status < 500) {
        tell({ state: "failed", error });
        return;
      }
      tell({ state: "lost", error });
      if (restarts) at = null;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/**
 * A log. `source(from, tail)` is the address of its bytes. `name` says what it is. Another `key` is another log. With
 * `restarts`, the address knows no `from`: after a lost connection the log begins anew.
 */
export function Log({ source, restarts, name, empty = "No output yet.", tall = false }) {
  const screen = useRef(null);
  const lines = useRef(null);
  const [, draw] = useState(0);
  const [reading, tell] = useState({ state: "open" });
  useEffect(() => {
    const stop = new AbortController();
    lines.current = new Lines(screen.current, () => draw((number) => number + 1));
    if (globalThis.consoleLogs) globalThis.consoleLogs.push(lines.current);
    read(source, restarts, lines.current, stop.signal, (now) => stop.signal.aborted || tell(now));
    return () => {
      stop.abort();
      lines.current.end();
    };
  }, []);
  const it = lines.current;
  const hits = it?.query ? it.hits.length : 0;
  const onKey = (event) => {
    if (event.key === "Enter") it.go(event.shiftKey ? -1 : 1);
    if (event.key === "Escape") event.target.blur();
  };
  const copy = () => navigator.clipboard?.writeText(it.text());
  const left = [];
  if (it?.skipped) left.push(`the first ${Math.ceil(it.skipped / 1e6)} MB are left out here`);
  if (it?.dropped) left.push(`${count(it.dropped, "earlier line")} left out here`);
  return html`<section class="log ${tall ? "tall" : ""}" aria-label=${name}>
    <div class="log-bar">
      <label class="search"><${Icon} name="search" /><span class="hidden">Search in ${name}</span>
        <input type="search" placeholder="Search" data-search onInput=${(event) => it.find(event.target.value)} onKeyDown=${onKey} /></label>
      ${it?.query && html`<span class="soft" role="status">${it.hits.indexOf(it.hit) + 1} of ${hits}</span>
        <button class="plain" onClick=${() => it.go(-1)} aria-label="Previous match">↑</button>
        <button class="plain" onClick=${() => it.go(1)} aria-label="Next match">↓</button>`}
      <span class="grow"></span>
      ${reading.state === "lost" && html`<span class="badge bad" role="status">connection lost, trying again</span>`}
      <span class="soft wide-only">${count(it?.length ?? 0, "line")}</span>
      <button class="plain" aria-pressed=${it?.follows ?? true} onClick=${() => it.follow(!it.follows)}>Follow</button>
      <button class="plain" onClick=${copy}>Copy</button>
      <a class="plain" href=${source(0)} download="${name}.txt">Download</a>
    </div>
    ${left.length > 0 && html`<p class="left-out">${left.join("; ")}: Download has everything.</p>`}
    ${reading.state === "failed" && html`<p class="left-out bad" role="alert">${reading.error.message}</p>`}
    <div class="log-screen" ref=${screen} tabindex="0" role="region" aria-label="Output: ${name}">
      <div class="log-sizer"></div><div class="log-rows"></div>
      ${it && !it.length && html`<p class="log-empty">${reading.state === "done" ? "There was no output." : empty}</p>`}
    </div>
  </section>`;
}
