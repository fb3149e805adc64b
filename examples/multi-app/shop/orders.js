// Orders are JSON files on the mount `/orders`. The worker and the office read and write the same files.
const fs = require("node:fs");
const path = require("node:path");

const directory = path.join(__dirname, "orders");

/** All orders, oldest first. */
exports.read = () =>
  fs
    .readdirSync(directory)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => JSON.parse(fs.readFileSync(path.join(directory, name), "utf8")));

/** Writes an order whole or not at all: others read at any moment. */
exports.write = (order) => {
  const file = path.join(directory, `${order.id}.json`);
  fs.writeFileSync(`${file}.new`, JSON.stringify(order));
  fs.renameSync(`${file}.new`, file);
};
