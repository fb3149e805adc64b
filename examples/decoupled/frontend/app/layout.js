import "./style.css";

export const metadata = {
  title: "Magazine",
  description: "Static pages whose articles come from a backend of the same environment",
};

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
