use super::*;

/// What each program prints, and the path in it: where there is none, it does not say where.
const WORDINGS: &[(&str, &str, Option<&str>)] = &[
    // Node and what runs on it.
    (
        "node",
        "Error: EROFS: read-only file system, mkdir '/app/.next'",
        Some("/app/.next"),
    ),
    (
        "node",
        "EROFS: read-only file system, open '/app/.next/trace'",
        Some("/app/.next/trace"),
    ),
    (
        "node",
        "[Error: EROFS: read-only file system, rename '/app/dist/a.tmp' -> '/app/dist/a'] {",
        Some("/app/dist/a"),
    ),
    (
        "node",
        "Error: EROFS: read-only file system, unlink '/app/.next/lock'",
        Some("/app/.next/lock"),
    ),
    ("node", "Error: EROFS: read-only file system, write", None),
    (
        "npm",
        "npm error EROFS: read-only file system, mkdir '/app/node_modules/left-pad'",
        Some("/app/node_modules/left-pad"),
    ),
    (
        "npm",
        "npm warn logfile could not be created: Error: EROFS: read-only file system, open '/app/.npm/_logs/2026.log'",
        None,
    ),
    (
        "node",
        "  errno: -30,\n  code: 'EROFS',\n  syscall: 'mkdir',\n  path: '/app/.cache'\n}",
        Some("/app/.cache"),
    ),
    (
        "node",
        "  code: 'EROFS',\n  syscall: 'rename',\n  path: '/app/a',\n  dest: '/app/b'\n}",
        Some("/app/b"),
    ),
    // Python.
    (
        "python",
        "OSError: [Errno 30] Read-only file system: 'static/site.css'",
        Some("static/site.css"),
    ),
    (
        "python",
        "OSError: [Errno 30] Read-only file system: '/app/my files/report 1.csv'",
        Some("/app/my files/report 1.csv"),
    ),
    (
        "python",
        "OSError: [Errno 30] Read-only file system: \"/app/it's.csv\"",
        Some("/app/it's.csv"),
    ),
    (
        "python",
        "OSError: [Errno 30] Read-only file system: b'/app/raw'",
        Some("/app/raw"),
    ),
    (
        "python",
        "OSError: [Errno 30] Read-only file system: '/app/a' -> '/app/b'",
        Some("/app/b"),
    ),
    ("python", "OSError: [Errno 30] Read-only file system", None),
    (
        "python",
        "sqlite3.OperationalError: unable to open database file",
        None,
    ),
    // PHP.
    (
        "php",
        "PHP Warning:  file_put_contents(/app/drush/drush.yml): Failed to open stream: Read-only file system in /app/drush/gen.php on line 59",
        Some("/app/drush/drush.yml"),
    ),
    (
        "php",
        "Warning: copy(/app/public/copy.json): Failed to open stream: Read-only file system in /app/x.php on line 2",
        Some("/app/public/copy.json"),
    ),
    (
        "php",
        "imagepng(/app/public/a.png): Failed to open stream: Read-only file system",
        Some("/app/public/a.png"),
    ),
    (
        "php",
        "gzopen(/app/public/a (1).gz): Failed to open stream: Read-only file system",
        Some("/app/public/a (1).gz"),
    ),
    (
        "php",
        "SplFileObject::__construct(/app/public/a.txt): failed to open stream: Read-only file system",
        Some("/app/public/a.txt"),
    ),
    (
        "php",
        "rename(/app/public/robots.txt,/app/public/r.txt): Read-only file system",
        Some("/app/public/r.txt"),
    ),
    (
        "php",
        "PHP Warning:  unlink(/app/config/b.yml): Read-only file system in Command line code on line 1",
        Some("/app/config/b.yml"),
    ),
    (
        "php",
        "mkdir(/app/data): Read-only file system",
        Some("/app/data"),
    ),
    (
        "php",
        "PHP Warning:  mkdir(): Read-only file system in /app/vendor/x/File.php on line 91",
        None,
    ),
    ("php", "chmod(): Read-only file system", None),
    (
        "php",
        "Warning: touch(): Unable to create file /app/public/a.txt because Read-only file system",
        Some("/app/public/a.txt"),
    ),
    (
        "php",
        "Warning: SessionHandler::write(): open(/app/sessions/sess_1, O_RDWR) failed: Read-only file system (30)",
        Some("/app/sessions/sess_1"),
    ),
    (
        "php",
        "file_put_contents(public://export/a.yml): Failed to open stream: Read-only file system",
        None,
    ),
    // Its frameworks, with quotes in quotes.
    (
        "symfony",
        "[critical] Error thrown while running command \"app:sitemap dump\". Message: \"Cannot rename \"/tmp/sitemap.xmlQs0WRc\" to \"/app/public/sitemap.xml\": rename(/tmp/sitemap.xmlQs0WRc,/app/public/sitemap.xml): Read-only file system\"",
        Some("/app/public/sitemap.xml"),
    ),
    (
        "symfony",
        "[critical] Message: \"Failed to touch \"/app/public/s.xml\": touch(): Unable to create file /app/public/s.xml because Read-only file system\"",
        Some("/app/public/s.xml"),
    ),
    (
        "symfony",
        "[critical] Message: \"Failed to create \"/app/public/uploads/images\": mkdir(): Read-only file system\"",
        Some("/app/public/uploads/images"),
    ),
    (
        "symfony",
        "  Unable to create the \"cache\" directory (/app/var/cache/prod).",
        Some("/app/var/cache/prod"),
    ),
    (
        "symfony",
        "  Unable to write in the \"logs\" directory (/app/var/log).",
        Some("/app/var/log"),
    ),
    (
        "symfony",
        "Unable to create the secrets directory (/app/config/secrets/prod).",
        Some("/app/config/secrets/prod"),
    ),
    (
        "symfony",
        "Unable to write to the \"/app/var/share\" directory.",
        Some("/app/var/share"),
    ),
    (
        "twig",
        "Unable to create the cache directory (/app/var/twig).",
        Some("/app/var/twig"),
    ),
    (
        "doctrine",
        "Your proxy directory \"/app/var/proxies\" must be writable",
        Some("/app/var/proxies"),
    ),
    (
        "laravel",
        "The stream or file \"/app/storage/logs/laravel.log\" could not be opened in append mode: Failed to open stream: Read-only file system",
        Some("/app/storage/logs/laravel.log"),
    ),
    (
        "laravel",
        "The /app/bootstrap/cache directory must be present and writable.",
        Some("/app/bootstrap/cache"),
    ),
    (
        "psysh",
        "Writing to directory /app/.config/psysh is not allowed.",
        Some("/app/.config/psysh"),
    ),
    (
        "flysystem",
        "Unable to create a directory at /app/resources/views/errors/.",
        Some("/app/resources/views/errors/"),
    ),
    (
        "laravel",
        "Database file at path [/app/database/database.sqlite] does not exist. Ensure this is an absolute path to the database. (Connection: sqlite, SQL: select 1)",
        Some("/app/database/database.sqlite"),
    ),
    (
        "laravel",
        "\n  file_put_contents(/app/storage/framework/views/0123456789abcdef0123456789ab\n  cdef.php): Failed to open stream: Read-only file system\n",
        Some("/app/storage/framework/views/0123456789abcdef0123456789abcdef.php"),
    ),
    (
        "drupal",
        "The directory /app/web/sites/default/files is not writable.",
        Some("/app/web/sites/default/files"),
    ),
    (
        "drupal",
        "  An automated attempt to create the directory //app/config/sync/ failed,",
        Some("/app/config/sync"),
    ),
    (
        "drupal",
        "The specified file 'temporary://a' could not be copied, because the destination directory 'public://x' is not properly configured.",
        None,
    ),
    (
        "drush",
        "Failed to create config directory ../config/sync",
        Some("../config/sync"),
    ),
    (
        "wordpress",
        "Error: Could not create directory '/app/wp-content/upgrade'.",
        Some("/app/wp-content/upgrade"),
    ),
    (
        "wordpress",
        "Unable to create directory wp-content/uploads/2026/11. Is its parent directory writable by the server?",
        Some("wp-content/uploads/2026/11"),
    ),
    (
        "wordpress",
        "Error: /app/wp/ is not writable by current user.",
        Some("/app/wp/"),
    ),
    ("wordpress", "Warning: Could not create directory.", None),
    (
        "composer",
        "/app/vendor/composer does not exist and could not be created: mkdir(): Read-only file system",
        Some("/app/vendor/composer"),
    ),
    (
        "composer",
        "/app/vendor/bin does not exist and could not be created.",
        Some("/app/vendor/bin"),
    ),
    (
        "composer",
        "  file_put_contents(/app/vendor/composer/installed.json): Failed to open stre  \n  am: Read-only file system                                                    \n",
        Some("/app/vendor/composer/installed.json"),
    ),
    (
        "composer",
        "Cannot create cache directory /app/.composer/cache/repo/, or directory is not writable. Proceeding without cache",
        None,
    ),
    (
        "magento",
        "The path \"/app/generated\" is not writable",
        Some("/app/generated"),
    ),
    // Ruby.
    (
        "ruby",
        "/usr/lib/ruby/3.4.0/fileutils.rb:406:in 'Dir.mkdir': Read-only file system @ dir_s_mkdir - /app/tmp/cache (Errno::EROFS)",
        Some("/app/tmp/cache"),
    ),
    (
        "ruby",
        "Errno::EROFS: Read-only file system @ dir_s_mkdir - /app/tmp/cache",
        Some("/app/tmp/cache"),
    ),
    (
        "ruby",
        "/app/bin/x:3:in 'File#initialize': Read-only file system @ rb_sysopen - /app/public/sitemap.xml (Errno::EROFS)",
        Some("/app/public/sitemap.xml"),
    ),
    (
        "ruby",
        "Errno::EROFS: Read-only file system @ apply2files - /app/tmp/pids/server.pid",
        Some("/app/tmp/pids/server.pid"),
    ),
    (
        "ruby",
        "Errno::EROFS: Read-only file system @ rb_file_s_rename - (/app/tmp/a, /app/tmp/b)",
        Some("/app/tmp/b"),
    ),
    (
        "ruby",
        "Read-only file system @ rb_sysopen - log/dev.log (Errno::EROFS)",
        Some("log/dev.log"),
    ),
    (
        "rails",
        "Rails Error: Unable to access log file. Please ensure that /app/log/production.log exists and is writable (i.e. make it writable for user and group: chmod 0664 /app/log/production.log).",
        Some("/app/log/production.log"),
    ),
    (
        "bundler",
        "Bundler::PermissionError: There was an error while trying to write to `/app/.bundle`. It is likely that you need to grant write permissions for that path.",
        Some("/app/.bundle"),
    ),
    (
        "bundler",
        "There was an error while trying to create `/app/vendor/bundle`.",
        Some("/app/vendor/bundle"),
    ),
    // Java, Go, Rust, .NET, Elixir.
    (
        "java",
        "java.io.FileNotFoundException: /app/out/report.csv (Read-only file system)",
        Some("/app/out/report.csv"),
    ),
    (
        "java",
        "Exception in thread \"main\" java.nio.file.FileSystemException: /app/out: Read-only file system",
        Some("/app/out"),
    ),
    (
        "java",
        "java.nio.file.FileSystemException: /app/a -> /app/b: Read-only file system",
        Some("/app/b"),
    ),
    ("java", "java.io.IOException: Read-only file system", None),
    (
        "go",
        "open /app/data/db: read-only file system",
        Some("/app/data/db"),
    ),
    (
        "go",
        "2026/11/29 10:00:00 mkdir out: read-only file system",
        Some("out"),
    ),
    (
        "go",
        "panic: rename /app/a.tmp /app/a: read-only file system",
        Some("/app/a"),
    ),
    ("go", "write: read-only file system", None),
    ("rust", "Error: Read-only file system (os error 30)", None),
    (
        "rust",
        "called `Result::unwrap()` on an `Err` value: Os { code: 30, kind: ReadOnlyFilesystem, message: \"Read-only file system\" }",
        None,
    ),
    (
        "rust",
        "error: failed to create directory `/app/target/debug`\n\nCaused by:\n  Read-only file system (os error 30)",
        Some("/app/target/debug"),
    ),
    (
        "rust",
        "Error: failed to open file `out/a.txt`: Read-only file system (os error 30)",
        Some("out/a.txt"),
    ),
    (
        "rust",
        "mktemp: Read-only file system (os error 30) at path \"/app/tmp.sAMiWYz3sH\"",
        Some("/app/tmp.sAMiWYz3sH"),
    ),
    (
        ".NET",
        "Unhandled exception. System.IO.IOException: Read-only file system : '/app/out.txt'",
        Some("/app/out.txt"),
    ),
    (".NET", "System.IO.IOException: Read-only file system", None),
    (
        "elixir",
        "** (File.Error) could not write to file \"/app/priv/x\": read-only file system",
        Some("/app/priv/x"),
    ),
    // Perl.
    (
        "perl",
        "Can't open '/app/out.txt' for writing: Read-only file system at x.pl line 3.",
        Some("/app/out.txt"),
    ),
    (
        "perl",
        "cannot make /app/out: Read-only file system at -e line 1.",
        Some("/app/out"),
    ),
    (
        "perl",
        "Can't open out/x.txt: Read-only file system at -e line 1.",
        Some("out/x.txt"),
    ),
    (
        "perl",
        "mkdir /app/out: Read-only file system at x.pl line 3.",
        Some("/app/out"),
    ),
    (
        "perl",
        "Can't mkdir('/app/out', 0777): Read-only file system at x.pl line 3",
        Some("/app/out"),
    ),
    (
        "perl",
        "it failed: Read-only file system at x.pl line 3.",
        None,
    ),
    // coreutils, and others like them.
    (
        "mkdir",
        "mkdir: cannot create directory ‘tmp data’: Read-only file system",
        Some("tmp data"),
    ),
    (
        "touch",
        "touch: cannot touch 'storage/x': Read-only file system",
        Some("storage/x"),
    ),
    (
        "rm",
        "rm: cannot remove 'var/cache/prod': Read-only file system",
        Some("var/cache/prod"),
    ),
    (
        "mv",
        "mv: cannot move 'a' to 'b/a': Read-only file system",
        Some("b/a"),
    ),
    (
        "cp",
        "cp: cannot create regular file 'config/../b2.yml': Read-only file system",
        Some("config/../b2.yml"),
    ),
    (
        "ln",
        "ln: failed to create symbolic link 'public/storage': Read-only file system",
        Some("public/storage"),
    ),
    (
        "chmod",
        "chmod: changing permissions of 'config/b.yml': Read-only file system",
        Some("config/b.yml"),
    ),
    (
        "tee",
        "tee: config/x: Read-only file system",
        Some("config/x"),
    ),
    (
        "dd",
        "dd: failed to open 'out.img': Read-only file system",
        Some("out.img"),
    ),
    (
        "busybox",
        "touch: out/x: Read-only file system",
        Some("out/x"),
    ),
    (
        "tar",
        "tar: config/b.yml: Cannot open: Read-only file system",
        Some("config/b.yml"),
    ),
    (
        "tar",
        "tar: out: Cannot mkdir: Read-only file system",
        Some("out"),
    ),
    (
        "sed",
        "sed: couldn't open temporary file ./sedccpA2o: Read-only file system",
        Some("./sedccpA2o"),
    ),
    (
        "sed",
        "sed: couldn't open temporary file config/sedXYZ123: Read-only file system",
        Some("config/sedXYZ123"),
    ),
    (
        "patch",
        "patch: **** Can't create temporary file src/x.oXXXX : Read-only file system",
        Some("src/x.oXXXX"),
    ),
    (
        "rsync",
        "rsync: [generator] recv_generator: mkdir \"/app/web/x\" failed: Read-only file system (30)",
        Some("/app/web/x"),
    ),
    (
        "curl",
        "Warning: Failed to open the file out.html: Read-only file system",
        Some("out.html"),
    ),
    (
        "wget",
        "index.html: Read-only file system",
        Some("index.html"),
    ),
    (
        "dash",
        "/bin/dash: 1: cannot create out/x.txt: Read-only file system",
        Some("out/x.txt"),
    ),
    (
        "bash",
        "scripts/run.sh: line 4: out/x.txt: Read-only file system",
        Some("out/x.txt"),
    ),
    (
        "bash",
        "bash: line 1: out: Read-only file system",
        Some("out"),
    ),
    ("zsh", "zsh:1: read-only file system: out/x", Some("out/x")),
    // git and SQLite.
    (
        "git",
        "fatal: Unable to create '/app/.git/index.lock': Read-only file system",
        Some("/app/.git/index.lock"),
    ),
    (
        "git",
        "error: unable to create file web/index.html: Read-only file system",
        Some("web/index.html"),
    ),
    (
        "git",
        "error: cannot open .git/FETCH_HEAD: Read-only file system",
        Some(".git/FETCH_HEAD"),
    ),
    (
        "git",
        "error: could not lock config file .git/config: Read-only file system",
        Some(".git/config"),
    ),
    (
        "git",
        "fatal: cannot mkdir sub: Read-only file system",
        Some("sub"),
    ),
    (
        "sqlite",
        "Error: unable to open database \"data/x.db\": unable to open database file",
        Some("data/x.db"),
    ),
    (
        "sqlite",
        "Parse error near line 1: attempt to write a readonly database (8)",
        None,
    ),
    (
        "sqlite",
        "SQLSTATE[HY000] [14] unable to open database file (Connection: sqlite)",
        None,
    ),
];

