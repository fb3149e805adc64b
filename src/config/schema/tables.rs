//! The keys of Upsun's configuration, as its documentation describes them.
//!
//! Source: <https://docs.upsun.com/create-apps/app-reference/single-runtime-image.html>, the pages that each
//! object names, and the OpenAPI description of Upsun's API.

mod outside;
mod recent;
mod web;

pub(crate) use self::outside::{ROUTE_OBJECT, SERVICE_OBJECT};
pub(crate) use self::recent::TASK_KEYS;
use self::recent::{AUTHORIZATIONS, CACHE, EGRESS, IMAGE};
use self::web::WEB;
use super::{Key, Kind, Object};

const APP_DOCS: &str = "/create-apps/app-reference/single-runtime-image.html";
const BUILD_DOCS: &str = "/create-apps/app-reference/single-runtime-image.html#build";
const MOUNT_DOCS: &str = "/create-apps/image-properties/mounts.html";
const OPERATION_DOCS: &str = "/create-apps/runtime-operations.html";

const ANY_INTEGER: Kind = Kind::Integer(i64::MIN, i64::MAX);
const COUNT: Kind = Kind::Integer(0, i64::MAX);
const DURATION: Kind = Kind::Either(&[ANY_INTEGER, Kind::Text]);
/// What Upsun's API describes as nullable: nothing stands for the default.
const NULLABLE_TEXT: Kind = Kind::Nullable(&Kind::Text);
const TEXTS: Kind = Kind::List(&Kind::Text);
const TEXT_MAP: Kind = Kind::Names("entry", &Kind::Text);
const ANY_MAP: Kind = Kind::Names("entry", &Kind::Any);

const fn key(name: &'static str, kind: Kind) -> Key {
    Key {
        name,
        kind,
        required: false,
        deprecated: None,
    }
}

const fn required(name: &'static str, kind: Kind) -> Key {
    Key {
        name,
        kind,
        required: true,
        deprecated: None,
    }
}

const fn deprecated(name: &'static str, kind: Kind, instead: &'static str) -> Key {
    Key {
        name,
        kind,
        required: false,
        deprecated: Some(instead),
    }
}

const fn object(noun: &'static str, keys: &'static [Key], docs: &'static str) -> Object {
    Object {
        noun,
        keys,
        mistaken: &[],
        closed: true,
        docs,
    }
}

/// The keys at the top of every file.
pub(crate) const TOP_KEYS: [&str; 4] = ["applications", "services", "routes", "tasks"];

/// One entry of `applications`.
pub(crate) const APP: Kind = Kind::Object(&APP_OBJECT);
/// One entry of `services`.
pub(crate) const SERVICE: Kind = Kind::Object(&SERVICE_OBJECT);
/// One entry of `routes`.
pub(crate) const ROUTE: Kind = Kind::Object(&ROUTE_OBJECT);

const SIZING: &str = "remove it: resources are set with `upsun resources:set`";

pub(crate) static APP_OBJECT: Object = Object {
    noun: "an application",
    keys: &[
        key("type", Kind::Text),
        key("stack", STACK),
        key("source", Kind::Object(&SOURCE)),
        key("relationships", RELATIONSHIPS),
        key("mounts", MOUNTS),
        key("web", Kind::Object(&WEB)),
        key("workers", Kind::Names("worker", &Kind::Object(&WORKER))),
        key("access", TEXT_MAP),
        key("variables", VARIABLES),
        key("firewall", FIREWALL),
        key("egress", EGRESS),
        key("authorizations", AUTHORIZATIONS),
        key("image", IMAGE),
        key("build", Kind::Object(&BUILD)),
        key("dependencies", DEPENDENCIES),
        key("hooks", Kind::Object(&HOOKS)),
        key("crons", Kind::Names("cron", &Kind::Object(&CRON))),
        key("runtime", Kind::Object(&RUNTIME)),
        key("container_profile", PROFILE),
        key("additional_hosts", TEXT_MAP),
        key("timezone", Kind::Text),
        key("operations", OPERATIONS),
        deprecated("size", Kind::Text, SIZING),
        deprecated("resources", Kind::Nullable(&ANY_MAP), SIZING),
        deprecated("disk", COUNT, SIZING),
        deprecated("preflight", Kind::Object(&PREFLIGHT), "remove it"),
    ],
    mistaken: &[
        (
            "name",
            "remove it: an app's name is its key under `applications`",
        ),
        ("locations", "`locations` belongs under `web`"),
        ("commands", "`commands` belongs under `web`"),
        ("upstream", "`upstream` belongs under `web`"),
        ("env", "`env` belongs under `variables`"),
        ("flavor", "`flavor` belongs under `build`"),
        (
            "services",
            "`services` is a top-level key: move it to the left margin",
        ),
        (
            "routes",
            "`routes` is a top-level key: move it to the left margin",
        ),
        ("deploy", "`deploy` belongs under `hooks`"),
        ("post_deploy", "`post_deploy` belongs under `hooks`"),
        ("root", "`root` belongs under `source`"),
    ],
    closed: true,
    docs: APP_DOCS,
};

