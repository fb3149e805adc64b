// What a euro is in another currency: `--variable env:RATE=SEK=11.2`.
import { RATES, connect } from "./queue.js";

const [currency, rate] = (process.env.RATE ?? "").split("=");
if (!currency || !(Number(rate) > 0)) {
  console.error("RATE is missing, such as SEK=11.2");
  process.exit(1);
}
const queue = await connect();
await queue.hSet(RATES, currency, rate);
console.log(`one euro is ${rate} ${currency}`);
await queue.close();
