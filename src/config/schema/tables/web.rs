//! `web` and what is below it.

use super::super::{Kind, Object};
use super::{
    ANY_MAP, DURATION, MOUNTS, RELATIONSHIPS, SIZING, TEXT_MAP, TEXTS, VARIABLES, deprecated, key,
    object,
};

const WEB_OLD: &str = "describe it under `web.locations`";

pub(super) static WEB: Object = Object {
    noun: "`web`",
    keys: &[
        key("variables", VARIABLES),
        key("timezone", Kind::Text),
        key("mounts", MOUNTS),
        key("relationships", RELATIONSHIPS),
        key("access", TEXT_MAP),
        key(
            "locations",
            Kind::Names("location", &Kind::Object(&LOCATION)),
        ),
        key("commands", Kind::Object(&COMMANDS)),
        key("upstream", Kind::Object(&UPSTREAM)),
        deprecated("size", Kind::Text, SIZING),
        deprecated("resources", Kind::Nullable(&ANY_MAP), SIZING),
        deprecated("document_root", Kind::Text, WEB_OLD),
        deprecated("passthru", Kind::Text, WEB_OLD),
        deprecated("index_files", TEXTS, WEB_OLD),
        deprecated("whitelist", TEXTS, WEB_OLD),
        deprecated("blacklist", TEXTS, WEB_OLD),
        deprecated("expires", DURATION, WEB_OLD),
        deprecated("move_to_root", Kind::Bool, WEB_OLD),
    ],
    mistaken: &[("start", "`start` belongs under `commands`")],
    closed: true,
    docs: "/create-apps/image-properties/web.html",
};

static COMMANDS: Object = object(
    "`commands`",
    &[
        key("pre_start", Kind::Text),
        key("start", Kind::Text),
        key("post_start", Kind::Text),
    ],
    "/create-apps/image-properties/web.html",
);

static UPSTREAM: Object = object(
    "`upstream`",
    &[
        key("socket_family", Kind::Choice(&["tcp", "unix"])),
        key("protocol", Kind::Nullable(&Kind::Text)),
    ],
    "/create-apps/image-properties/web.html",
);

const PASSTHRU: Kind = Kind::Either(&[Kind::Text, Kind::Bool]);

static LOCATION: Object = object(
    "a location",
    &[
        key("root", Kind::Text),
        key("expires", DURATION),
        key("passthru", PASSTHRU),
        key("scripts", Kind::Bool),
        key("index", TEXTS),
        key("allow", Kind::Bool),
        key("headers", TEXT_MAP),
        key("rules", Kind::Names("rule", &Kind::Object(&RULE))),
        key("request_buffering", Kind::Object(&BUFFERING)),
    ],
    "/create-apps/image-properties/web.html",
);

static RULE: Object = object(
    "a rule of a location",
    &[
        key("expires", DURATION),
        key("passthru", PASSTHRU),
        key("scripts", Kind::Bool),
        key("allow", Kind::Bool),
        key("headers", TEXT_MAP),
    ],
    "/create-apps/image-properties/web.html",
);

static BUFFERING: Object = object(
    "`request_buffering`",
    &[
        key("enabled", Kind::Bool),
        key("max_request_size", Kind::Text),
    ],
    "/create-apps/image-properties/web.html",
);
