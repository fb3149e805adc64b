//! The notes about a finished build, which are labels of the volume that marks it: the files under the build's
//! mounts, which the mounts hide from then on, and the state of its directories, by which missing files are noticed.

use std::collections::BTreeMap;

use super::{Planned, Result, Sandbox};
use crate::engine::spec::{ExecSpec, Volume, VolumeSpec};
use crate::engine::{Engine, Error as EngineError};
use crate::labels::Kind;
use crate::labels::{LABEL_BUILD, Labels};
use crate::mount_advice::UnderMount;
use crate::text::quote;

/// Label of a mark: the files under the mounts, as JSON.
const LABEL_UNDER_MOUNTS: &str = "local.upsun.under-mounts";

/// Label of a mark: the checksum of the state of the build's directories.
const LABEL_LOOK: &str = "local.upsun.look";

/// How many paths are noted for one mount.
const NOTED: usize = 200;

/// The longest note about all mounts, in bytes.
const LONGEST: usize = 32 << 10;

/// The state of a build when it was finished.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Finished {
    under_mounts: BTreeMap<String, UnderMount>,
    look: Option<String>,
}

/// Prints the checksum of the upper directories of `/app` and their modification times. The arguments are the mount
/// points, since a container with mounts has other files below them.
const LOOK: &str = "\
for point; do set -- \"$@\" -path \"/app/$point\" -prune -o; shift; done
find /app -maxdepth 3 \"$@\" -type d -printf '%T@ %p\\0' | LC_ALL=C sort -z | sha256sum | cut -d ' ' -f 1";

/// A script that makes the missing mount points, and prints the files in the others.
fn script(mount_points: &[String]) -> String {
    let mut script = String::from("cd /app || exit 1\n");
    for point in mount_points {
        let word = quote(point);
        script.push_str(&format!(
            "if [ -d {word} ]; then\n\
             printf 'm%s\\0' {word}\n\
             {{ find {word}/ -mindepth 1 -maxdepth 1 -printf '%y%p\\0'; find {word}/ -mindepth 2 -printf '%y%p\\0'; }} | head -z -n {NOTED}\n\
             printf '#%s\\0' \"$(find {word}/ -mindepth 1 ! -type d -printf x | wc -c)\"\n\
             else mkdir -p {word} || exit 1; fi\n"
        ));
    }
    script.push_str("printf '='\n");
    script
}

impl Finished {
    fn parse(printed: &str) -> Self {
        let mut finished = Finished::default();
        let mut under: Option<&mut UnderMount> = None;
        for record in printed.split('\0') {
            let Some((kind, rest)) = record.split_at_checked(1) else {
                continue;
            };
            let path = || rest.replacen("//", "/", 1);
            match (kind, &mut under) {
                ("m", _) => {
                    under = Some(finished.under_mounts.entry(rest.to_owned()).or_default());
                }
                ("=", _) => finished.look = Some(rest.trim().to_owned()),
                ("#", Some(under)) => under.files = rest.trim().parse().unwrap_or_default(),
                ("d", Some(under)) => under.some_directories.push(path()),
                (_, Some(under)) => under.some_files.push(path()),
                _ => {}
            }
        }
        finished.look = finished.look.filter(|look| !look.is_empty());
        finished
            .under_mounts
            .retain(|_, under| under.files > 0 || !under.some_directories.is_empty());
        finished
    }

    /// The state of a build that is only the source: no command ran in it.
    pub(super) fn of_source(planned: &Planned<'_>) -> Self {
        let source = planned.source();
        let points = planned.plan.build.mount_points.iter();
        let under_mounts = points
            .map(|point| (point.clone(), source.under(point, NOTED)))
            .filter(|(_, under)| under.files > 0)
            .collect();
        Finished {
            under_mounts,
            look: None,
        }
    }

    /// The mounts that hide files of the build.
    pub(super) fn overlapping(&self) -> impl Iterator<Item = &String> {
        self.under_mounts.keys()
    }

    /// The mark with these notes as its labels.
    pub(super) fn noted_on(mut self, mark: &VolumeSpec) -> VolumeSpec {
        let mut mark = mark.clone();
        if let Some(look) = self.look.take() {
            mark.labels.insert(LABEL_LOOK.to_owned(), look);
        }
        let note = |of: &BTreeMap<String, UnderMount>| {
            serde_json::to_string(of)
                .ok()
                .filter(|text| text.len() <= LONGEST)
        };
        let mut text = note(&self.under_mounts);
        if text.is_none() {
            // If the note is too long, keep the upper paths of each mount.
            for under in self.under_mounts.values_mut() {
                under.some_files.truncate(3);
                under.some_directories.truncate(8);
            }
            text = note(&self.under_mounts);
        }
        if let Some(text) = text.filter(|_| !self.under_mounts.is_empty()) {
            mark.labels.insert(LABEL_UNDER_MOUNTS.to_owned(), text);
        }
        mark
    }
}

