import React from "react";
import { Link, graphql } from "gatsby";

export default function Bird({ data: { bird } }) {
  return (
    <main>
      <h1>{bird.name}</h1>
      <p>
        <i>{bird.latin}</i>
      </p>
      <p>{bird.text}</p>
      <Link to="/">All birds</Link>
    </main>
  );
}

export function Head({ data: { bird } }) {
  return <title>{bird.name}</title>;
}

export const query = graphql`
  query ($slug: String!) {
    bird(slug: { eq: $slug }) {
      name
      latin
      text
    }
  }
`;
