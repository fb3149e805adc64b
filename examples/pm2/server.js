// Says hello, and which process says it.
const { createServer } = require("node:http");

const server = createServer((request, response) => response.end(`hello from process ${process.pid}\n`));
server.listen(process.env.PORT, () => console.log(`process ${process.pid} listens on port ${process.env.PORT}`));

// What `pm2 reload` waits for before it goes on with the next process.
process.on("SIGINT", () => server.close(() => process.exit(0)));
