// The operation `report` of the shop: what was ordered, and how much of it is packed.
const orders = require("./orders.js");

const all = orders.read();
for (const { item, packed } of all) {
  console.log(`${packed ? "packed " : "waiting"}  ${item}`);
}
console.log(`${all.length} orders, ${all.filter(({ packed }) => packed).length} packed`);
