//! PHP as on Upsun: in FPM, behind the web server of its app.

use crate::support::TestProject;

const CONFIG: &str = r#"
applications:
  shop:
    type: nodejs:24
    source: {root: shop}
    build: {flavor: none}
    relationships:
      site: {service: site, endpoint: http}
    operations:
      fetch: {commands: {start: 'eval "curl --silent --show-error --max-time 20 --include $WORDS"'}}
  site:
    type: php:8.4
    source: {root: site}
    build: {flavor: none}
    mounts:
      public/files: {source: storage, source_path: files}
    hooks:
      deploy: cp upload.php public/files/
    web:
      locations:
        /:
          root: public
          passthru: /index.php
          index: [index.php]
          rules:
            \.inc$: {allow: false}
            ^/hidden\.php$: {scripts: false, allow: false}
            '^/shoes/(?<kind>[^/]+)/$': {passthru: '/index.php?kind=$kind'}
        /files:
          root: public/files
          passthru: true
          scripts: false
          allow: false
          rules:
            \.txt$: {allow: true}
"#;

const INDEX: &str = r#"<?php
header("X-From: index");
echo json_encode([
    "script" => $_SERVER["SCRIPT_NAME"],
    "file" => $_SERVER["SCRIPT_FILENAME"],
    "root" => $_SERVER["DOCUMENT_ROOT"],
    "uri" => $_SERVER["REQUEST_URI"],
    "query" => $_GET,
    "body" => file_get_contents("php://input"),
    "sapi" => PHP_SAPI,
    "user" => posix_getuid(),
    "app" => getenv("PLATFORM_APPLICATION_NAME"),
    "limits" => [ini_get("memory_limit"), ini_get("post_max_size"), ini_get("upload_max_filesize"), ini_get("max_execution_time")],
], JSON_UNESCAPED_SLASHES), "\n";
error_log("said by the index");
"#;

const INFO: &str =
    r#"<?php echo "info ", $_SERVER["PATH_INFO"] ?: "none", " ", $_SERVER["SCRIPT_NAME"], "\n";"#;

#[test]
fn a_php_app_runs_in_fpm_behind_its_web_server() {
    let project = TestProject::on_engine(CONFIG);
    project
        .file("shop/README.md", "")
        .file("site/php.ini", "memory_limit = 96M\n")
        .file("site/upload.php", "<?php echo 'uploaded code ran';")
        .file("site/public/index.php", INDEX)
        .file("site/public/info.php", INFO)
        .file("site/public/hidden.php", "<?php echo 'hidden';")
        .file("site/public/code.inc", "<?php echo 'code';")
        .file("site/public/style.css", "style\n");
    let get = |words: &str| {
        let words = format!("env:WORDS={words}");
        let answer = project.run(&["run", "fetch", "--variable", &words]);
        answer.expect(0).stdout.replace('\r', "")
    };
    let site = |path: &str| get(&format!("'http://site.internal{path}'"));
    let home = site("/?a=1");
    for part in [
        " 200 ",
        "X-From: index",
        r#""script":"/index.php","file":"/app/public/index.php","root":"/app/public","uri":"/?a=1","query":{"a":"1"}"#,
        r#""sapi":"fpm-fcgi","user":10000,"app":"site","limits":["96M","64M","64M","300"]"#,
    ] {
        assert!(home.contains(part), "{part:?}:\n{home}");
    }
    let table = [
        // What is missing goes to the front controller, asked as it was asked.
        (
            "/no/such?b=2",
            " 200 ",
            r#""uri":"/no/such?b=2","query":{"b":"2"}"#,
        ),
        (
            "/shoes/great/?price=5",
            " 200 ",
            r#""query":{"kind":"great","price":"5"}"#,
        ),
        // Scripts by their own name, with what follows it.
        ("/info.php", " 200 ", "info none /info.php"),
        ("/info.php/a/b", " 200 ", "info /a/b /info.php"),
        // Files.
        ("/style.css", " 200 ", "style\n"),
        // What is not allowed goes to the front controller too; no source leaves the app.
        ("/code.inc", " 200 ", r#""uri":"/code.inc""#),
        ("/hidden.php", " 200 ", r#""uri":"/hidden.php""#),
        ("/files/upload.php", " 200 ", r#""script":"/index.php""#),
        ("/files/none.txt", " 200 ", r#""script":"/index.php""#),
    ];
    for (path, status, part) in table {
        let answer = site(path);
        assert!(
            answer.contains(status) && answer.contains(part),
            "{path}:\n{answer}"
        );
    }
    let sent = get("--data 'x=y' http://site.internal/form");
    assert!(sent.contains(r#""body":"x=y""#), "{sent}");
    let large = get("--header 'Content-Length: 300000000' --data x http://site.internal/");
    assert!(large.contains(" 413 "), "{large}");
    let log = project.run(&["logs", "--app", "site"]).expect(0).shown();
    assert!(log.contains("said by the index"), "{log}");
}