static SOURCE: Object = object(
    "`source`",
    &[
        key("root", Kind::Text),
        key(
            "operations",
            Kind::Names("source operation", &Kind::Object(&SOURCE_OPERATION)),
        ),
    ],
    "/create-apps/image-properties/source.html",
);

static SOURCE_OPERATION: Object = Object {
    noun: "a source operation",
    keys: &[required("command", Kind::Text)],
    mistaken: &[("commands", "a source operation has one `command`, a string")],
    closed: true,
    docs: "/create-apps/source-operations.html",
};

const STACK: Kind = Kind::Either(&[
    Kind::Object(&STACK_OBJECT),
    Kind::List(&STACK_ITEM),
    Kind::Text,
]);

const STACK_ITEM: Kind = Kind::Either(&[Kind::Text, ANY_MAP]);

static STACK_OBJECT: Object = Object {
    noun: "`stack`",
    keys: &[
        key("runtimes", Kind::List(&STACK_ITEM)),
        key("packages", Kind::List(&Kind::Any)),
    ],
    mistaken: &[],
    closed: false,
    docs: "/create-apps/app-reference/composable-image.html#stack",
};

const RELATIONSHIPS: Kind = Kind::Names("relationship", &RELATIONSHIP);

const RELATIONSHIP: Kind = Kind::Either(&[
    Kind::Object(&RELATIONSHIP_OBJECT),
    Kind::Text,
    Kind::Nullable(&Kind::Text),
]);

static RELATIONSHIP_OBJECT: Object = Object {
    noun: "a relationship",
    keys: &[key("service", Kind::Text), key("endpoint", Kind::Text)],
    mistaken: &[],
    closed: false,
    docs: "/create-apps/image-properties/relationships.html",
};

const MOUNTS: Kind = Kind::Names("mount", &Kind::Object(&MOUNT));

static MOUNT: Object = object(
    "a mount",
    &[
        required(
            "source",
            Kind::Choice(&[
                "storage",
                "instance",
                "tmp",
                "temporary",
                "service",
                "local",
            ]),
        ),
        key("source_path", Kind::Text),
        key("service", Kind::Text),
    ],
    MOUNT_DOCS,
);

const DEPENDENCIES: Kind = Kind::Names("language", &ANY_MAP);

const VARIABLES: Kind = Kind::Names("prefix", &ANY_MAP);

const FIREWALL: Kind = Kind::Nullable(&Kind::Object(&FIREWALL_OBJECT));

static FIREWALL_OBJECT: Object = object(
    "`firewall`",
    &[key("outbound", Kind::List(&Kind::Object(&FIREWALL_RULE)))],
    "/create-apps/image-properties/firewall.html",
);

static FIREWALL_RULE: Object = object(
    "a firewall rule",
    &[
        key("protocol", Kind::Text),
        key("ips", TEXTS),
        key("domains", TEXTS),
        key("ports", Kind::List(&Kind::Integer(1, 65535))),
    ],
    "/create-apps/image-properties/firewall.html",
);

static BUILD: Object = object(
    "`build`",
    &[
        key("flavor", Kind::Text),
        key("caches", Kind::Names("build cache", &Kind::Object(&CACHE))),
    ],
    BUILD_DOCS,
);

