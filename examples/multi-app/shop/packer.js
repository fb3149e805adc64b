// The worker: packs all open orders, again and again, or only once.
import { all, save } from "./orders.js";
import { setTimeout } from "node:timers/promises";

const once = process.argv.includes("--once");
do {
  // On its own it is slow, so that there is a reason for the operation.
  if (!once) await setTimeout(10 * 60 * 1000);
  for (const order of all().filter((order) => !order.packed)) {
    save({ ...order, packed: true });
    console.log(`packed ${order.number}: ${order.what}`);
  }
} while (!once);
