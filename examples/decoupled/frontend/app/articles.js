/** All articles, from the backend behind the relationship `api`: Upsun tells where that is. */
export async function readArticles() {
  const response = await fetch(`http://${process.env.API_HOST}/articles`, { cache: "no-store" });
  if (!response.ok) {
    throw new Error(`the backend answered with ${response.status}`);
  }
  return (await response.json()).articles;
}
