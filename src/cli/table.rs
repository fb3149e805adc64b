//! Tables on standard output.

use std::io::IsTerminal;

use rustix::termios::tcgetwinsize;

use crate::reporter::style::{Style, safe};

/// How much of a cell is shown unless all of it is asked for, in characters.
const CELL: usize = 48;

/// The least that a column is narrowed to, in characters: the id of an activity stays whole.
const NARROW: usize = 13;

/// Columns that line up; the first row is the header. On a terminal the widest are wrapped within themselves where
/// the lines would be too long.
pub(super) fn aligned(rows: &[Vec<String>], header: bool, full: bool, style: Style) -> String {
    let out = std::io::stdout();
    let size = out.is_terminal().then(|| tcgetwinsize(&out).ok()).flatten();
    let limit = size.map(|size| usize::from(size.ws_col));
    aligned_within(limit.filter(|limit| *limit > 0), rows, header, full, style)
}

fn aligned_within(
    limit: Option<usize>,
    rows: &[Vec<String>],
    header: bool,
    full: bool,
    style: Style,
) -> String {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| one_line(cell, full)).collect())
        .collect();
    let columns = cells.iter().map(Vec::len).max().unwrap_or_default();
    let width = |at: usize| {
        cells
            .iter()
            .filter_map(|row| row.get(at))
            .map(|cell| cell.chars().count())
            .max()
    };
    let mut widths: Vec<usize> = (0..columns)
        .map(|at| width(at).unwrap_or_default())
        .collect();
    if let Some(narrower) = limit.and_then(|limit| narrowed(&widths, limit)) {
        widths = narrower;
    }
    let mut text = String::new();
    for (number, row) in cells.iter().enumerate() {
        let parts: Vec<Vec<String>> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| wrapped(cell, *width))
            .collect();
        let lines = parts.iter().map(Vec::len).max().unwrap_or_default();
        for at in 0..lines {
            let mut line = String::new();
            for (part, width) in parts.iter().zip(&widths) {
                let part = part.get(at).map_or("", String::as_str);
                line.push_str(part);
                line.extend(std::iter::repeat_n(' ', width + 2 - part.chars().count()));
            }
            let line = line.trim_end();
            if number == 0 && header {
                text.push_str(&style.strong(line));
            } else {
                text.push_str(line);
            }
            text.push('\n');
        }
    }
    text
}

/// The same columns within so many characters: the widest pay for it. `None` where that is too narrow.
fn narrowed(widths: &[usize], limit: usize) -> Option<Vec<usize>> {
    let mut widths = widths.to_vec();
    while widths.iter().map(|width| width + 2).sum::<usize>() > limit + 2 {
        let widest = widths.iter_mut().max()?;
        if *widest <= NARROW {
            return None;
        }
        *widest -= 1;
    }
    Some(widths)
}

/// Lines that are no wider than that: between words where that can be, and as it is where it fits.
fn wrapped(cell: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest: Vec<char> = cell.chars().collect();
    while rest.len() > width.max(1) {
        let space = rest[..=width].iter().rposition(|it| *it == ' ');
        let space = space.filter(|at| *at > 0);
        let after = rest.split_off(space.unwrap_or(width.max(1)));
        lines.push(rest.into_iter().collect());
        rest = after.into_iter().skip_while(|it| *it == ' ').collect();
    }
    lines.push(rest.into_iter().collect());
    lines
}

/// A cell on one line: a script's first line, cut where it is long.
fn one_line(cell: &str, full: bool) -> String {
    let safe = safe(cell);
    if full {
        return safe.replace('\n', "\\n");
    }
    let mut lines = safe
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.next().unwrap_or_default().to_owned();
    let more = lines.next().is_some();
    if first.chars().count() > CELL || more {
        let kept: String = first.chars().take(CELL - 1).collect();
        format!("{}…", kept.trim_end())
    } else {
        first
    }
}

/// Cells between separators, quoted where RFC 4180 asks for it.
pub(super) fn separated(rows: &[Vec<String>], separator: char) -> String {
    let cell = |text: &String| {
        if text.contains([separator, '"', '\n', '\r']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.clone()
        }
    };
    rows.iter()
        .map(|row| {
            row.iter()
                .map(cell)
                .collect::<Vec<_>>()
                .join(&separator.to_string())
                + "\n"
        })
        .collect()
}

/// Tabs between cells, line breaks inside them as spaces.
pub(super) fn plain(rows: &[Vec<String>]) -> String {
    rows.iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .map(|cell| safe(&cell.replace(['\n', '\t'], " ")))
                .collect();
            cells.join("\t") + "\n"
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        vec![
            row(&["Name", "Command"]),
            row(&["a", "# why\nnext build\nrm x"]),
            row(&["long-one", "say \"hi\", you"]),
        ]
    }

    #[test]
    fn a_table_lines_up_and_says_when_there_is_more() {
        insta::assert_snapshot!(aligned(&rows(), true, false, Style::default()), @r#"
        Name      Command
        a         next build…
        long-one  say "hi", you
        "#);
    }

    #[test]
    fn on_a_terminal_the_widest_columns_are_wrapped_within_themselves() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        let rows: Vec<Vec<String>> = vec![
            row(&["ID", "Description", "State"]),
            row(&["1", "admin ran the operation clear on app", "complete"]),
            row(&["2", "abcdefghijklmnopqrstuvwxyz", "complete"]),
        ];
        let shown = |limit| aligned_within(limit, &rows, true, true, Style::default());
        insta::assert_snapshot!(shown(Some(32)), @r"
        ID  Description         State
        1   admin ran the       complete
            operation clear on
            app
        2   abcdefghijklmnopqr  complete
            stuvwxyz
        ");
        assert_eq!(shown(None), shown(Some(50)));
        assert_eq!(shown(None), shown(Some(20)), "too narrow for any of it");
    }

    #[test]
    fn csv_quotes_what_needs_quoting() {
        assert_eq!(
            separated(&rows()[2..], ','),
            "long-one,\"say \"\"hi\"\", you\"\n"
        );
    }
}
