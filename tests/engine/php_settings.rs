//! PHP's settings: variables with the prefix `php:`.

use crate::support::TestProject;

const SHOW: &str = r#"php -r 'echo ini_get("post_max_size"), " ", ini_get("date.timezone"), " ", ini_get("user_agent");'"#;

#[test]
fn variables_with_the_prefix_php_are_settings_of_every_php() {
    let project = TestProject::on_engine(&format!(
        r#"
applications:
  app:
    type: php:8.4
    build: {{ flavor: none }}
    variables:
      php: {{ post_max_size: 111M, date.timezone: Europe/Berlin }}
    hooks:
      build: |
        {SHOW}
    mounts: {{ out: {{ source: tmp }} }}
    web: {{ commands: {{ start: exec sleep 7300 }} }}
    workers:
      queue: {{ commands: {{ start: exec sleep 7301 }} }}
    operations:
      show: {{ commands: {{ start: {command} }} }}
      fpm: {{ commands: {{ start: "php-fpm --info 2>/dev/null | grep -E '^(post_max_size|user_agent) '" }} }}
      modules: {{ commands: {{ start: "php -m | grep -c ." }} }}
"#,
        command = serde_json::to_string(SHOW).expect("a string is JSON")
    ));
    let settings = format!(
        "project: {}
variables:
  project:
    php:post_max_size: {{ value: 222M, visible_build: false }}
    php:user_agent: {{ value: \"it's ${{HOME}}; \\\"x\\\"\", visible_build: false }}
",
        project.id
    );
    project.file(".upsun-local.yaml", &settings);
    let outcome = project.run(&["run", "show"]).expect(0);
    assert_eq!(outcome.stdout, "222M Europe/Berlin it's ${HOME}; \"x\"");
    assert!(
        outcome.stderr.contains("111M Europe/Berlin"),
        "the build has its own: {}",
        outcome.stderr
    );
    let fpm = project.run(&["run", "fpm"]).expect(0).stdout;
    assert!(fpm.contains("post_max_size => 222M => 222M"), "{fpm}");
    let worker = [
        "exec",
        "--worker",
        "queue",
        "--",
        "php",
        "-r",
        "echo ini_get('post_max_size');",
    ];
    assert_eq!(project.run(&worker).expect(0).stdout, "222M");
    // The image's own files are read as well: extensions are switched on there.
    let modules: u32 = project
        .run(&["run", "modules"])
        .expect(0)
        .stdout
        .trim()
        .parse()
        .expect("a number");
    assert!(modules > 30, "{modules}");
}

const DEFAULTS: &str = r#"php -r '
foreach (["max_execution_time", "max_input_time", "memory_limit", "post_max_size", "upload_max_filesize", "max_input_vars", "zend.assertions", "session.save_path"] as $name) {
    echo $name, "=", ini_get($name), "\n";
}
ini_set("memory_limit", "64M");
echo ini_get("memory_limit"), " ", strlen(str_repeat("x", 8 << 20)), "\n";
$x = null;
'"#;

#[test]
fn php_on_the_command_line_has_upsuns_settings_and_no_limits_whatever_is_set() {
    let project = TestProject::on_engine(&format!(
        r#"
applications:
  app:
    type: php:8.4
    build: {{ flavor: none }}
    variables:
      php: {{ memory_limit: 96M, max_execution_time: 10 }}
    hooks:
      build: php -r 'echo "build ", ini_get("memory_limit"), " ", ini_get("max_input_vars"), "\n";'
    web: {{ commands: {{ start: exec sleep 7300 }} }}
    operations:
      show: {{ commands: {{ start: {command} }} }}
      much: {{ commands: {{ start: "php -r 'echo strlen(str_repeat(\"x\", 200 << 20));'" }} }}
"#,
        command = serde_json::to_string(DEFAULTS).expect("a string is JSON")
    ));
    project.file("php.ini", "memory_limit = 33M\nmax_input_vars = 2000\n");
    let outcome = project.run(&["run", "show"]).expect(0);
    assert!(
        outcome.stderr.contains("build -1 2000"),
        "{}",
        outcome.stderr
    );
    assert_eq!(
        outcome.stdout,
        "max_execution_time=0\nmax_input_time=-1\nmemory_limit=-1\npost_max_size=64M\n\
         upload_max_filesize=64M\nmax_input_vars=2000\nzend.assertions=-1\nsession.save_path=/tmp\n64M 8388608\n"
    );
    let much = project.run(&["run", "much"]).expect(0);
    assert_eq!(much.stdout, "209715200");
}
