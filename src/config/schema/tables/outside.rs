//! Services and routes.

use super::super::{Kind, Object};
use super::{
    ANY_INTEGER, ANY_MAP, COUNT, DURATION, FIREWALL, PROFILE, RELATIONSHIPS, SIZING, TEXT_MAP,
    TEXTS, deprecated, key, object, required,
};

const SERVICE_DOCS: &str = "/add-services.html";
const ROUTE_DOCS: &str = "/define-routes.html";

pub(crate) static SERVICE_OBJECT: Object = object(
    "a service",
    &[
        required("type", Kind::Text),
        key("access", ANY_MAP),
        key("configuration", ANY_MAP),
        key("relationships", RELATIONSHIPS),
        key("firewall", FIREWALL),
        key("container_profile", PROFILE),
        deprecated("size", Kind::Text, SIZING),
        deprecated("resources", Kind::Nullable(&ANY_MAP), SIZING),
        deprecated("disk", COUNT, SIZING),
    ],
    SERVICE_DOCS,
);

pub(crate) static ROUTE_OBJECT: Object = object(
    "a route",
    &[
        required("type", Kind::Choice(&["upstream", "redirect", "proxy"])),
        key("upstream", Kind::Text),
        key("to", Kind::Text),
        key("primary", Kind::Bool),
        key("id", Kind::Text),
        key("attributes", TEXT_MAP),
        key("redirects", Kind::Object(&REDIRECTS)),
        key("tls", Kind::Object(&TLS)),
        key("cache", Kind::Object(&CACHE)),
        key("ssi", Kind::Object(&SSI)),
    ],
    ROUTE_DOCS,
);

static REDIRECTS: Object = object(
    "`redirects`",
    &[
        key("expires", DURATION),
        required("paths", Kind::Names("path", &Kind::Object(&REDIRECT))),
    ],
    "/define-routes/redirects.html",
);

static REDIRECT: Object = object(
    "a redirect",
    &[
        required("to", Kind::Text),
        key("regexp", Kind::Bool),
        key("prefix", Kind::Nullable(&Kind::Bool)),
        key("append_suffix", Kind::Nullable(&Kind::Bool)),
        key("code", ANY_INTEGER),
        key("expires", DURATION),
    ],
    "/define-routes/redirects.html",
);

static TLS: Object = object(
    "`tls`",
    &[
        key(
            "strict_transport_security",
            Kind::Object(&STRICT_TRANSPORT_SECURITY),
        ),
        key(
            "min_version",
            Kind::Nullable(&Kind::Choice(&["TLSv1.2", "TLSv1.3", "TLSv1.1", "TLSv1.0"])),
        ),
        key(
            "client_authentication",
            Kind::Nullable(&Kind::Choice(&["request", "require"])),
        ),
        key("client_certificate_authorities", Kind::List(&Kind::Any)),
    ],
    "/define-routes/https.html",
);

static STRICT_TRANSPORT_SECURITY: Object = object(
    "`strict_transport_security`",
    &[
        key("enabled", Kind::Nullable(&Kind::Bool)),
        key("include_subdomains", Kind::Nullable(&Kind::Bool)),
        key("preload", Kind::Nullable(&Kind::Bool)),
    ],
    "/define-routes/https.html",
);

static CACHE: Object = object(
    "`cache`",
    &[
        required("enabled", Kind::Bool),
        key("default_ttl", ANY_INTEGER),
        key("cookies", TEXTS),
        key("headers", TEXTS),
    ],
    "/define-routes/cache.html",
);

static SSI: Object = object(
    "`ssi`",
    &[required("enabled", Kind::Bool)],
    "/define-routes/ssi.html",
);
