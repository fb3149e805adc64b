import { readNotices } from "./notices";

// The page is made once, by `next build`; serving it reads no notice.
export const dynamic = "force-static";

export default async function Page() {
  const notices = await readNotices();
  const builtAt = new Date().toISOString().slice(0, 19).replace("T", " ");
  return (
    <main>
      <h1>Notice board</h1>
      {notices.map((notice) => (
        <article key={notice.name}>
          <h2>{notice.title}</h2>
          <p>{notice.text}</p>
        </article>
      ))}
      {notices.length === 0 && (
        <p>
          There are no notices yet. Put a text file on the mount <code>/notices</code>, and the operation <code>next-build</code> brings it here.
        </p>
      )}
      <footer>
        {`Built ${builtAt} UTC from ${notices.length} notices with Node.js ${process.versions.node}`}
      </footer>
    </main>
  );
}
