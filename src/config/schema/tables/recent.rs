//! Keys that Upsun's API describes and that are not emulated yet: they are accepted in the shapes that it gives
//! them, so that a configuration which has them can be used here.
//!
//! Source: `Deployment` and `Task` in the OpenAPI description of Upsun's API. It describes what Upsun makes of a
//! configuration, with every default filled in, so that only what has no default is required here.

use super::super::{Key, Kind, Object};
use super::{APP_DOCS, BUILD_DOCS, NULLABLE_TEXT, PROFILE, TEXTS, key, object, required};

/// What a container may ask of Upsun's API.
pub(super) const AUTHORIZATIONS: Kind = Kind::List(&Kind::Object(&AUTHORIZATION));

/// What is looked at in an entry of `tasks`. The whole of it is a preview, and nothing is said of the rest.
pub(crate) static TASK_KEYS: [Key; 2] = [
    key("authorizations", AUTHORIZATIONS),
    key("container_profile", PROFILE),
];

static AUTHORIZATION: Object = object(
    "an authorization",
    &[
        required("type", Kind::Choice(&["env", "task"])),
        required("action", Kind::Text),
        key("resource", NULLABLE_TEXT),
    ],
    APP_DOCS,
);

/// One entry of `build.caches`.
pub(super) static CACHE: Object = object(
    "a build cache",
    &[
        key("directory", NULLABLE_TEXT),
        key("watch", Kind::Either(&[TEXTS, Kind::Text])),
        key("allow_stale", Kind::Bool),
        key("share_between_apps", Kind::Bool),
    ],
    BUILD_DOCS,
);

/// Where a container may connect to.
pub(super) const EGRESS: Kind = Kind::Nullable(&Kind::Object(&EGRESS_OBJECT));

static EGRESS_OBJECT: Object = object(
    "`egress`",
    &[key("build", EGRESS_PHASE), key("runtime", EGRESS_PHASE)],
    "/create-apps/image-properties/firewall.html",
);

const EGRESS_PHASE: Kind = Kind::Nullable(&Kind::Object(&EGRESS_PHASE_OBJECT));

static EGRESS_PHASE_OBJECT: Object = object(
    "a part of `egress`",
    &[required(
        "allowed_domains",
        Kind::List(&Kind::Object(&DOMAIN)),
    )],
    "/create-apps/image-properties/firewall.html",
);

static DOMAIN: Object = object(
    "an allowed domain",
    &[
        required("host", Kind::Text),
        key("port", Kind::Nullable(&Kind::Integer(1, 65535))),
    ],
    "/create-apps/image-properties/firewall.html",
);

/// What a container is made from instead of one of Upsun's images.
pub(super) const IMAGE: Kind = Kind::Nullable(&Kind::Object(&IMAGE_OBJECT));

static IMAGE_OBJECT: Object = object(
    "`image`",
    &[key("name", NULLABLE_TEXT), key("buildfile", NULLABLE_TEXT)],
    APP_DOCS,
);
