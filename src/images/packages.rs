//! What `stack.packages` of a composable image stands for outside Nix.
//!
//! Only an approximation can be had here: Debian's package of the same kind, or npm's or pip's. Whether there
//! is one turns out while the image is built.

/// Nix packages that Debian, npm or pip know by another name, with the ways to get them in turn.
const OTHER_NAMES: [(&str, &str); 34] = [
    ("bat", "deb:bat"),
    ("composer", "have:composer deb:composer"),
    ("exiftool", "deb:libimage-exiftool-perl"),
    ("fd", "deb:fd-find"),
    ("gnumake", "deb:make"),
    ("httpie", "deb:httpie pip:httpie"),
    ("iproute2", "deb:iproute2"),
    ("jdk", "deb:default-jdk-headless"),
    ("jre", "deb:default-jre-headless"),
    ("libwebp", "deb:webp"),
    ("mariadb", "deb:mariadb-client"),
    ("mysql", "deb:default-mysql-client"),
    ("mysql80", "deb:default-mysql-client"),
    ("nettools", "deb:net-tools"),
    ("nodejs", "have:node deb:nodejs"),
    ("openssh", "deb:openssh-client"),
    ("pipenv", "pip:pipenv deb:pipenv"),
    ("pkg-config", "deb:pkg-config"),
    ("pnpm", "npm:pnpm"),
    ("poetry", "pip:poetry deb:python3-poetry"),
    ("poppler_utils", "deb:poppler-utils"),
    ("poppler-utils", "deb:poppler-utils"),
    ("postgresql", "deb:postgresql-client"),
    ("python3", "have:python3 deb:python3"),
    ("redis", "deb:redis-tools"),
    ("sqlite", "deb:sqlite3"),
    ("sqlite-interactive", "deb:sqlite3"),
    ("tesseract", "deb:tesseract-ocr"),
    ("typescript", "npm:typescript"),
    ("uv", "pip:uv"),
    ("valkey", "deb:valkey-tools deb:redis-tools"),
    ("vips", "deb:libvips-tools"),
    ("yarn", "have:yarn npm:yarn deb:yarnpkg"),
    ("yarn-berry", "npm:@yarnpkg/cli-dist"),
];

/// How the setup script may get a package: ways separated by spaces, tried in turn. `None` for a name that
/// cannot be a package's.
pub(super) fn ways(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+-@/".contains(c);
    if name.is_empty() || name.starts_with('-') || !name.chars().all(plain) {
        return None;
    }
    if let Some((_, ways)) = OTHER_NAMES.iter().find(|(nix, _)| *nix == name) {
        return Some((*ways).to_owned());
    }
    Some(match name.split_once('.') {
        // `python313Packages.yq`, `nodePackages.gulp`: sets of packages of one language.
        Some((set, package)) if set.starts_with("python") => {
            format!("pip:{package} deb:python3-{package}")
        }
        Some((set, package)) if set.starts_with("node") => format!("npm:{package}"),
        // Other sets (`php84Extensions.…`) are parts of a runtime; no package is called so.
        Some(_) => "none".to_owned(),
        None => format!("deb:{name}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_is_looked_for_under_its_own_name() {
        assert_eq!(ways("imagemagick").as_deref(), Some("deb:imagemagick"));
        assert_eq!(ways("ffmpeg").as_deref(), Some("deb:ffmpeg"));
    }

    #[test]
    fn some_have_another_name() {
        assert_eq!(ways("sqlite").as_deref(), Some("deb:sqlite3"));
        assert_eq!(
            ways("yarn").as_deref(),
            Some("have:yarn npm:yarn deb:yarnpkg")
        );
    }

    #[test]
    fn sets_of_a_language_are_its_own_packages() {
        assert_eq!(
            ways("python313Packages.yq").as_deref(),
            Some("pip:yq deb:python3-yq")
        );
        assert_eq!(ways("nodePackages.gulp").as_deref(), Some("npm:gulp"));
        assert_eq!(ways("php84Extensions.gd").as_deref(), Some("none"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", "-y", "a b", "a;b", "$(x)", "a\tb"] {
            assert_eq!(ways(name), None, "{name:?}");
        }
    }
}
