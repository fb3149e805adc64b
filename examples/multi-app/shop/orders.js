// The orders: one JSON file each, on the storage mount.
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";

const folder = "orders";

export function all() {
  return readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => JSON.parse(readFileSync(`${folder}/${name}`, "utf8")));
}

// Written beside its place and renamed, so that nobody reads half an order.
export function save(order) {
  const path = `${folder}/${String(order.number).padStart(5, "0")}.json`;
  writeFileSync(`${path}.new`, JSON.stringify(order));
  renameSync(`${path}.new`, path);
}

export function add(what) {
  const number = Math.max(0, ...all().map((order) => order.number)) + 1;
  const order = { number, what, packed: false };
  save(order);
  return order;
}
