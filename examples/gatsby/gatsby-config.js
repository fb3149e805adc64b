module.exports = {
  siteMetadata: { title: "Field guide" },
};
