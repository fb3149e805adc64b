//! The wordings that say where the path stands.

use std::sync::LazyLock;

use regex_automata::meta::Regex;
use regex_automata::util::captures::Captures;

use super::What;

/// A wording. The last of its groups that takes part is the path.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    what: What,
}

impl Pattern {
    /// The path in a line of this wording.
    pub(super) fn find<'a>(&self, line: &'a str) -> Option<(&'a str, What)> {
        let mut captures: Captures = self.regex.create_captures();
        self.regex.captures(line, &mut captures);
        let mut groups = (1..captures.group_len()).rev();
        let span = groups.find_map(|at| captures.get_group(at))?;
        Some((&line[span.start..span.end], self.what))
    }
}

/// Between quotes of any kind.
const QUOTED: &str = r#"(?:'([^']+)'|"([^"]+)"|‘([^’]+)’|`([^`']+)[`'])"#;

/// An absolute path after a quote: whatever quotes are around that, it ends at the next one.
const ABSOLUTE: &str = r#"["'‘`](/[^"'’`]+)["'’`]"#;

/// A path that looks like one: with a slash or a dot in it, and without blanks, or absolute.
const PLAIN: &str = r"(/[^:()]+|[^\s:()'`]*[./][^\s:()'`]*)";

/// What stands before the last name of a function in a line, which PHP prints with its arguments.
const BEFORE: &str = r"^(?:.*[^\w/.\-])?";

/// What Go's errors begin with, after nothing or after something else's end.
const GO: &str = r#"(?:^|[^A-Za-z\s]\s|["(=])"#;