#[test]
fn each_program_has_its_own_wording_and_what_names_no_path_gives_none() {
    let mut wrong = Vec::new();
    for (program, output, path) in WORDINGS {
        let reading = read(output);
        let found = reading.candidates.first();
        let found = found.map(|candidate| candidate.path.as_str());
        if found != *path {
            wrong.push(format!("{program}: {output}: {found:?}, not {path:?}"));
        }
    }
    assert_eq!(wrong, [""; 0], "{wrong:#?}");
}

#[test]
fn what_says_that_it_is_read_only_is_told_from_what_says_nothing() {
    for (output, is_refused) in [
        ("PHP Warning:  mkdir(): Read-only file system", true),
        ("Error: Read-only file system (os error 30)", true),
        ("kind: ReadOnlyFilesystem", true),
        ("attempt to write a readonly database", true),
        ("all good\n", false),
        ("View path not found.", false),
        ("we like a read-only file system", false),
        ("", false),
    ] {
        assert_eq!(read(output).is_refused, is_refused, "{output}");
    }
    for output in [
        "head: error writing 'standard output': No space left on device",
        "Error: ENOSPC: no space left on device, write",
    ] {
        let reading = read(output);
        assert!(reading.is_full && reading.candidates.is_empty(), "{output}");
    }
}

