// The worker. Upsun starts it again whenever it ends.
import { writeFile } from "node:fs/promises";
import { DONE, FAILED, IN_WORK, RATES, WAITING, connect } from "./queue.js";

const queue = await connect();
let stopping = false;
process.on("SIGTERM", () => {
  stopping = true;
});
// What the one before us was at when it ended.
while (await queue.lMove(IN_WORK, WAITING, "LEFT", "RIGHT"));
console.log("waiting for orders");
while (!stopping) {
  const text = await queue.blMove(WAITING, IN_WORK, "RIGHT", "LEFT", 1);
  if (!text) continue;
  const order = JSON.parse(text);
  const rate = order.currency === "EUR" ? 1 : await queue.hGet(RATES, order.currency);
  if (rate) {
    await writeFile(`invoices/${order.id}.txt`, `${(order.euros * rate).toFixed(2)} ${order.currency}\n`);
    await queue.multi().lRem(IN_WORK, 1, text).incr(DONE).exec();
    console.log(`invoice ${order.id} is written`);
  } else {
    await queue.multi().lRem(IN_WORK, 1, text).lPush(FAILED, text).exec();
    console.error(`invoice ${order.id}: no rate for ${order.currency}`);
  }
}
await queue.close();
