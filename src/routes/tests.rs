use serde_json::json;

use super::*;
use crate::web::router;

fn config(routes: &str) -> Config {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(dir.path().join(".upsun")).unwrap();
    let text = format!(
        "applications:\n  shop: {{ type: 'nodejs:24', source: {{ root: / }}, web: {{ commands: {{ start: a }} }} }}\n  api: {{ type: 'php:8.4', source: {{ root: / }} }}\n  tool: {{ type: 'nodejs:24', source: {{ root: / }} }}\n{routes}"
    );
    std::fs::write(dir.path().join(".upsun/config.yaml"), text).unwrap();
    let loaded = crate::config::load(dir.path());
    loaded
        .config
        .unwrap_or_else(|| panic!("{:?}", loaded.problems))
}

fn entrance(routes: &str) -> Entrance {
    resolve(&config(routes), "My Project", 8080)
}

/// The addresses of the routes, with what is there.
fn table(routes: &str) -> Vec<String> {
    let entrance = entrance(routes);
    let routes = entrance.routes.iter().map(|route| {
        let what = match &route.kind {
            Kind::Upstream(name) => name.clone(),
            Kind::Redirect(target) => format!("{} {}", target.code, target.to),
            Kind::Proxy(to) => format!("proxy {to}"),
        };
        format!("{} {what}", route.url(8080))
    });
    routes.collect()
}

#[test]
fn placeholders_stand_for_the_projects_host_and_names_before_them_stay() {
    assert_eq!(
        table(
            "routes:
  https://{default}/: { type: upstream, upstream: 'shop:http' }
  https://www.{default}/: { type: redirect, to: 'https://{default}/' }
  https://api.{all}/v1: { type: upstream, upstream: 'api:http' }
  https://*.{default}/: { type: upstream, upstream: 'shop:http' }
  https://old.{default}/x/: { type: redirect, to: 'https://example.com/y' }
  https://px.{default}/: { type: proxy, to: 'https://example.com/y' }
"
        ),
        [
            "http://my-project.localhost:8080/ shop",
            "http://www.my-project.localhost:8080/ 301 http://my-project.localhost:8080/",
            "http://api.my-project.localhost:8080/v1/ api",
            "http://*.my-project.localhost:8080/ shop",
            "http://old.my-project.localhost:8080/x/ 301 https://example.com/y",
            "http://px.my-project.localhost:8080/ proxy https://example.com/y",
        ]
    );
}

#[test]
fn http_and_https_are_one_here_and_the_first_of_two_counts_unless_it_is_the_lesser() {
    assert_eq!(
        table(
            "routes:
  http://{default}/: { type: redirect, to: 'https://{default}/' }
  https://{all}/: { type: upstream, upstream: 'api:http' }
  https://{default}/: { type: upstream, upstream: 'shop:http' }
  http://www.{default}/: { type: upstream, upstream: 'api:http' }
  https://www.{default}/: { type: redirect, to: 'https://{default}/' }
"
        ),
        [
            "http://my-project.localhost:8080/ shop",
            "http://www.my-project.localhost:8080/ 301 http://my-project.localhost:8080/",
        ]
    );
}

#[test]
fn without_a_placeholder_the_first_host_is_the_default_domain() {
    assert_eq!(
        table(
            "routes:
  https://www.example.com/: { type: upstream, upstream: 'shop:http' }
  https://example.com/: { type: redirect, to: 'https://www.example.com/' }
  https://api.example.com/: { type: upstream, upstream: 'api:http' }
  https://other.net/: { type: upstream, upstream: 'api:http' }
"
        ),
        [
            "http://www.my-project.localhost:8080/ shop",
            "http://my-project.localhost:8080/ 301 http://www.my-project.localhost:8080/",
            "http://api.my-project.localhost:8080/ api",
            "http://other.net.my-project.localhost:8080/ api",
        ]
    );
    // Where others have one, it is like any other host.
    assert_eq!(
        table(
            "routes:
  https://example.com/: { type: upstream, upstream: 'shop:http' }
  https://{default}/: { type: upstream, upstream: 'api:http' }
"
        ),
        [
            "http://example.com.my-project.localhost:8080/ shop",
            "http://my-project.localhost:8080/ api",
        ]
    );
}

#[test]
fn each_app_that_requests_can_reach_has_a_host_of_its_own() {
    let entrance =
        entrance("routes:\n  https://api.{default}/: { type: upstream, upstream: 'shop:http' }\n");
    assert_eq!(
        entrance.apps,
        [("shop".to_owned(), "shop.my-project.localhost".to_owned())]
    );
}

