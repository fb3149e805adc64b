import { Empty } from "./parts.js";
import { html } from "./vendor/preact-htm.js";

export function Configuration() {
  return html`<h1>Configuration</h1><${Empty} title="Not here yet">…<//>`;
}