#[test]
fn a_path_that_is_not_there_is_another_complaint() {
    let found = |output: &str| -> Vec<(Complaint, String)> {
        let all = read(output).candidates.into_iter();
        all.map(|one| (one.complaint, one.path)).collect()
    };
    for (output, path) in [
        (
            "file_put_contents(storage/framework/down): Failed to open stream: No such file or directory",
            "storage/framework/down",
        ),
        (
            "FileNotFoundError: [Errno 2] No such file or directory: '/app/var/a/b'",
            "/app/var/a/b",
        ),
        (
            "/bin/dash: 1: cannot create var/a/b: Directory nonexistent",
            "var/a/b",
        ),
        (
            "Error: ENOENT: no such file or directory, open '/app/var/a/b'",
            "/app/var/a/b",
        ),
        (
            "touch: cannot touch 'var/a/b': No such file or directory",
            "var/a/b",
        ),
        ("open var/a/b: no such file or directory", "var/a/b"),
    ] {
        assert_eq!(found(output), [(Complaint::Missing, path.to_owned())]);
    }
    // Node hides a refusal behind it.
    let node = "Error: ENOENT: no such file or directory, mkdir '/app/.next'";
    let path = "/app/.next".to_owned();
    assert_eq!(
        found(node),
        [
            (Complaint::NotWritable, path.clone()),
            (Complaint::Missing, path)
        ]
    );
}

