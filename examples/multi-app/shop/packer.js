// The worker: once a second it packs what was ordered since, and notes it in its own log.
const fs = require("node:fs");
const path = require("node:path");
const orders = require("./orders.js");

const log = path.join(__dirname, "log", "packed.txt");
fs.appendFileSync(log, "");

setInterval(() => {
  for (const order of orders.read().filter(({ packed }) => !packed)) {
    orders.write({ ...order, packed: true });
    fs.appendFileSync(log, `${order.item}\n`);
    console.log(`packed ${order.item}`);
  }
}, 1000);

process.on("SIGTERM", () => process.exit(0));
