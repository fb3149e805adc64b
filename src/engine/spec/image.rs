//! The content of an image, as plain data. Each engine has its own way to build an image from it.

use std::collections::{BTreeMap, BTreeSet};

use crate::labels::Labels;

/// The content of an image.
///
/// An engine builds it in this order, as user 0 and group 0: the base, the copies, the variables, the collected
/// files, the files, and then the changes of the command, which sees all of these. The base's entry point, command
/// and user do not apply.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ImagePlan {
    /// The reference of the base image.
    pub base: String,
    /// Paths to copy from other images.
    pub copies: Vec<ImageCopy>,
    /// Variables for the command and for processes in the image. `$NAME` in a value stands for the earlier value of
    /// the variable; everything else is literal.
    pub variables: Vec<(String, String)>,
    /// Files that commands in other images collect.
    pub collected: Vec<Collected>,
    pub files: Vec<ImageFile>,
    /// The command that sets the image up, with its arguments; empty for none. It has access to a network, and the
    /// build fails if it fails.
    pub command: Vec<String>,
    /// Variables for processes in the image, but not for the command.
    pub run_variables: Vec<(String, String)>,
    /// `uid:gid` of processes in the image; empty for user 0.
    pub user: String,
    /// The working directory of processes in the image. It is created if it does not exist.
    pub working_dir: String,
    /// The command of a container that is created without one.
    pub run: Vec<String>,
}

/// A path to copy from another image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageCopy {
    /// The reference of the other image. The engine pulls it if it is missing.
    pub image: String,
    /// The absolute path in the other image. With a slash at its end: the content of that directory.
    pub from: String,
    /// The absolute path in the image to build, with a slash at its end for a directory. Existing files stay, except
    /// those of the same name.
    pub to: String,
    /// The command that is missing where the other image cannot be had and the image is built without it; `None` for a
    /// copy that the image cannot do without. It is no part of the content.
    pub without: Option<String>,
}

/// Files that a command collects in another image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collected {
    /// A name of lower-case letters, digits and dashes, unique within the plan.
    pub name: String,
    /// The reference of the image in which the command runs as user 0. The engine pulls it if it is missing.
    pub image: String,
    /// Files to put there before the command runs.
    pub files: Vec<ImageFile>,
    /// The command with its arguments.
    pub command: Vec<String>,
    /// The directory in that image to copy.
    pub from: String,
    /// The directory in the image to build.
    pub to: String,
}

/// A file of an image, which belongs to user 0 and group 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFile {
    /// The absolute path. Missing parent directories are created.
    pub path: String,
    /// The permissions of the file.
    pub mode: u32,
    /// The content of the file.
    pub bytes: Vec<u8>,
}

/// An image to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageBuild<'a> {
    /// The reference for the result.
    pub tag: &'a str,
    /// The content of the image.
    pub plan: &'a ImagePlan,
    pub labels: Labels,
    /// Variables for the commands of the build, such as those of a proxy. The image does not contain them.
    pub variables: BTreeMap<String, String>,
    /// The name of the network for the commands of the build; empty for no network.
    pub network: String,
}

impl ImagePlan {
    /// The references of the images that the build starts from, each once; the base is the first.
    pub fn bases(&self) -> Vec<String> {
        let copied = self.copies.iter().map(|copy| &copy.image);
        let collected = self.collected.iter().map(|collected| &collected.image);
        let mut seen = BTreeSet::new();
        std::iter::once(&self.base)
            .chain(copied)
            .chain(collected)
            .filter(|image| seen.insert(image.as_str()))
            .cloned()
            .collect()
    }

    /// The commands that the image lacks if it is built without another image; `None` if it cannot be.
    pub fn lacks_without(&self, image: &str) -> Option<Vec<&str>> {
        let is_collected = self.collected.iter().any(|from| from.image == image);
        if self.base == image || is_collected {
            return None;
        }
        let copies = self.copies.iter().filter(|copy| copy.image == image);
        copies.map(|copy| copy.without.as_deref()).collect()
    }

