import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

// The mount `/notices`. On Upsun it could as well be a headless backend that is asked over HTTP.
const directory = join(process.cwd(), "notices");

/** All notices in the order of their file names: the first line of a file is the title, the rest the text. */
export async function readNotices() {
  const files = await readdir(directory).catch(() => []);
  const names = files.filter((name) => name.endsWith(".txt")).sort();
  return Promise.all(
    names.map(async (name) => {
      const [title, ...lines] = (await readFile(join(directory, name), "utf8")).split("\n");
      return { name, title, text: lines.join("\n").trim() };
    }),
  );
}
