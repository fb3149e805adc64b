const { mkdirSync, writeFileSync } = require("node:fs");

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const work = {
  async reindex() {
    console.log("\u001b[1mIndexing 40 products\u001b[0m <script>alert(1)</script>");
    for (let number = 1; number <= 40; number += 1) {
      console.log(`\u001b[32m✓\u001b[0m product ${String(number).padStart(2, "0")} \u001b[2m(${number * 3} ms)\u001b[0m`);
      await pause(40);
    }
    console.log("\u001b[33m2 warnings\u001b[0m, \u001b[38;5;33m40 indexed\u001b[0m");
  },
  async import() {
    mkdirSync("var/uploads/pictures", { recursive: true });
    for (const name of ["apple", "pear", "plum"]) writeFileSync(`var/uploads/pictures/${name}.svg`, name.repeat(4000));
    writeFileSync("var/uploads/index.json", '{"pictures": 3}\n');
    console.log("3 pictures imported");
  },
  // Ten seconds with 10,000 lines each.
  async flood() {
    let line = 0;
    for (let tick = 0; tick < 100; tick += 1) {
      let text = "";
      for (let number = 0; number < 1000; number += 1) text += `\u001b[36mline\u001b[0m ${(line += 1)} of the flood, as long as lines of a build are\n`;
      process.stdout.write(text);
      await pause(100);
    }
  },
};

work[process.argv[2]]();
