//! Tables on standard output.

use crate::reporter::style::{Style, safe};

/// How much of a cell is shown unless all of it is asked for, in characters.
const CELL: usize = 48;

/// Columns that line up; the first row is the header.
pub(super) fn aligned(rows: &[Vec<String>], header: bool, full: bool, style: Style) -> String {
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
    let widths: Vec<usize> = (0..columns)
        .map(|at| width(at).unwrap_or_default())
        .collect();
    let mut text = String::new();
    for (number, row) in cells.iter().enumerate() {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        let line = line.trim_end();
        if number == 0 && header {
            text.push_str(&style.strong(line));
        } else {
            text.push_str(line);
        }
        text.push('\n');
    }
    text
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
    fn csv_quotes_what_needs_quoting() {
        assert_eq!(
            separated(&rows()[2..], ','),
            "long-one,\"say \"\"hi\"\", you\"\n"
        );
    }
}
