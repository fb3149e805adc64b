import { Empty } from "./parts.js";
import { html } from "./vendor/preact-htm.js";

export function Logs() {
  return html`<h1>Logs</h1><${Empty} title="Not here yet">…<//>`;
}
