// Orders three teapots, each paid in another currency.
import { WAITING, connect } from "./queue.js";

const queue = await connect();
for (const currency of ["EUR", "SEK", "EUR"]) {
  const order = { id: await queue.incr("orders:last"), euros: 25, currency };
  await queue.lPush(WAITING, JSON.stringify(order));
  console.log(`order ${order.id} in ${currency}`);
}
await queue.close();
