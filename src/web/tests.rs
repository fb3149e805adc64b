use proptest::prelude::*;

use super::quoting::{group_names, pattern, template};
use super::*;
use crate::config;
use crate::config::app::START_PHP_APP;

/// The only app of a configuration: its type, and its `web`.
fn app(kind: &str, web: &str) -> App {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join(".upsun")).unwrap();
    let web: String = web.lines().map(|line| format!("      {line}\n")).collect();
    let text = format!(
        "applications:\n  app:\n    type: {kind}\n    hooks: {{build: make}}\n    web:\n{web}"
    );
    std::fs::write(dir.path().join(".upsun/config.yaml"), text).unwrap();
    let mut loaded = config::load(dir.path());
    let config = loaded
        .config
        .as_mut()
        .unwrap_or_else(|| panic!("{:?}", loaded.problems));
    config.apps.swap_remove("app").unwrap()
}

/// What is written for the app itself: all but the beginning, which is always the same.
fn server(app: &App) -> String {
    let text = configuration(app);
    text.strip_prefix(BEGINNING).unwrap().to_owned()
}

#[test]
fn an_app_without_locations_gets_every_request() {
    insta::assert_snapshot!(server(&app("nodejs:24", "commands: {start: node x.js}")));
}

#[test]
fn files_rules_and_an_app_over_http() {
    insta::assert_snapshot!(server(&app(
        "python:3.14",
        r#"
commands: {start: gunicorn}
upstream: {socket_family: unix}
locations:
  "/":
    passthru: true
    request_buffering: {enabled: false, max_request_size: 10m}
  "/docs":
    root: docs-public
    index: [index.html, index.htm]
    expires: 24h
    headers: {X-Frame-Options: SAMEORIGIN}
    rules:
      \.md$:
        headers: {Content-Type: "text/markdown; charset=UTF-8"}
      \.(css|js)$:
        expires: 4w
        headers: {Cache-Control: "public, immutable", Access-Control-Allow-Origin: "*"}
      ^/docs/secret:
        allow: false
"#
    )));
}

#[test]
fn php_with_a_front_controller_and_images() {
    insta::assert_snapshot!(server(&app(
        "php:8.4",
        r#"
locations:
  "/":
    root: public
    passthru: /index.php
    index: [index.php]
    expires: -1
    rules:
      \.mp4$: {allow: false}
      '^/(?<category>[^/]+)/(?<product>[^/]+)/$':
        passthru: '/?category=$category&product=${product}&price=$5'
  "/images":
    expires: 300
    passthru: true
    scripts: false
    allow: false
"#
    )));
}

#[test]
fn other_fastcgi_applications_get_the_path() {
    let text = server(&app(
        "python:3.14",
        "commands: {start: flup}\nupstream: {protocol: fastcgi, socket_family: tcp}",
    ));
    for line in [
        "server 127.0.0.1:8888;",
        "fastcgi_param PATH_INFO $uri;",
        "fastcgi_pass front_app;",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn php_runs_in_fpm_unless_it_says_otherwise() {
    let php = app("php:8.4", "locations: {/: {root: public}}");
    assert_eq!(php.web.commands.start.as_deref(), Some(START_PHP_APP));
    assert_eq!(upstream_address(&php), Some("/run/app.sock"));
    let own = app(
        "php:8.4",
        "commands: {start: frankenphp}\nupstream: {socket_family: tcp, protocol: http}\nlocations: {/: {root: public, passthru: true}}",
    );
    assert_eq!(own.web.commands.start.as_deref(), Some("frankenphp"));
    assert_eq!(upstream_address(&own), Some("8888"));
    // Its scripts are for it to run; their source leaves nobody.
    let text = configuration(&own);
    assert!(
        text.contains("if (-f $front_script) { return 590; }"),
        "{text}"
    );
    assert!(text.contains("proxy_pass http://front_app;"), "{text}");
}

#[test]
fn only_apps_that_get_requests_are_waited_for() {
    let address = |kind, web| upstream_address(&app(kind, web));
    let start = "commands: {start: x}";
    assert_eq!(address("nodejs:24", start), Some("8888"));
    let unix = format!("{start}\nupstream: {{socket_family: unix}}");
    assert_eq!(address("nodejs:24", &unix), Some("/run/app.sock"));
    let files = format!("{start}\nlocations: {{/: {{root: public}}}}");
    assert_eq!(address("nodejs:24", &files), None);
    let rule = format!("{start}\nlocations: {{/: {{root: p, rules: {{x: {{passthru: true}}}}}}}}");
    assert_eq!(address("nodejs:24", &rule), Some("8888"));
    assert_eq!(
        address("nodejs:24", "locations: {/: {passthru: true}}"),
        None
    );
}

#[test]
fn groups_are_known_by_name_and_nothing_else_is_a_variable() {
    let names = group_names(r"^/(?<a>x)(?P<b_1>y)(?'c'z)(?<=no)(?<!no)(?:no)(?<1>no)$");
    assert_eq!(names, ["a", "b_1", "c"]);
    assert_eq!(
        template("/$a/${b_1}$$c$uri${d}${a $", &names),
        "/${a}/${b_1}${front_dollar}${c}${front_dollar}uri${front_dollar}{d}${front_dollar}{a ${front_dollar}"
    );
}

#[test]
fn a_path_is_no_regular_expression() {
    assert_eq!(pattern("/a.b(c)+ é/D\\d"), r"/a\.b\(c\)\+ é/D\\d");
    // No backslash stands before what is left out.
    assert_eq!(quoting::quote(&pattern("/\0U\t(")), "\"/U\t\\\\(\"");
}

/// The words of a configuration as nginx reads them, one directive an entry, each with how deep it stands.
fn directives(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut all = Vec::new();
    let (mut depth, mut words) = (0, Vec::new());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            c if c.is_ascii_whitespace() => {}
            '#' => panic!("a comment"),
            ';' => all.push((depth, std::mem::take(&mut words))),
            '{' => {
                all.push((depth, std::mem::take(&mut words)));
                depth += 1;
            }
            '}' => {
                assert!(words.is_empty(), "{words:?}");
                depth -= 1;
            }
            '"' => {
                let mut word = String::new();
                loop {
                    match characters.next().expect("the quote is never closed") {
                        '"' => break,
                        '\\' => match characters.next().unwrap() {
                            c @ ('"' | '\\' | '\'') => word.push(c),
                            c => word.extend(['\\', c]),
                        },
                        c => word.push(c),
                    }
                }
                words.push(word);
                let next = characters.peek().copied().unwrap_or(';');
                assert!(" ;{)\n".contains(next), "after a quote: {next:?}");
            }
            c => {
                let mut word = String::from(c);
                // `${name}` is one word.
                while let Some(next) = characters.next_if(|next| !" ;\n{}".contains(*next)) {
                    word.push(next);
                }
                words.push(word);
            }
        }
    }
    assert_eq!((depth, words.len()), (0, 0));
    all
}

