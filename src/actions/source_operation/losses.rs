//! Changes that a source operation leaves in its clone without committing them.

use crate::lifecycle::Left;
use crate::text;

/// Messages for the changes that are lost, on Upsun as well as here.
pub(super) fn losses(app: &str, branch: &str, left: &[Left]) -> Vec<String> {
    let mut all = Vec::new();
    let list = |names: &[&String], count: usize| {
        let mut text: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        if count > names.len() {
            text.push(format!("and {} more", count - names.len()));
        }
        text.join(", ")
    };
    let mut tags = Vec::new();
    for left in left {
        match left {
            Left::Files(count, names) => {
                let names: Vec<&String> = names.iter().collect();
                let (are, them) = if *count == 1 { ("file is", "is") } else { ("files are", "are") };
                all.push(format!(
                    "{app}: {count} {are} changed but not committed, and {them} gone: {}",
                    list(&names, *count)
                ));
            }
            Left::Detached(count) => {
                let commits = text::count(*count, "commit");
                all.push(format!(
                    "{app} left {commits} on no branch: they are not taken, as Upsun pushes the branch that was checked out, `{branch}`"
                ));
            }
            Left::Branch(other) => all.push(format!(
                "{app} left commits on the branch `{other}`: they are not taken, as Upsun pushes the branch that was checked out, `{branch}`"
            )),
            Left::Tag(tag) => tags.push(tag),
            Left::Unfinished(what) => {
                all.push(format!("{app} left a {what} that is not finished, and it is gone"));
            }
        }
    }
    if !tags.is_empty() {
        let shown = &tags[..tags.len().min(5)];
        all.push(format!(
            "{app} made tags, and they are not taken: {}",
            list(shown, tags.len())
        ));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_said_by_name() {
        let text = |text: &str| text.to_owned();
        let left = [
            Left::Files(7, vec![text("a"), text("b")]),
            Left::Detached(1),
            Left::Branch(text("x")),
            Left::Tag(text("v1")),
            Left::Unfinished(text("merge")),
            Left::Tag(text("v2")),
        ];
        insta::assert_snapshot!(losses("web", "main", &left).join("\n"), @r#"
        web: 7 files are changed but not committed, and are gone: `a`, `b`, and 5 more
        web left 1 commit on no branch: they are not taken, as Upsun pushes the branch that was checked out, `main`
        web left commits on the branch `x`: they are not taken, as Upsun pushes the branch that was checked out, `main`
        web left a merge that is not finished, and it is gone
        web made tags, and they are not taken: `v1`, `v2`
        "#);
    }
}