/// The labels of the mark of a build that was copied to another engine. Engines copy modification times in whole
/// seconds, so that the noted state does not hold there.
pub(super) fn carried(mut mark: Labels) -> Labels {
    mark.remove(LABEL_LOOK);
    mark
}

/// The note of a mark about files under mounts.
fn under_mounts(mark: &Labels) -> BTreeMap<String, UnderMount> {
    mark.get(LABEL_UNDER_MOUNTS)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

impl<E: Engine> Sandbox<'_, E> {
    /// Makes the mount points that the build did not make, and reads the state of the build.
    pub(super) async fn finish(&self, planned: &Planned<'_>, container: &str) -> Result<Finished> {
        let points = &planned.plan.build.mount_points;
        let script = format!("{}set --{}\n{LOOK}", script(points), words(points));
        let spec = ExecSpec {
            command: ["/bin/dash", "-c", &script].map(str::to_owned).to_vec(),
            ..ExecSpec::default()
        };
        let (code, output, errors) = self.capture(container, &spec).await?;
        if code != 0 {
            let message = format!("mount points cannot be made: {}", errors.trim());
            return Err(EngineError::Other(message).into());
        }
        Ok(Finished::parse(&output))
    }

    /// The files under the mounts of the container's build.
    pub(super) async fn under_mounts(&self, container: &str) -> BTreeMap<String, UnderMount> {
        let Ok(containers) = self.engine.containers(&self.project.labels()).await else {
            return BTreeMap::new();
        };
        let own = containers.iter().find(|found| found.id == container);
        let Some(build) = own.and_then(|found| found.labels.get(LABEL_BUILD)) else {
            return BTreeMap::new();
        };
        // Without the mark the advice is shorter.
        let mark = self.mark_of_build(build).await.ok().flatten();
        mark.map(|mark| under_mounts(&mark.labels))
            .unwrap_or_default()
    }

    /// The noted state of an app's directories when its build was finished. `None` if no state was noted, as for a
    /// build without commands.
    pub(super) async fn noted_look(&self, planned: &Planned<'_>) -> Result<Option<String>> {
        let mark = self.mark_of_build(&planned.plan.build.id).await?;
        Ok(mark.and_then(|mark| mark.labels.get(LABEL_LOOK).cloned()))
    }

    /// The mark of a finished build.
    pub(super) async fn mark_of_build(&self, build: &str) -> Result<Option<Volume>> {
        let mut labels = self.project.labels();
        labels.extend([Kind::Built.label()]);
        labels.insert(LABEL_BUILD.to_owned(), build.to_owned());
        Ok(self.engine.volumes(&labels).await?.into_iter().next())
    }
}

/// A script that prints the state of the build in a running container.
pub(super) fn look(mount_points: &[String]) -> String {
    format!("set --{}\n{LOOK}", words(mount_points))
}

fn words(mount_points: &[String]) -> String {
    let mut words = String::new();
    for point in mount_points {
        words.push(' ');
        words.push_str(&quote(&pattern(point)));
    }
    words
}

/// Escapes a path for `find`, so that the pattern matches this path only.
fn pattern(path: &str) -> String {
    super::mounts::escaped(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(finished: Finished) -> Labels {
        let spec = VolumeSpec {
            name: "mark".to_owned(),
            labels: Labels::new(),
            directory_of: None,
            memory: None,
            layers: None,
        };
        finished.noted_on(&spec).labels
    }

    #[test]
    fn what_lies_under_mounts_is_read_back_from_the_mark() {
        let printed =
            "mvar\0dvar//cache\0fvar//a b\nc\0lvar//link\0fvar//cache/x\0#3\0mempty\0#0\0=abc\n";
        let finished = Finished::parse(printed);
        let overlapping: Vec<&String> = finished.overlapping().collect();
        assert_eq!(overlapping, ["var"]);
        let labels = mark(finished);
        assert_eq!(labels[LABEL_LOOK], "abc");
        let expected = UnderMount {
            files: 3,
            some_files: ["var/a b\nc", "var/link", "var/cache/x"]
                .map(str::to_owned)
                .to_vec(),
            some_directories: vec!["var/cache".to_owned()],
        };
        assert_eq!(under_mounts(&labels)["var"], expected);
    }

    #[test]
    fn a_note_is_never_so_long_that_an_engine_might_refuse_it() {
        let mut printed = String::new();
        for mount in 0..20 {
            printed.push_str(&format!("m{mount}\0"));
            for file in 0..NOTED {
                printed.push_str(&format!("f{mount}//{}{file}\0", "x".repeat(200)));
            }
            printed.push_str("#5000\0");
        }
        let labels = mark(Finished::parse(&printed));
        assert!(labels[LABEL_UNDER_MOUNTS].len() <= LONGEST);
        let under = under_mounts(&labels);
        assert_eq!((under.len(), under["7"].files), (20, 5000));
    }

    #[test]
    fn a_mark_of_an_earlier_version_says_nothing() {
        assert_eq!(under_mounts(&Labels::new()), BTreeMap::new());
        assert_eq!(mark(Finished::parse("")), Labels::new());
    }
}
