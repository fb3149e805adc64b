//! The commands of the tutorials are there, and what the tutorials show of lists and refusals is what they
//! print. No engine is needed for that.

use crate::support::{Outcome, TestProject, outcome};
use crate::{EXAMPLES, example};

/// A command of a tutorial, and what stands below it there.
#[derive(Debug)]
struct Step {
    words: Vec<String>,
    shown: String,
}

impl Step {
    /// The subcommand: `run`, `mount list`.
    fn is(&self, subcommand: &str) -> bool {
        let mut words = self.words.iter().map(String::as_str);
        subcommand.split(' ').all(|word| words.next() == Some(word))
    }

    fn words(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }
}

/// Every `$ upsun-local …` of the console blocks.
fn steps(tutorial: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let (mut inside, mut ours) = (false, false);
    for line in tutorial.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
            ours = false;
        } else if let Some(command) = line.strip_prefix("$ ").filter(|_| inside) {
            let words = split(command);
            ours = words[0] == "upsun-local";
            if ours {
                steps.push(Step {
                    words: words[1..].to_vec(),
                    shown: String::new(),
                });
            }
        } else if ours && let Some(step) = steps.last_mut() {
            step.shown.push_str(line);
            step.shown.push('\n');
        }
    }
    steps
}

/// The words of a command as a shell sees them, up to a pipe or a comment.
fn split(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in command.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => word.get_or_insert_default().push(character),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '|' | '#') if word.is_none() => break,
            (None, _) => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

/// Runs a command that must come to its end without an engine.
fn without_engine(project: &TestProject, words: &[&str]) -> Outcome {
    let mut command = project.command(words);
    command.env("DOCKER_HOST", "unix:///nowhere.sock");
    outcome(&mut command, &project.root())
}

fn verify(name: &str, project: &TestProject, step: &Step) {
    let words = step.words();
    if step.shown.starts_with("error:") {
        let refused = without_engine(project, &words);
        assert_ne!(refused.code, 0, "{name}: {words:?}");
        assert_eq!(
            refused.stderr.trim_end(),
            step.shown.trim_end(),
            "{name}: {words:?}"
        );
    } else if step.is("list") || step.is("mount list") {
        let listed = without_engine(project, &words).expect(0);
        assert_eq!(listed.stdout, step.shown, "{name}: {words:?}");
    } else if step.is("run") {
        let planned = [&words[..], &["--dry-run"]].concat();
        project.run(&planned).expect(0);
    } else {
        let own = words.split(|word| *word == "--").next().unwrap_or_default();
        project.run(&[own, &["--help"]].concat()).expect(0);
    }
}

#[test]
fn every_command_of_a_tutorial_is_there_and_refusals_and_lists_are_as_shown() {
    for name in EXAMPLES {
        let project = example(name);
        let tutorial = std::fs::read_to_string(project.root().join("README.md"));
        let steps = steps(&tutorial.expect("a tutorial"));
        assert!(steps.iter().any(|step| step.is("run")), "{name}");
        assert!(
            steps.iter().any(|step| step.shown.starts_with("error:")),
            "{name} shows a refusal"
        );
        for step in &steps {
            verify(name, &project, step);
        }
    }
}

#[test]
fn commands_are_split_as_a_shell_splits_them() {
    assert_eq!(
        split("upsun-local run a --variable 'env:WHAT=two teapots' | head # first"),
        [
            "upsun-local",
            "run",
            "a",
            "--variable",
            "env:WHAT=two teapots"
        ]
    );
    assert_eq!(split("a \"b|c\"d ''"), ["a", "b|cd", ""]);
}
