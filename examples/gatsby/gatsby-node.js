const { readFile } = require("node:fs/promises");
const path = require("node:path");

/** The birds: from the backend that CONTENT_URL names, or the list that comes with the site. */
async function readBirds(reporter) {
  const url = process.env.CONTENT_URL;
  if (!url) {
    return JSON.parse(await readFile(path.join(__dirname, "content", "birds.json"), "utf8"));
  }
  const response = await fetch(url);
  if (!response.ok) {
    reporter.panic(`the content at ${url} cannot be read: HTTP ${response.status}`);
  }
  return response.json();
}

exports.sourceNodes = async ({ actions, createNodeId, createContentDigest, reporter }) => {
  const birds = await readBirds(reporter);
  for (const bird of birds) {
    actions.createNode({
      ...bird,
      id: createNodeId(`bird ${bird.id}`),
      slug: bird.id,
      internal: { type: "Bird", contentDigest: createContentDigest(bird) },
    });
  }
  reporter.info(`${birds.length} birds`);
};

exports.createPages = async ({ actions, graphql, reporter }) => {
  const { data, errors } = await graphql("{ allBird { nodes { slug } } }");
  if (errors) {
    reporter.panic("the birds cannot be read", errors);
  }
  for (const { slug } of data.allBird.nodes) {
    actions.createPage({
      path: `/${slug}/`,
      component: path.join(__dirname, "src", "templates", "bird.js"),
      context: { slug },
    });
  }
};
