import { DONE, FAILED, IN_WORK, WAITING, connect } from "./queue.js";

const queue = await connect();
for (const [name, key] of Object.entries({ waiting: WAITING, "in work": IN_WORK, failed: FAILED })) {
  console.log(`${name}: ${await queue.lLen(key)}`);
}
console.log(`done: ${(await queue.get(DONE)) ?? 0}`);
await queue.close();
