//! PHP's settings: variables with the prefix `php:`.

use crate::support::TestProject;

const SHOW: &str = r#"php -r 'echo ini_get("memory_limit"), " ", ini_get("date.timezone"), " ", ini_get("user_agent");'"#;

#[test]
fn variables_with_the_prefix_php_are_settings_of_every_php() {
    let project = TestProject::on_engine(&format!(
        r#"
applications:
  app:
    type: php:8.4
    build: {{ flavor: none }}
    variables:
      php: {{ memory_limit: 111M, date.timezone: Europe/Berlin }}
    hooks:
      build: |
        {SHOW}
    mounts: {{ out: {{ source: tmp }} }}
    web: {{ commands: {{ start: exec sleep 7300 }} }}
    workers:
      queue: {{ commands: {{ start: exec sleep 7301 }} }}
    operations:
      show: {{ commands: {{ start: {command} }} }}
      fpm: {{ commands: {{ start: "php-fpm --info 2>/dev/null | grep -E '^(memory_limit|user_agent) '" }} }}
      modules: {{ commands: {{ start: "php -m | grep -c ." }} }}
"#,
        command = serde_json::to_string(SHOW).expect("a string is JSON")
    ));
    let settings = format!(
        "project: {}
variables:
  project:
    php:memory_limit: {{ value: 222M, visible_build: false }}
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
    assert!(fpm.contains("memory_limit => 222M => 222M"), "{fpm}");
    let worker = [
        "exec",
        "--worker",
        "queue",
        "--",
        "php",
        "-r",
        "echo ini_get('memory_limit');",
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
