// The operation `order`: adds what the variable WHAT says.
import { add } from "./orders.js";

const order = add(process.env.WHAT ?? "a surprise");
console.log(`order ${order.number}: ${order.what}`);
