// The first page of the console: what the environment consists of, as text. Everything is put in as text content, never
// as HTML, because names and output come from the repository.

const state = document.getElementById("state");

async function call(path, options = {}) {
  const answer = await fetch(path, { credentials: "same-origin", ...options });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.message || `${answer.status} ${answer.statusText}`);
  }
  return answer.status === 204 ? null : answer.json();
}

// The key stands behind `#`, which a browser sends nowhere. It goes out of the address bar and the history at once.
async function enter() {
  const token = location.hash.slice(1);
  if (!token) return;
  history.replaceState(null, "", "/");
  await call("/console/session", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
  });
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function table(caption, columns, rows) {
  const made = document.createElement("table");
  made.append(element("caption", caption));
  const head = made.createTHead().insertRow();
  for (const column of columns) {
    const cell = element("th", column);
    cell.scope = "col";
    head.append(cell);
  }
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const value of row) line.insertCell().textContent = value ?? "";
  }
  return made;
}

function show(environment) {
  const main = document.getElementById("main");
  main.querySelectorAll("table").forEach((old) => old.remove());
  main.append(
    table("Apps", ["App", "Type"], environment.apps.map((app) => [app.name, app.type])),
    table("Operations", ["Where", "Operation", "Role"],
      environment.operations.map((it) => [it.service, it.name, it.role])),
    table("Routes", ["Address", "Leads to"],
      environment.routes.map((route) => [route.url, route.upstream ?? route.to])),
  );
  state.textContent = environment.problem
    ? `The configuration has errors; this is how it was before: ${environment.problem}`
    : `${environment.project}, environment ${environment.name} (${environment.type})`;
}

async function refresh() {
  show(await call("/console/api/environment"));
}

try {
  await enter();
  await refresh();
  const events = new EventSource("/console/events");
  events.addEventListener("message", (event) => {
    const what = JSON.parse(event.data);
    if (what.type.endsWith("_finished")) refresh();
  });
  events.addEventListener("reset", refresh);
} catch (error) {
  state.textContent = `The console cannot be shown: ${error.message}`;
}
