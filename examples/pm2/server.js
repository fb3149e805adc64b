// Tells the time, and which process says so.
const http = require("node:http");

const startedAt = new Date();

const server = http.createServer((request, response) => {
  const answer = { time: new Date(), pid: process.pid, startedAt };
  response.setHeader("Content-Type", "application/json");
  response.setHeader("Connection", "close");
  response.end(`${JSON.stringify(answer)}\n`);
});

server.listen(process.env.PORT);

// pm2 sends SIGINT before it replaces a process: what is being answered is answered to its end.
process.on("SIGINT", () => {
  server.close(() => process.exit(0));
});