static HOOKS: Object = object(
    "`hooks`",
    &[
        key("build", Kind::Text),
        key("deploy", Kind::Text),
        key("post_deploy", Kind::Text),
    ],
    "/create-apps/hooks/hooks-comparison.html",
);

static CRON: Object = Object {
    noun: "a cron",
    keys: &[
        required("spec", Kind::Text),
        key("commands", Kind::Object(&CRON_COMMANDS)),
        key("shutdown_timeout", COUNT),
        key("timeout", Kind::Integer(0, 86400)),
        deprecated(
            "cmd",
            Kind::Text,
            "write `commands:` with `start:` below it",
        ),
    ],
    mistaken: &[
        ("schedule", "the times are in `spec`"),
        ("command", "write `commands:` with `start:` below it"),
    ],
    closed: true,
    docs: "/create-apps/image-properties/crons.html",
};

static CRON_COMMANDS: Object = object(
    "a cron's `commands`",
    &[required("start", Kind::Text), key("stop", NULLABLE_TEXT)],
    "/create-apps/image-properties/crons.html",
);

static RUNTIME: Object = Object {
    noun: "`runtime`",
    keys: &[
        key("extensions", Kind::List(&Kind::Any)),
        key("disabled_extensions", Kind::List(&Kind::Any)),
        key("request_terminate_timeout", ANY_INTEGER),
        key("sizing_hints", Kind::Object(&SIZING_HINTS)),
        key("xdebug", ANY_MAP),
        key("quicklisp", ANY_MAP),
    ],
    mistaken: &[],
    closed: false,
    docs: "/create-apps/app-reference/single-runtime-image.html#runtime",
};

static SIZING_HINTS: Object = object(
    "`sizing_hints`",
    &[
        key("request_memory", Kind::Integer(10, i64::MAX)),
        key("reserved_memory", Kind::Integer(70, i64::MAX)),
    ],
    "/languages/php/fpm.html",
);

const PROFILE: Kind = Kind::Nullable(&Kind::Choice(&[
    "HIGH_CPU",
    "BALANCED",
    "HIGH_MEMORY",
    "HIGHER_MEMORY",
]));

static PREFLIGHT: Object = object(
    "`preflight`",
    &[required("enabled", Kind::Bool), key("ignored_rules", TEXTS)],
    APP_DOCS,
);

const OPERATIONS: Kind = Kind::Names("operation", &Kind::Object(&OPERATION));

static OPERATION: Object = Object {
    noun: "an operation",
    keys: &[
        required("commands", Kind::Object(&OPERATION_COMMANDS)),
        key("role", Kind::Choice(&["viewer", "contributor", "admin"])),
        key("timeout", Kind::Integer(1, i64::MAX)),
    ],
    mistaken: &[(
        "command",
        "write `commands:` with `start:` below it; only source operations have `command`",
    )],
    closed: true,
    docs: OPERATION_DOCS,
};

static OPERATION_COMMANDS: Object = Object {
    noun: "an operation's `commands`",
    keys: &[required("start", Kind::Text), key("stop", NULLABLE_TEXT)],
    mistaken: &[],
    closed: false,
    docs: OPERATION_DOCS,
};

static WORKER: Object = Object {
    noun: "a worker",
    keys: &[
        required("commands", Kind::Object(&WORKER_COMMANDS)),
        key("firewall", FIREWALL),
        key("egress", EGRESS),
        key("authorizations", AUTHORIZATIONS),
        key("image", IMAGE),
        key("variables", VARIABLES),
        key("timezone", Kind::Text),
        key("mounts", MOUNTS),
        key("relationships", RELATIONSHIPS),
        key("access", TEXT_MAP),
        key("operations", OPERATIONS),
        key("container_profile", PROFILE),
        deprecated("size", Kind::Text, SIZING),
        deprecated("resources", Kind::Nullable(&ANY_MAP), SIZING),
        deprecated("disk", COUNT, SIZING),
    ],
    mistaken: &[],
    closed: true,
    docs: "/create-apps/image-properties/workers.html",
};

static WORKER_COMMANDS: Object = object(
    "a worker's `commands`",
    &[
        key("pre_start", Kind::Text),
        required("start", Kind::Text),
        key("post_start", Kind::Text),
    ],
    "/create-apps/image-properties/workers.html",
);