/// A web of every property, with this text wherever one may stand.
fn everywhere(text: &str) -> App {
    let mut app = app(
        "php:8.4",
        r#"
locations:
  "/":
    root: public
    passthru: /x
    index: [x]
    headers: {X-Header: x, Content-Type: x}
    rules:
      x: {allow: false, passthru: /x}
"#,
    );
    let location = &mut app.web.locations[0];
    location.path = format!("/{text}");
    location.root = Some(format!("x{text}"));
    location.index = vec![format!("x{}", text.replace('/', ""))];
    location.rules[0].0 = text.to_owned();
    location.rules[0].1.passthru = Some(Passthru::Path(format!("/{text}")));
    location.properties.passthru = Some(Passthru::Path(format!("/{text}")));
    let headers = location.properties.headers.as_mut().unwrap();
    headers[0] = text.to_owned();
    headers[1] = text.to_owned();
    app
}

fn shape(app: &App) -> Vec<(usize, String, usize)> {
    directives(&configuration(app))
        .into_iter()
        .map(|(depth, words)| (depth, words[0].clone(), words.len()))
        .collect()
}

#[track_caller]
fn stays_within_its_words(text: &str) {
    let app = everywhere(text);
    assert_eq!(shape(&app), shape(&everywhere("x")), "{text:?}");
    let all = directives(&configuration(&app));
    let word = |name: &str| {
        let found = all.iter().rfind(|(_, words)| words[0] == name);
        found.unwrap().1.last().unwrap().clone()
    };
    assert_eq!(word("default_type"), quoting::header_value(text));
    let rule = all
        .iter()
        .filter(|(_, words)| words[0] == "location")
        .nth(1);
    assert_eq!(rule.unwrap().1[2], text.replace('\0', ""));
}

#[test]
fn nothing_breaks_out_of_its_word() {
    for text in [
        "\"; return 200; \"",
        "'; } } http { #",
        "\\",
        "\\\"",
        "x\n    root /etc;",
        "$uri ${uri} $",
        "# comment",
        "{ } ;",
        "\u{0}",
        "é\u{7f}\t",
        "${front_dollar",
    ] {
        stays_within_its_words(text);
    }
}

#[test]
fn no_variable_of_nginx_is_reached_and_no_redirect_leaves_the_server() {
    let text = configuration(&everywhere("$document_root$http_cookie"));
    // In regular expressions and types, a dollar sign is no variable.
    let plain = ["location ~", "default_type"];
    let mut others = text
        .lines()
        .filter(|line| !plain.iter().any(|name| line.contains(name)));
    assert!(
        !others.any(|line| line.contains("$document_root")),
        "{text}"
    );
    let web = "locations: {/: {passthru: 'https://elsewhere.example/'}}";
    let text = configuration(&app("nodejs:24", web));
    assert!(
        text.contains("rewrite ^ \"/https://elsewhere.example/\" last"),
        "{text}"
    );
}

#[test]
fn a_header_has_a_name_and_one_line() {
    let mut app = everywhere("x");
    let headers = app.web.locations[0].properties.headers.as_mut().unwrap();
    headers.insert("X-Split\r\nX-Other".to_owned(), "x".to_owned());
    headers.insert("X-Lines".to_owned(), "one\r\nX-Other: two".to_owned());
    let text = configuration(&app);
    assert!(!text.contains("X-Split"), "{text}");
    assert!(
        text.contains("add_header \"X-Lines\" \"one  X-Other: two\";"),
        "{text}"
    );
}

proptest! {
    #[test]
    fn no_text_breaks_out_of_its_word(text in r#"[\x00-\x7fé"';{}\\$# ]{1,20}"#) {
        stays_within_its_words(&text);
    }
}