#[test]
fn what_a_path_stands_for_is_known_from_the_verb() {
    for (output, what) in [
        (
            "mkdir: cannot create directory 'a.d': Read-only file system",
            What::Directory,
        ),
        (
            "EROFS: read-only file system, mkdir '/app/a.d'",
            What::Directory,
        ),
        (
            "sed: couldn't open temporary file ./sedccpA2o: Read-only file system",
            What::Entry,
        ),
        (
            "/bin/dash: 1: cannot create out: Read-only file system",
            What::Entry,
        ),
        ("rename(/app/a,/app/b): Read-only file system", What::Entry),
        (
            "  File \"/app/x.py\", line 1, in <module>\n    open('log', 'a')\n    ~~~~^^^^^\nOSError: [Errno 30] Read-only file system: 'log'",
            What::Entry,
        ),
        (
            "  File \"<frozen os>\", line 227, in makedirs\n    mkdir(name, mode)\nOSError: [Errno 30] Read-only file system: '/app/a.d'",
            What::Directory,
        ),
        (
            "touch: cannot touch 'public/x': Read-only file system",
            What::Entry,
        ),
        (
            "ln: failed to create symbolic link 'public/storage': Read-only file system",
            What::Entry,
        ),
        (
            "OSError: [Errno 30] Read-only file system: '/app/b'",
            What::Unknown,
        ),
        (
            "The /app/bootstrap/cache directory must be present and writable.",
            What::Directory,
        ),
    ] {
        let reading = read(output);
        let found = reading.candidates.first().map(|one| one.what);
        assert_eq!(found, Some(what), "{output}");
    }
}

#[test]
fn of_many_complaints_the_first_ones_are_kept() {
    let many: String = (0..100)
        .map(|number| format!("touch: cannot touch 'a/{number}': Read-only file system\n"))
        .collect();
    let reading = read(&many);
    assert_eq!(reading.candidates.len(), MOST);
    assert_eq!(reading.candidates[0].path, "a/0");
}
