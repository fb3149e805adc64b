import "./style.css";

export const metadata = {
  title: "Notice board",
  description: "Static pages that a runtime operation builds again",
};

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
