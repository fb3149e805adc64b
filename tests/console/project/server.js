const http = require("node:http");

if (process.argv[2] === "worker") {
  console.log("the mailer waits for work");
  setInterval(() => {}, 60_000);
} else {
  console.log("the shop is open");
  http.createServer((_, response) => response.end("a shop\n")).listen(process.env.PORT);
}
