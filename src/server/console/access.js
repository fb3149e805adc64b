import { Empty } from "./parts.js";
import { html } from "./vendor/preact-htm.js";

export function Access() {
  return html`<h1>Access</h1><${Empty} title="Not here yet">…<//>`;
}
