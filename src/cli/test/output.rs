//! Where results go: standard output, or a file.

use std::io::Write;
use std::path::Path;

use super::Format;
use crate::cli::check;
use crate::cli::context::{Context, plain_style};
use upsun_local::failure::{CANNOT_MAKE, Failure};
use upsun_local::settings;
use upsun_local::source::Git;
use upsun_local::suite::{self as tests, Report};

/// The file that results are written to.
pub(super) struct File<'a> {
    path: &'a Path,
    file: std::fs::File,
}

impl<'a> File<'a> {
    /// What it holds stays until there is something to write.
    pub(super) fn open(path: &'a Path) -> Result<Self, Failure> {
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|err| {
            Failure::new(
                CANNOT_MAKE,
                format!("`{}` cannot be written: {err}", path.display()),
            )
            .hint("`-o` takes a file in a directory that is there; no test was run")
        })?;
        Ok(File { path, file })
    }

    fn write(mut self, text: &str) -> Result<(), Failure> {
        let is_file = self.file.metadata().is_ok_and(|it| it.is_file());
        let emptied = if is_file {
            self.file.set_len(0)
        } else {
            Ok(())
        };
        let written = emptied.and_then(|()| self.file.write_all(text.as_bytes()));
        written.map_err(|err| {
            Failure::fault(format!(
                "`{}` cannot be written: {err}",
                self.path.display()
            ))
        })
    }

    /// Whether it belongs to what Git would deploy.
    fn is_deployed_from(&self, root: &Path) -> bool {
        let path = self.path.canonicalize();
        let is_inside = path.as_ref().is_ok_and(|path| path.starts_with(root));
        let here = std::env::current_dir().unwrap_or_default();
        let mut asked = Git::of_process().command(&here, &["check-ignore", "-q", "--"]);
        let mut ignored = || asked.arg(self.path).status();
        is_inside && ignored().is_ok_and(|status| status.code() == Some(1))
    }
}

/// Prints the results, or writes them to a file. Lines of text were printed when each test ended. `root` is the
/// repository, if the command works on one.
pub(super) fn report(
    context: &Context,
    root: Option<&Path>,
    format: Format,
    output: Option<File<'_>>,
    report: &Report,
) -> Result<(), Failure> {
    let text = match format {
        Format::Junit => tests::junit(report),
        Format::Json => tests::json(report),
        Format::Github => {
            let folder = root.map(|root| check::folder(context, root));
            let file = [folder.as_deref().unwrap_or_default(), settings::FILE_NAME].join("/");
            tests::github(report, file.trim_start_matches('/'))
        }
        Format::Text => {
            let line = |verdict| tests::line(verdict, plain_style());
            let mut text: String = report.verdicts.iter().map(line).collect();
            if report.synced {
                text.push_str(&tests::summary_of(report));
                text.push('\n');
            }
            text
        }
    };
    let Some(output) = output else {
        return match format {
            Format::Text => Ok(()),
            _ => context.print(&text),
        };
    };
    if root.is_some_and(|root| output.is_deployed_from(root)) && !context.global.quiet {
        context.talk(&format!(
            "{}: `{}` is a file of the repository that Git does not ignore, so apps are built again with it\n",
            context.style.warning("warning"),
            output.path.display()
        ));
    }
    output.write(&text)
}
