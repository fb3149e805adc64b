import { Empty } from "./parts.js";
import { html } from "./vendor/preact-htm.js";

export function Crons() {
  return html`<h1>Crons</h1><${Empty} title="Not here yet">…<//>`;
}
