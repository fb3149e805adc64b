import { readArticles } from "./articles";

// The page is made once, by `next build`; serving it asks no backend.
export const dynamic = "force-static";

export default async function Page() {
  const articles = await readArticles();
  return (
    <main>
      <h1>Magazine</h1>
      {articles.map((article) => (
        <article key={article.title}>
          <h2>{article.title}</h2>
          <p>{article.text}</p>
        </article>
      ))}
      <footer>{`Made from ${articles.length} articles`}</footer>
    </main>
  );
}
