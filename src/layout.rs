//! Where things are in an app's containers.

use crate::config::app::{App, Image};

/// The app's root in every container.
pub(crate) const APP_DIRECTORY: &str = "/app";
/// `PLATFORM_CACHE_DIR`: kept between builds. Upsun's docs place it below `/tmp`.
pub(crate) const CACHE_DIRECTORY: &str = "/tmp/cache";
/// The packages that builds downloaded, during builds only. No path of Upsun's.
pub(crate) const PACKAGES_DIRECTORY: &str = "/var/cache/upsun-local";
/// Where `dependencies` are installed, on Upsun and here.
pub(crate) const GLOBAL_DIRECTORY: &str = "/app/.global";
/// `PORT`, for an app whose `socket_family` is tcp.
pub const PORT: &str = "8888";
/// `SOCKET`, for an app whose `socket_family` is unix.
pub const SOCKET: &str = "/run/app.sock";
/// The user of every container.
pub const USER: &str = "web";

/// The `PATH` of an app's containers: the commands of `dependencies` first, then what the image has.
/// `base_path` is the image's `PATH`; empty for a usual one. Commands below `vendor/bin` and
/// `node_modules/.bin` are not on it, as on Upsun: a `.environment` file puts them there.
pub fn path(app: &App, base_path: &str) -> String {
    let usual = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let base_path = if base_path.is_empty() {
        usual
    } else {
        base_path
    };
    let mut parts = vec![format!("{GLOBAL_DIRECTORY}/bin")];
    if app.dependencies.contains_key("php") || runs(&app.image, "php") {
        parts.push(format!("{GLOBAL_DIRECTORY}/vendor/bin"));
    }
    if runs(&app.image, "golang") {
        parts.push(format!("{APP_DIRECTORY}/go/bin"));
    }
    if runs(&app.image, "rust") {
        parts.push(format!("{APP_DIRECTORY}/.cargo/bin"));
    }
    parts.push(base_path.to_owned());
    parts.join(":")
}

/// Whether a runtime of that name is in the image.
pub fn runs(image: &Image, name: &str) -> bool {
    match image {
        Image::Runtime(runtime) => runtime.name == name,
        Image::Composable { runtimes, .. } => {
            runtimes.iter().any(|entry| entry.runtime.name == name)
        }
    }
}
