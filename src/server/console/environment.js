import { Empty } from "./parts.js";
import { html } from "./vendor/preact-htm.js";

export function Environment() {
  return html`<h1>Environment</h1><${Empty} title="Not here yet">…<//>`;
}