    /// Everything that the image depends on, as bytes: equal for equal plans in all versions of `upsun-local`, and
    /// different for different plans. The length stands before each part, so that different lists of parts never give
    /// the same bytes.
    pub fn content(&self) -> Vec<u8> {
        let mut content = Content::default();
        content.text(&self.base);
        content.list(&self.copies, |content, copy| {
            for part in [&copy.image, &copy.from, &copy.to] {
                content.text(part);
            }
        });
        content.pairs(&self.variables);
        content.list(&self.collected, |content, collected| {
            content.text(&collected.name);
            content.text(&collected.image);
            content.files(&collected.files);
            content.texts(&collected.command);
            content.text(&collected.from);
            content.text(&collected.to);
        });
        content.files(&self.files);
        content.texts(&self.command);
        content.pairs(&self.run_variables);
        content.text(&self.user);
        content.text(&self.working_dir);
        content.texts(&self.run);
        content.0
    }
}

#[derive(Default)]
struct Content(Vec<u8>);

impl Content {
    fn bytes(&mut self, part: &[u8]) {
        self.number(part.len() as u64);
        self.0.extend_from_slice(part);
    }

    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn text(&mut self, part: &str) {
        self.bytes(part.as_bytes());
    }

    fn list<T>(&mut self, parts: &[T], each: impl Fn(&mut Self, &T)) {
        self.number(parts.len() as u64);
        for part in parts {
            each(self, part);
        }
    }

    fn texts(&mut self, parts: &[String]) {
        self.list(parts, |content, part| content.text(part));
    }

    fn pairs(&mut self, parts: &[(String, String)]) {
        self.list(parts, |content, (name, value)| {
            content.text(name);
            content.text(value);
        });
    }

    fn files(&mut self, files: &[ImageFile]) {
        self.list(files, |content, file| {
            content.text(&file.path);
            content.number(u64::from(file.mode));
            content.bytes(&file.bytes);
        });
    }
}

#[cfg(test)]
mod tests {
    use sha1::Digest;

    use super::*;

    fn plan() -> ImagePlan {
        let file = |path: &str| ImageFile {
            path: path.to_owned(),
            mode: 0o644,
            bytes: b"echo\n".to_vec(),
        };
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
        let pair = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        ImagePlan {
            base: "base:1".to_owned(),
            copies: ["more:1", "base:1", "more:1"]
                .map(|image| ImageCopy {
                    image: image.to_owned(),
                    from: "/a/".to_owned(),
                    to: "/b/".to_owned(),
                    without: None,
                })
                .into(),
            variables: pair("PATH", "/a:$PATH"),
            collected: vec![Collected {
                name: "db".to_owned(),
                image: "db:1".to_owned(),
                files: vec![file("/collect")],
                command: texts(&["sh", "/collect"]),
                from: "/found/".to_owned(),
                to: "/db/".to_owned(),
            }],
            files: vec![file("/set-up")],
            command: texts(&["sh", "/set-up"]),
            run_variables: pair("HOME", "/app"),
            user: "1:1".to_owned(),
            working_dir: "/app".to_owned(),
            run: texts(&["sh"]),
        }
    }

    #[test]
    fn each_image_that_it_is_made_from_is_named_once_and_its_base_first() {
        assert_eq!(plan().bases(), ["base:1", "more:1", "db:1"]);
    }

    /// Images that are on users' machines are found again by it: this must never change.
    #[test]
    fn the_same_plan_has_the_same_content_for_ever() {
        let hash = sha1::Sha1::digest(plan().content());
        assert_eq!(
            format!("{hash:x}"),
            "b59d5ff71de0a18eadd134497266826259b64ecd"
        );
    }

    #[test]
    fn no_part_can_change_without_the_content() {
        let changes: [fn(&mut ImagePlan); 16] = [
            |plan| plan.base.push('1'),
            |plan| plan.copies[0].image.push('1'),
            |plan| plan.copies[0].from.push('1'),
            |plan| plan.copies[0].to.push('1'),
            |plan| plan.copies.truncate(2),
            |plan| plan.variables[0].1.push('1'),
            |plan| plan.collected[0].image.push('1'),
            |plan| plan.collected[0].files[0].bytes.push(b'1'),
            |plan| plan.collected[0].command[1].push('1'),
            |plan| plan.files[0].mode = 0o755,
            |plan| plan.files[0].bytes.push(b'1'),
            |plan| plan.command[1].push('1'),
            |plan| plan.run_variables = std::mem::take(&mut plan.variables),
            |plan| plan.user.push('1'),
            |plan| plan.working_dir.push('1'),
            |plan| plan.run.push(String::new()),
        ];
        let mut contents = BTreeSet::from([plan().content()]);
        for change in changes {
            let mut other = plan();
            change(&mut other);
            contents.insert(other.content());
        }
        assert_eq!(contents.len(), 17);
    }
}