/// Wordings of the kernel's two answers. `{W}` is the answer.
const ANSWERS: &[(&str, What)] = &[
    // Ruby.
    (r"{W} @ rb_file_s_\w+ - \(.+, (.+?)\)", What::Entry),
    (
        r"{W} @ dir_\w+ - (.+?)(?: \(Errno::\w+\).*)?$",
        What::Directory,
    ),
    (r"{W} @ \w+ - (.+?)(?: \(Errno::\w+\).*)?$", What::Entry),
    // Node.
    (r"{W}, (?:mkdir|mkdtemp) {Q}", What::Directory),
    (r"{W}, \w+ {Q}(?: -> {Q})?", What::Entry),
    // Python, then .NET.
    (r"{W}: b?{Q}(?: -> b?{Q})?", What::Unknown),
    (r"{W} : {Q}", What::Unknown),
    (r"^zsh(?::\d+)?: {W}: (.+)$", What::Unknown),
    // Rust's temporary files, such as those of `mktemp` in Ubuntu from 25.10 on.
    (r"{W} \(os error \d+\) at path {Q}", What::Entry),
    // Java.
    (r"Exception: (/?\S.*) \({W}\)", What::Entry),
    (
        r"FileSystemException: (?:.+ -> )?([^:]+): {W}",
        What::Unknown,
    ),
    // PHP: its functions with their arguments, then those that say it in a sentence.
    (
        r"{B}(?:rename|copy|link|symlink)\([^()]*,\s*([^()]+)\): (?:[Ff]ailed to open stream: )?{W}",
        What::Entry,
    ),
    (r"{B}mkdir\(([^()'][^()]*)\): {W}", What::Directory),
    (
        r"{B}[A-Za-z_][\w:\\]*\(([^()'][^()]*(?:\([^()]*\)[^()]*)*)\): (?:[Ff]ailed to open (?:stream|dir): )?{W}",
        What::Entry,
    ),
    (r"Unable to create file (.+) because {W}", What::Entry),
    (r"\bopen\(([^()]+), O_\w+\) failed: {W}", What::Entry),
    (
        r#"stream or file "([^"]+)" could not be opened"#,
        What::Entry,
    ),
    (r"[Ff]ailed to create {A}: mkdir\(\): {W}", What::Directory),
    (
        r"^\W*(/\S+) does not exist and could not be created: mkdir\(\): {W}",
        What::Directory,
    ),
    // sed, patch and perl -i: a file beside the one that is edited.
    (r"couldn't open temporary file (.+?): {W}", What::Entry),
    (r"[Cc]an't create temporary file (.+?) ?: {W}", What::Entry),
    (r"[Cc]an't rename file .+ to (.+?) ?: {W}", What::Entry),
    (r"^[Cc]an't do inplace edit on ([^:]+): {W}", What::Entry),
    // rsync.
    (r"mkdir {Q} failed: {W}", What::Directory),
    (r"{Q} failed: {W}", What::Entry),
    // Shells.
    (r": \d+: cannot create ([^:]+): {W}", What::Entry),
    (r": line \d+: ([^:]+): {W}", What::Entry),
    (
        r"^[\w./-]+: (?:line \d+: )?can't create ([^:' ]+): {W}",
        What::Entry,
    ),
    // tar, curl.
    (r"^tar: (.+): Cannot mkdir: {W}", What::Directory),
    (r"^tar: (.+): Cannot [\w ]+: {W}", What::Entry),
    (
        r"[Ff]ailed to (?:open|create) the file ([^:]+): {W}",
        What::Entry,
    ),
    // coreutils and all that quote: an absolute path wherever it is, another one right before the answer.
    (
        r"(?:create|make) director(?:y|ies) {Q}: {W}",
        What::Directory,
    ),
    (r"(?:^|\W)mkdir\(?{Q}[^'`]*: '?{W}", What::Directory),
    (
        r#"(?:touch|remove|unlink|delete|open|write|write to|file|link|fifo|permissions of|ownership of|times of) {Q}(?: for \w+)?: ['"]?{W}"#,
        What::Entry,
    ),
    (r"^.*{A}[^/]*{W}", What::Unknown),
    (
        r#"(?:move|rename|link|copy) {Q} to {Q}: "?{W}"#,
        What::Entry,
    ),
    (r#"{Q}(?: for \w+)?: ['"]?{W}"#, What::Unknown),
    // Go; git says it in sentences.
    (r"{G}mkdir(?:at)? (/[^:]+|[^\s:]+): {W}", What::Directory),
    (
        r"{G}(?:rename|symlink|link) \S+ (/[^:]+|[^\s:]+): {W}",
        What::Entry,
    ),
    (
        r"{G}(?:open|openat|create|unlink|unlinkat|remove|truncate|chmod|chown|lchown|chtimes) (/[^:]+|[^\s:]+): {W}",
        What::Entry,
    ),
    (
        r"(?:cannot|could not) mkdir ([^\s:]+): {W}",
        What::Directory,
    ),
    (
        r"(?:[Cc]an't|[Cc]annot|[Cc]ould not|[Cc]ouldn't|[Uu]nable to|[Ff]ailed to) (?:make|mkdir|create)(?: the)? (?:(?:directory|dir|folder) )?{P}: {W}",
        What::Unknown,
    ),
    (
        r"(?:[Cc]an't|[Cc]annot|[Cc]ould not|[Cc]ouldn't|[Uu]nable to|[Ff]ailed to) [\w ]+ {P} ?(?: for \w+)?: {W}",
        What::Entry,
    ),
    // A program and what it is about; the latter alone, as wget has it.
    (
        r"^(?:[\w.-]+: )?\s*[a-z][\w.+-]*: (/[^:]+|[^\s:()\[\]'`{}]+): {W}",
        What::Entry,
    ),
    (r"^(/[^:]+|[\w.-]*[./][\w./-]*): {W}", What::Entry),
    // A log line that names one file of the app before it says why.
    (r"^[^/]*(/app/[^\s:'`]+)(?: |: |, )[^/]*{W}", What::Unknown),
];

/// Wordings of programs that look before they write.
const SENTENCES: &[(&str, What)] = &[
    // Laravel, psysh, Flysystem.
    (
        r"(?:^|\s)(/\S+) directory must be present and writable",
        What::Directory,
    ),
    (
        r"Writing to directory (/\S+) is not allowed",
        What::Directory,
    ),
    (
        r"Unable to create a directory at (.+?)\.?(?: |$)",
        What::Directory,
    ),
    (
        r"[Dd]atabase file at path \[([^\]]+)\] does not exist",
        What::Entry,
    ),
    (r#"unable to open database "([^"]+)""#, What::Entry),
    // Symfony, Twig, Doctrine.
    (
        r#"(?:[Uu]nable to|[Cc]annot|[Cc]ould not|[Ff]ailed to) (?:create|write (?:in|to))(?: the)?(?: "[^"]*"| [\w-]+)* directory \(([^()]+)\)"#,
        What::Directory,
    ),
    (
        r#"(?:[Uu]nable to|[Cc]annot|[Cc]ould not|[Ff]ailed to) (?:write|create|touch|copy|dump|open|save|rename)\b.*["'‘`\[(](/[^"'’`\])]+)["'’`\])]"#,
        What::Unknown,
    ),
    (
        r#"(?:[Uu]nable to|[Cc]annot|[Cc]ould not|[Ff]ailed to|[Ii]nsufficient permission to) create (?:[\w-]+ )*?directory:? ["'‘`]?(/?[^\s"'’`:,()]+?)["'’`]?(?:\.$|\. |[:,]| |$)"#,
        What::Directory,
    ),
    (
        r"[Aa]ttempt to create the directory /?(/\S+?)/? failed",
        What::Directory,
    ),
    // Drupal, WordPress, Magento and everybody else.
    (
        r#"director(?:y|ies):? ["'‘`\[(]?(/?[^\s"'’`()\[\]]+?)["'’`\])]? (?:is|are) (?:not|n't) writ"#,
        What::Directory,
    ),
    (
        r#"(?:^|[\s"'‘`\[(])(/[^\s"'’`()\[\]]+?)["'’`\])]? (?:directory |folder )?(?:is|are) (?:not|n't) writ"#,
        What::Unknown,
    ),
    (
        r#"["'‘`](/[^"'’`]+)["'’`] (?:must|should|needs to) be writ"#,
        What::Unknown,
    ),
    (
        r#"(?:^|[\s"'‘`\[(])(/[^\s"'’`()\[\]]+?)["'’`\])]?,? (?:must|should|needs to) be writ"#,
        What::Unknown,
    ),
    (
        r"(?:file|[Ff]ile) (?:at )?(/\S+?)[,.]? is not writ",
        What::Entry,
    ),
    // Rails, Bundler, Composer.
    (r"ensure that (/\S+) exists and is writable", What::Entry),
    (
        r"error while trying to (?:write to|create|access) [`'](/?[^`']+)[`']",
        What::Unknown,
    ),
    (
        r"^\W*(/\S+) does not exist and could not be created",
        What::Directory,
    ),
];

fn compiled(list: &[(&str, What)], answer: &str) -> Vec<Pattern> {
    list.iter()
        .filter_map(|(wording, what)| {
            let wording = wording
                .replace("{W}", answer)
                .replace("{Q}", QUOTED)
                .replace("{A}", ABSOLUTE)
                .replace("{P}", PLAIN)
                .replace("{B}", BEFORE)
                .replace("{G}", GO);
            let regex = Regex::new(&wording);
            debug_assert!(regex.is_ok(), "{wording}: {regex:?}");
            let (regex, what) = (regex.ok()?, *what);
            Some(Pattern { regex, what })
        })
        .collect()
}

/// Where a line says that the file system is read-only.
pub(super) static READ_ONLY: LazyLock<Vec<Pattern>> =
    LazyLock::new(|| compiled(ANSWERS, r"(?:EROFS: )?[Rr]ead-only file system"));

/// Where it says that something is not there. The same programs say it in the same ways.
pub(super) static MISSING: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let answer = r"(?:(?:ENOENT: )?[Nn]o such file or directory|[Dd]irectory nonexistent)";
    compiled(ANSWERS, answer)
});

/// Where it says in other words that something cannot be written.
pub(super) static NOT_WRITABLE: LazyLock<Vec<Pattern>> = LazyLock::new(|| compiled(SENTENCES, ""));
