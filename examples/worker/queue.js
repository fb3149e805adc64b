// The queue: lists in Redis, where an order is until somebody is done with it.
import { createClient } from "redis";

export const WAITING = "orders:waiting";
export const IN_WORK = "orders:in-work";
export const FAILED = "orders:failed";
export const DONE = "orders:done";
export const RATES = "rates";

export async function connect() {
  // Upsun sets these for the relationship `queue`.
  const { QUEUE_HOST: host, QUEUE_PORT: port } = process.env;
  if (!host) {
    console.error("there is no relationship `queue` here");
    process.exit(1);
  }
  const client = createClient({ socket: { host, port: Number(port) } });
  client.on("error", (error) => console.error(error.message));
  await client.connect();
  return client;
}
