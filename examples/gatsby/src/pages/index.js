import React from "react";
import { Link, graphql } from "gatsby";

export default function Index({ data }) {
  return (
    <main>
      <h1>{data.site.siteMetadata.title}</h1>
      <ul>
        {data.allBird.nodes.map(({ slug, name, latin }) => (
          <li key={slug}>
            <Link to={`/${slug}/`}>{name}</Link> (<i>{latin}</i>)
          </li>
        ))}
      </ul>
    </main>
  );
}

export function Head({ data }) {
  return <title>{data.site.siteMetadata.title}</title>;
}

export const query = graphql`
  {
    site {
      siteMetadata {
        title
      }
    }
    allBird(sort: { name: ASC }) {
      nodes {
        slug
        name
        latin
      }
    }
  }
`;
