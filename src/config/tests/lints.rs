//! What is legal and deserves a look.

use super::{Repo, list, one};

#[test]
fn scripts_that_dash_does_not_understand() {
    let loaded = one(r#"
applications:
  app:
    type: nodejs:24
    hooks:
      build: |
        set -e
        if [[ -f x ]]; then source x; fi
        set -o pipefail
        echo {1..3} ${x//a/b}
        a=(1 2)
        cat x &> y
        cat <<< y
      deploy: 'bash -c "[[ a == b ]]"; echo ''[[''; [ a = b ]'
      post_deploy: >
        function x { ls; }
    operations:
      a: { commands: { start: '[ a == b ]' } }
"#)
    .load();
    insta::assert_snapshot!(list(&loaded), @r"
    warning U401 .upsun/config.yaml:8:9: the build hook uses `[[`, which `dash` does not have (write `[` and quote the variables; or run it with `bash -c`)
    warning U401 .upsun/config.yaml:8:9: the build hook uses `source`, which `dash` does not have (write `.` instead of `source`; or run it with `bash -c`)
    warning U401 .upsun/config.yaml:9:9: the build hook uses `set -o pipefail`, which `dash` does not have (remove it: dash stops at an option that it does not know; or run it with `bash -c`)
    warning U401 .upsun/config.yaml:10:9: the build hook uses a range in braces, which `dash` does not have (use `seq`; or run it with `bash -c`)
    warning U401 .upsun/config.yaml:10:9: the build hook uses a replacement `${x/…}`, which `dash` does not have (use `sed`; or run it with `bash -c`)
    warning U401 .upsun/config.yaml:11:9: the build hook uses an array, which `dash` does not have (dash has no arrays: use several variables, or `set --`; or run it with `bash -c`)
    warning U401 .upsun/config.yaml:12:9: the build hook uses `&>`, which `dash` does not have (write `> file 2>&1`; or run it with `bash -c`)
    warning U401 .upsun/config.yaml:13:9: the build hook uses `<<<`, which `dash` does not have (write `printf '%s' text |` in front of the command; or run it with `bash -c`)
    warning U402 .upsun/config.yaml:14:15: the deploy hook goes on after a command that fails: only the last one counts (begin it with `set -e`)
    warning U401 .upsun/config.yaml:15:20: the post_deploy hook uses `function`, which `dash` does not have (write `name() {`; or run it with `bash -c`)
    warning U401 .upsun/config.yaml:18:31: the operation `a` uses `==` in a test, which `dash` does not have (write a single `=`; or run it with `bash -c`)
    ");
}

#[test]
fn failures_that_nobody_would_see() {
    let loaded = one(r#"
applications:
  app:
    type: nodejs:24
    hooks:
      build: |
        npm ci
        npm run build
      deploy: |
        export A=b
        echo starting
        npm run migrate
      post_deploy: npm run a && npm run b
    operations:
      strict: { commands: { start: "set -eu; a; b" } }
      loose: { commands: { start: "a; b" } }
    web: { commands: { start: "prepare; serve &" } }
    workers:
      queue: { commands: { start: "work & other" } }
"#)
    .load();
    insta::assert_snapshot!(list(&loaded), @r"
    warning U402 .upsun/config.yaml:7:9: the build hook goes on after a command that fails: only the last one counts (begin it with `set -e`)
    warning U402 .upsun/config.yaml:16:35: the operation `loose` goes on after a command that fails: only the last one counts (begin it with `set -e`)
    warning U403 .upsun/config.yaml:17:31: the start command ends with `&`, so it exits immediately (remove the `&`: Upsun starts it again whenever it ends)
    ");
}

#[test]
fn operations_that_write_where_nothing_is_writable() {
    let repo = Repo::new(&[
        (
            ".upsun/config.yaml",
            r#"
applications:
  app:
    type: nodejs:24
    hooks: { build: next build }
    mounts:
      "/.cache": { source: storage }
    operations:
      gatsby: { commands: { start: npx gatsby build } }
      next: { commands: { start: npm run build } }
      elsewhere: { commands: { start: cd sub && next build } }
      reload: { commands: { start: pm2 reload app } }
      cached: { commands: { start: cp x $PLATFORM_CACHE_DIR } }
      wipe: { role: viewer, commands: { start: rm -rf var } }
    workers:
      queue:
        commands: { start: work }
        mounts: { /.next: { source: storage } }
        operations:
          next: { commands: { start: next build } }
"#,
        ),
        ("package.json", r#"{"scripts": {"build": "next build"}}"#),
    ]);
    insta::assert_snapshot!(list(&repo.load()), @r"
    warning U406 .upsun/config.yaml:9:36: `gatsby` in the operation `gatsby` writes to `public`, which is read-only without a mount (add under `mounts`: `/public: {source: storage}`)
    warning U406 .upsun/config.yaml:10:34: `next` in the operation `next` writes to `.next`, which is read-only without a mount (add under `mounts`: `/.next: {source: storage}`)
    warning U407 .upsun/config.yaml:12:36: `pm2` in the operation `reload` keeps its files in `/app/.pm2`, which is read-only (set the variable `env: PM2_HOME: /tmp/.pm2`, or add a mount `/.pm2`)
    warning U404 .upsun/config.yaml:13:36: the operation `cached` uses `PLATFORM_CACHE_DIR`, which is there during the build only (do it in the build hook, or write into a mount)
    warning U405 .upsun/config.yaml:14:21: any viewer may run the operation `wipe`, which contains `rm` (raise `role` to `contributor` or `admin`)
    ");
}

#[test]
fn no_mount_is_proposed_that_would_hide_something() {
    let repo = Repo::new(&[
        (
            ".upsun/config.yaml",
            r"
applications:
  app:
    type: php:8.4
    operations:
      install: { commands: { start: composer install } }
      packages: { commands: { start: npm ci } }
      site: { commands: { start: npx gatsby build } }
",
        ),
        ("public/index.php", "<?php"),
    ]);
    insta::assert_snapshot!(list(&repo.load()), @r"
    warning U406 .upsun/config.yaml:6:37: `composer` in the operation `install` writes to `vendor`, which is read-only without a mount (do it in the build (`build.flavor`, `hooks.build` or `dependencies`): a mount on `/vendor` would hide what the build installs there)
    warning U406 .upsun/config.yaml:7:38: `npm` in the operation `packages` writes to `node_modules`, which is read-only without a mount (do it in the build (`build.flavor`, `hooks.build` or `dependencies`): a mount on `/node_modules` would hide what the build installs there)
    warning U406 .upsun/config.yaml:8:34: `gatsby` in the operation `site` writes to `public`, which is read-only without a mount (do it in the build hook, or let it write elsewhere: a mount on `/public` would hide `index.php` of the repository)
    warning U406 .upsun/config.yaml:8:34: `gatsby` in the operation `site` writes to `.cache`, which is read-only without a mount (add under `mounts`: `/.cache: {source: tmp}`)
    ");
}

#[test]
fn mounts_and_workers_that_hide_something() {
    let repo = Repo::new(&[
        (
            ".upsun/config.yaml",
            r"
applications:
  app:
    type: nodejs:24
    source: { root: site }
    variables: { env: { A: 1, B: 2 } }
    mounts:
      uploads: { source: storage }
      logs: { source: tmp }
      kept: { source: tmp }
    workers:
      queue:
        commands: { start: work }
        variables: { env: { B: 3 } }
        mounts: {}
",
        ),
        ("site/uploads/photo.jpg", "x"),
        ("site/logs/today.log", "x"),
        ("site/.gitignore", "*.log\n"),
        ("site/kept/.gitkeep", ""),
    ]);
    insta::assert_snapshot!(list(&repo.load()), @r"
    warning U409 .upsun/config.yaml:8:7: the mount `uploads` hides a folder of the source that is not empty: it holds `photo.jpg` (move the files out of the folder, or copy them into the mount in the deploy hook)
    warning U408 .upsun/config.yaml:14:9: `variables` of the worker `queue` replaces `variables` of the application entirely: `env:A` will be missing (repeat in it what the worker `queue` needs, or remove `variables` to take over all)
    ");
}
