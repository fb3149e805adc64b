import { FAILED, WAITING, connect } from "./queue.js";

const queue = await connect();
let count = 0;
while (await queue.lMove(FAILED, WAITING, "RIGHT", "LEFT")) count += 1;
console.log(`${count} to do again`);
await queue.close();
