// Shows the invoices that there are.
import { readFile, readdir } from "node:fs/promises";
import { createServer } from "node:http";

createServer(async (request, response) => {
  const names = (await readdir("invoices")).sort((a, b) => parseInt(a, 10) - parseInt(b, 10));
  const lines = names.map(async (name) => `${parseInt(name, 10)}: ${await readFile(`invoices/${name}`, "utf8")}`);
  response.end((await Promise.all(lines)).join(""));
}).listen(process.env.PORT);
