import { readNotices } from "./notices";

// The page is made once, by `next build`; serving it reads no notice.
export const dynamic = "force-static";

export default async function Page() {
  const notices = await readNotices();
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
          There are no notices yet. Put a text file on the mount <code>/notices</code> and run the operation{" "}
          <code>next-build</code>: it shows up here without another deployment.
        </p>
      )}
      <footer>
        Built {new Date().toISOString().slice(0, 19).replace("T", " ")} UTC from {notices.length}{" "}
        {notices.length === 1 ? "notice" : "notices"} with Node.js {process.versions.node}
      </footer>
    </main>
  );
}