#[test]
fn an_address_besides_the_routes_is_only_told_where_it_tells_something_new() {
    let addresses = |apps: &[&str], routes: &str| {
        let mut config = config(routes);
        config.apps.retain(|name, _| apps.contains(&name.as_str()));
        let all = resolve(&config, "p", 1).addresses();
        let shown = all.into_iter().map(|address| {
            let what = address.service.map(|name| {
                if address.direct {
                    format!("{name} itself")
                } else {
                    name
                }
            });
            let to = address.redirects_to.map(|to| format!("to {to}"));
            format!("{} {}", address.url, what.or(to).unwrap_or_default())
        });
        shown.collect::<Vec<_>>()
    };
    let routes = "routes:
  https://www.{default}/: { type: redirect, to: 'https://{default}/' }
  https://{default}/: { type: upstream, upstream: 'shop:http' }
";
    assert_eq!(
        addresses(&["shop"], routes),
        [
            "http://p.localhost:1/ shop",
            "http://www.p.localhost:1/ to http://p.localhost:1/",
        ]
    );
    assert_eq!(
        addresses(&["shop", "api"], routes),
        [
            "http://p.localhost:1/ shop",
            "http://www.p.localhost:1/ to http://p.localhost:1/",
            "http://shop.p.localhost:1/ shop itself",
            "http://api.p.localhost:1/ api itself",
        ]
    );
    // Where no route leads to it, that is the only way.
    let elsewhere = "routes:\n  https://{default}/: { type: proxy, to: 'https://example.com' }\n";
    assert_eq!(
        addresses(&["shop"], elsewhere),
        ["http://shop.p.localhost:1/ shop itself"]
    );
}

#[test]
fn without_routes_the_only_app_is_at_the_default_host() {
    let mut config = config("");
    assert_eq!(resolve(&config, "p", 1).routes, []);
    config.apps.shift_remove("api");
    let entrance = resolve(&config, "p", 1);
    assert_eq!(
        entrance.payload(),
        json!({ "http://p.localhost:1/": {
            "primary": true, "id": null, "attributes": {}, "type": "upstream", "upstream": "shop",
            "original_url": "https://{default}/",
        } })
    );
}

#[test]
fn the_payload_has_what_upsuns_has() {
    let entrance = entrance(
        "routes:
  https://a.{default}: { type: upstream, upstream: 'shop:http', attributes: { foo: bar } }
  https://b.{default}/: { type: upstream, upstream: 'api:http', id: second, primary: true, redirects: { paths: { /x: { to: /y } } } }
  https://c.{default}/: { type: redirect, to: 'https://a.{default}/' }
",
    );
    assert_eq!(
        entrance.payload(),
        json!({
            "http://a.my-project.localhost:8080/": {
                "primary": false, "id": null, "attributes": { "foo": "bar" }, "type": "upstream",
                "upstream": "shop", "original_url": "https://a.{default}",
            },
            "http://b.my-project.localhost:8080/": {
                "primary": true, "id": "second", "attributes": {}, "type": "upstream",
                "upstream": "api", "original_url": "https://b.{default}/",
            },
            "http://c.my-project.localhost:8080/": {
                "primary": false, "id": null, "attributes": {}, "type": "redirect",
                "to": "http://a.my-project.localhost:8080/", "original_url": "https://c.{default}/",
            },
        })
    );
}

#[test]
fn the_port_belongs_to_the_environment() {
    let port = default_port("shop-1a2b", "local");
    assert_eq!(port, default_port("shop-1a2b", "local"));
    assert!((20_000..30_000).contains(&port));
    assert_ne!(port, default_port("shop-1a2b", "other"));
}

#[test]
fn the_routers_configuration() {
    let entrance = entrance(
        r#"routes:
  https://{default}/:
    type: upstream
    upstream: shop:http
    redirects:
      expires: 1d
      paths:
        /from: { to: https://example.com/to }
        /exact: { to: /there, prefix: false, code: 308, expires: 0 }
        /cut: { to: 'https://{default}/cut-off', append_suffix: false }
        '^/foo/(.*)/bar$': { to: 'https://example.com/$1?x=$arg_x$is_args$host', regexp: true }
        '^/moved/(?<page>.*)$': { to: '/pages/$page$uri', regexp: true, code: 307 }
        /café au lait: { to: /coffee }
  https://{default}/blog: { type: upstream, upstream: 'api:http' }
  https://www.{default}/: { type: redirect, to: 'https://{default}/' }
  https://{default}/old: { type: redirect, to: 'https://{default}/new/' }
  https://{default}/ssi: { type: upstream, upstream: 'api:http', ssi: { enabled: true } }
  https://px.{default}/: { type: proxy, to: 'https://example.com' }
  https://px.{default}/a/b: { type: proxy, to: 'https://example.com:8443/' }
  https://px.{default}/c: { type: proxy, to: 'https://example.com/$d/e' }
  "https://a\";return.{default}/$x\";#": { type: upstream, upstream: 'tool:http', redirects: { paths: { "/\";{$x": { to: "/\"; return 200 \"$host" } } } }
"#,
    );
    let address = |name: &str| (name != "tool").then(|| format!("{name}.container:80"));
    let text = router::configuration(&entrance, &address, false);
    let begins = text.find("    include /tmp").unwrap();
    insta::assert_snapshot!(&text[begins..]);
}
