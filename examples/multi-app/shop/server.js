// POST /?item=tea&price=4 orders something; GET / shows all orders.
const { randomUUID } = require("node:crypto");
const http = require("node:http");
const orders = require("./orders.js");

http
  .createServer((request, response) => {
    response.setHeader("Content-Type", "application/json");
    if (request.method === "POST") {
      const { searchParams } = new URL(request.url, "http://shop");
      const at = new Date().toISOString();
      const order = {
        id: `${at.replace(/\D/g, "")}-${randomUUID().slice(0, 8)}`,
        item: searchParams.get("item"),
        price: Number(searchParams.get("price")),
        packed: false,
      };
      if (!order.item || !(order.price > 0)) {
        response.statusCode = 400;
        response.end('{"error":"an item and a price, please"}\n');
        return;
      }
      orders.write(order);
      response.statusCode = 201;
      response.end(`${JSON.stringify(order)}\n`);
      return;
    }
    response.end(`${JSON.stringify(orders.read())}\n`);
  })
  .listen(process.env.PORT);
