// The operation `report` of the office: how business is.
import { readdirSync, readFileSync } from "node:fs";

const orders = readdirSync("from-shop")
  .filter((name) => name.endsWith(".json"))
  .map((name) => JSON.parse(readFileSync(`from-shop/${name}`, "utf8")));
const packed = orders.filter((order) => order.packed).length;
console.log(`${orders.length} orders, ${packed} of them packed`);
