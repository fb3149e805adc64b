import { Empty } from "./parts.js";
import { html } from "./vendor/preact-htm.js";

export function Mounts() {
  return html`<h1>Mounts</h1><${Empty} title="Not here yet">…<//>`;
}
