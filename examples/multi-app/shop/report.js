// The operation `report` of the shop: what there is to pack.
import { all } from "./orders.js";

const open = all().filter((order) => !order.packed);
console.log(`${open.length} to pack`);
for (const order of open) console.log(`  ${order.number}  ${order.what}`);
