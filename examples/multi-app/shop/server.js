// GET / lists the orders, POST / adds one.
import { createServer } from "node:http";
import { add, all } from "./orders.js";

const port = process.env.PORT;

createServer((request, response) => {
  response.setHeader("content-type", "application/json");
  if (request.method !== "POST") return response.end(JSON.stringify(all()));
  let body = "";
  request.on("data", (piece) => (body += piece));
  request.on("end", () => response.end(JSON.stringify(add(body.trim() || "something"))));
}).listen(port, () => console.log(`the shop is open on port ${port}`));
