//! Writes an image's plan as a Dockerfile that Docker 20.10's classic builder understands, in a tar archive with the
//! files that it copies.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;

use bytes::Bytes;

use crate::engine::spec::{Collected, ImageFile, ImagePlan};

/// The Dockerfile, and the files of the build context by their paths there.
struct Context<'a> {
    dockerfile: String,
    files: Vec<(String, &'a ImageFile)>,
}

/// The build context of an image.
pub(crate) fn archive(plan: &ImagePlan) -> io::Result<Bytes> {
    let context = Context::of(plan);
    let mut tar = tar::Builder::new(Vec::new());
    let mut append = |path: &str, mode: u32, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        tar.append_data(&mut header, path, bytes)
    };
    for (path, file) in &context.files {
        append(path, file.mode, &file.bytes)?;
    }
    append("Dockerfile", 0o644, context.dockerfile.as_bytes())?;
    Ok(tar.into_inner()?.into())
}

impl<'a> Context<'a> {
    fn of(plan: &'a ImagePlan) -> Self {
        let mut context = Context {
            dockerfile: String::new(),
            files: Vec::new(),
        };
        for collected in &plan.collected {
            context.stage(collected);
        }
        context.line(format_args!("FROM {}", plan.base));
        context.line(format_args!("USER 0:0"));
        for copy in &plan.copies {
            let words = [&copy.from, &copy.to];
            context.line(format_args!("COPY --from={} {}", copy.image, json(&words)));
        }
        context.variables(&plan.variables);
        for Collected { name, from, to, .. } in &plan.collected {
            context.line(format_args!("COPY --from={name} {}", json(&[from, to])));
        }
        context.files("image", &plan.files);
        context.run(&plan.command);
        context.variables(&plan.run_variables);
        if !plan.working_dir.is_empty() {
            context.line(format_args!("WORKDIR {}", plan.working_dir));
        }
        context.line(format_args!("ENTRYPOINT []"));
        context.line(format_args!("CMD {}", json(&plan.run)));
        context.line(format_args!("STOPSIGNAL SIGTERM"));
        if !plan.user.is_empty() {
            context.line(format_args!("USER {}", plan.user));
        }
        context
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let _ = writeln!(self.dockerfile, "{line}");
    }

    /// Adds the stage that collects files.
    fn stage(&mut self, collected: &'a Collected) {
        let Collected { name, image, .. } = collected;
        self.line(format_args!("FROM {image} AS {name}"));
        self.line(format_args!("USER 0:0"));
        self.files(name, &collected.files);
        self.run(&collected.command);
    }

    /// Adds instructions that copy files, one for each directory. In the context, the files are below `of`.
    fn files(&mut self, of: &str, files: &'a [ImageFile]) {
        let mut directories: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for file in files {
            let directory = file.path.rfind('/').map_or("", |at| &file.path[..=at]);
            let path = format!("{of}{}", file.path);
            directories.entry(directory).or_default().push(path.clone());
            self.files.push((path, file));
        }
        for (directory, mut words) in directories {
            words.push(directory.to_owned());
            self.line(format_args!("COPY {}", json(&words)));
        }
    }

    fn run(&mut self, command: &[String]) {
        if !command.is_empty() {
            self.line(format_args!("RUN {}", json(command)));
        }
    }

    fn variables(&mut self, variables: &[(String, String)]) {
        for (name, value) in variables {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            self.line(format_args!("ENV {name}=\"{value}\""));
        }
    }
}

/// Words in the JSON form of an instruction, which keeps each word whole.
fn json<T: serde::Serialize>(words: &[T]) -> String {
    serde_json::to_string(words).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::spec::ImageCopy;

    fn file(path: &str, mode: u32) -> ImageFile {
        ImageFile {
            path: path.to_owned(),
            mode,
            bytes: path.as_bytes().to_vec(),
        }
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    fn plan() -> ImagePlan {
        ImagePlan {
            base: "node:24".to_owned(),
            copies: vec![ImageCopy {
                image: "php:8.4".to_owned(),
                from: "/usr/local/".to_owned(),
                to: "/usr/local/".to_owned(),
                without: None,
            }],
            variables: vec![("PATH".to_owned(), "/more:$PATH".to_owned())],
            collected: vec![Collected {
                name: "clients-db".to_owned(),
                image: "db:1".to_owned(),
                files: vec![file("/collect.sh", 0o644)],
                command: words("sh /collect.sh psql"),
                from: "/found/".to_owned(),
                to: "/opt/clients/db/".to_owned(),
            }],
            files: vec![
                file("/opt/set-up.sh", 0o644),
                file("/usr/bin/start", 0o755),
                file("/opt/list", 0o644),
            ],
            command: words("sh /opt/set-up.sh 1"),
            run_variables: vec![("SAID".to_owned(), "a \"b\" \\c".to_owned())],
            user: "1:2".to_owned(),
            working_dir: "/app".to_owned(),
            run: words("bash"),
        }
    }

    #[test]
    fn a_plan_is_written_as_dockers_builder_reads_it() {
        insta::assert_snapshot!(Context::of(&plan()).dockerfile, @r#"
        FROM db:1 AS clients-db
        USER 0:0
        COPY ["clients-db/collect.sh","/"]
        RUN ["sh","/collect.sh","psql"]
        FROM node:24
        USER 0:0
        COPY --from=php:8.4 ["/usr/local/","/usr/local/"]
        ENV PATH="/more:$PATH"
        COPY --from=clients-db ["/found/","/opt/clients/db/"]
        COPY ["image/opt/set-up.sh","image/opt/list","/opt/"]
        COPY ["image/usr/bin/start","/usr/bin/"]
        RUN ["sh","/opt/set-up.sh","1"]
        ENV SAID="a \"b\" \\c"
        WORKDIR /app
        ENTRYPOINT []
        CMD ["bash"]
        STOPSIGNAL SIGTERM
        USER 1:2
        "#);
    }

    #[test]
    fn a_plan_without_more_than_a_base_is_that_base() {
        let plan = ImagePlan {
            base: "node:24".to_owned(),
            ..ImagePlan::default()
        };
        insta::assert_snapshot!(Context::of(&plan).dockerfile, @"
        FROM node:24
        USER 0:0
        ENTRYPOINT []
        CMD []
        STOPSIGNAL SIGTERM
        ");
    }

    #[test]
    fn the_context_holds_each_file_with_its_permissions_and_no_time() {
        let bytes = archive(&plan()).unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            assert_eq!(header.mtime().unwrap(), 0);
            let path = entry.path().unwrap().display().to_string();
            (path, header.mode().unwrap())
        });
        let entries: Vec<_> = entries.collect();
        let expected = [
            ("clients-db/collect.sh", 0o644),
            ("image/opt/set-up.sh", 0o644),
            ("image/usr/bin/start", 0o755),
            ("image/opt/list", 0o644),
            ("Dockerfile", 0o644),
        ];
        assert_eq!(
            entries,
            expected.map(|(path, mode)| (path.to_owned(), mode))
        );
    }
}
