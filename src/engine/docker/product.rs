//! Which product answers at Docker's API. Podman's answers look like Docker's, but some of its containers would differ.

use super::DockerEngine;
use super::error::number;
use crate::engine::{Error, Result};

/// A product that speaks Docker's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Product {
    /// Docker, and everything that is not known to differ from it.
    Docker,
    Podman {
        /// The major and the minor version.
        version: (usize, usize),
    },
}

impl Product {
    /// The product behind the header `Server` of an answer: `Docker/20.10.24 (linux)`, `Libpod/4.3.1 (linux)`.
    pub(super) fn of_server(header: &str) -> Product {
        match header.strip_prefix("Libpod/") {
            Some(version) => Product::podman(version),
            None => Product::Docker,
        }
    }

    fn podman(version: &str) -> Product {
        Product::Podman {
            version: number(version).unwrap_or_default(),
        }
    }

    pub(super) fn is_podman(self) -> bool {
        matches!(self, Product::Podman { .. })
    }
}

impl DockerEngine {
    /// The product that answers. The engine is asked only if its answers so far did not say it.
    pub(super) async fn product(&self) -> Result<Product> {
        let ask = || async {
            let version = self.docker.version().await?;
            let mut components = version.components.into_iter().flatten();
            let podman = components.find(|component| component.name.starts_with("Podman"));
            Ok(podman.map_or(Product::Docker, |found| Product::podman(&found.version)))
        };
        self.product.get_or_try_init(ask).await.copied()
    }

    /// An error whose hint names the command of the product.
    pub(super) fn in_its_words(&self, mut err: Error) -> Error {
        if let Error::Unusable { hint, .. }
        | Error::ImageNotFound { hint, .. }
        | Error::DiskFull { hint, .. } = &mut err
        {
            *hint = hint.take().map(|hint| self.its_command(hint));
        }
        err
    }

    /// A hint in which the command of Docker is that of the product. Podman's command has the same subcommands.
    pub(super) fn its_command(&self, hint: String) -> String {
        match self.product.get() {
            Some(Product::Podman { .. }) => hint.replace("`docker ", "`podman "),
            _ => hint,
        }
    }

    pub(super) async fn is_podman(&self) -> Result<bool> {
        Ok(self.product().await?.is_podman())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_known_by_the_first_header_it_sends() {
        assert_eq!(
            Product::of_server("Docker/20.10.24 (linux)"),
            Product::Docker
        );
        assert_eq!(
            Product::of_server("Libpod/4.3.1 (linux)"),
            Product::Podman { version: (4, 3) }
        );
        assert_eq!(
            Product::of_server("Libpod/next"),
            Product::Podman { version: (0, 0) }
        );
    }
}
