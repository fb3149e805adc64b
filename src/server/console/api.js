// Calls of the server. Who acts goes with each call as a parameter.

let acting = {};

const PROJECT = "upsun-local.project";

/** The project that all calls are about, where the server has several. It is that of the browser's tab. */
let project = null;
try {
  project = sessionStorage.getItem(PROJECT);
} catch {
  // A browser may keep nothing; then it is the first one.
}

export const chosen = () => project;

/** Shows another project: everything of the page belongs to the one before. */
export function choose(id) {
  if (id === null) sessionStorage.removeItem(PROJECT);
  else sessionStorage.setItem(PROJECT, id);
  location.hash = "";
  location.reload();
}

/** `{ role }`, `{ user }`, or `{}` for what the settings say. */
export function actAs(who) {
  acting = who;
}

/** The path with who acts, and with these parameters. */
export function address(path, parameters = {}) {
  const all = new URLSearchParams();
  for (const [key, value] of Object.entries({ project, ...acting, ...parameters })) {
    if (value !== undefined && value !== null && value !== "") all.append(key, value);
  }
  const query = all.toString();
  return `/console/api/${path}${query ? `?${query}` : ""}`;
}

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.message || `the server answered ${status}`);
    this.status = status;
    this.hint = problem.detail?.hint;
  }
}

// The clock of the browser may be wrong: times are those of the server.
let ahead = 0;

export const now = () => Date.now() + ahead;

export async function answered(response) {
  const time = Date.parse(response.headers.get("date"));
  // The header has whole seconds.
  if (time && Math.abs(time - now()) > 1500) ahead = time - Date.now();
  if (response.ok) return response;
  throw new Refused(response.status, await response.json().catch(() => ({})));
}

export async function get(path, parameters) {
  const response = await answered(await fetch(address(path, parameters)));
  return response.json();
}

export async function post(path, body = {}, parameters = {}) {
  const response = await answered(
    await fetch(address(path, parameters), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    }),
  );
  return response.status === 204 ? null : response.json();
}

/** Exchanges the key for a cookie. */
export async function enter(token) {
  await answered(
    await fetch("/console/session", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ token }),
    }),
  );
}

export const part = encodeURIComponent;

/** The path of Upsun's API for the project at hand, which has an id of its own there. */
export const upsun = (environment, path) => `upsun/projects/${part(environment.id)}/${path}`;
