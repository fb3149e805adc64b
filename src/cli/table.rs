//! Tables on standard output.

use textwrap::{Options, WordSeparator, WordSplitter, WrapAlgorithm};

use upsun_local::reporter::style::Style;
use upsun_local::reporter::wrapped::width_of;
use upsun_local::text::{beginning, pad, safe, width};

/// How much of a cell is shown unless all of it is asked for, in columns of a terminal.
const CELL: usize = 48;

/// The spaces between two columns.
const GAP: usize = 2;

/// The least that a cell is wrapped to where every cell has lines of its own.
const NARROWEST: usize = 20;

/// Columns that line up; the first row is the header. On a terminal the widest are wrapped within themselves where
/// the lines would be too long, between two words. Where not even the longest words fit beside each other, every row
/// becomes a paragraph with a line for each of its cells.
pub(super) fn aligned(rows: &[Vec<String>], header: bool, full: bool, style: Style) -> String {
    aligned_within(width_of(&std::io::stdout()), rows, header, full, style)
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
    let widths = greatest(&cells, width);
    let Some(limit) = limit else {
        return columns(&cells, &widths, header, style);
    };
    let mut words = greatest(&cells, |cell| {
        let words = cell.split(' ').map(width);
        words.max().unwrap_or_default()
    });
    // After the last column is nothing that a long word there could push away.
    if let Some((last, others)) = words.split_last_mut() {
        let taken: usize = others.iter().map(|width| width + GAP).sum();
        *last = limit.saturating_sub(taken).max(NARROWEST).min(*last);
    }
    match narrowed(&widths, &words, limit) {
        Some(widths) => columns(&cells, &widths, header, style),
        None => paragraphs(&cells, limit, header, style),
    }
}

/// What is greatest in each column.
fn greatest(cells: &[Vec<String>], size: impl Fn(&str) -> usize) -> Vec<usize> {
    let columns = cells.iter().map(Vec::len).max().unwrap_or_default();
    let mut sizes = vec![0; columns];
    for row in cells {
        for (greatest, cell) in sizes.iter_mut().zip(row) {
            *greatest = size(cell).max(*greatest);
        }
    }
    sizes
}

fn columns(cells: &[Vec<String>], widths: &[usize], header: bool, style: Style) -> String {
    let mut text = String::new();
    for (number, row) in cells.iter().enumerate() {
        let parts: Vec<Vec<String>> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| wrapped(cell, *width))
            .collect();
        let lines = parts.iter().map(Vec::len).max().unwrap_or_default();
        for at in 0..lines {
            let mut line = String::new();
            for (part, width) in parts.iter().zip(widths) {
                let part = part.get(at).map_or("", String::as_str);
                line.push_str(&pad(part, width + GAP));
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

/// Every row as a paragraph: the titles on the left, the cells on the right.
fn paragraphs(cells: &[Vec<String>], limit: usize, header: bool, style: Style) -> String {
    let (titles, rows) = match cells.split_first() {
        Some((titles, rows)) if header => (titles.as_slice(), rows),
        _ => (&[][..], cells),
    };
    let left = titles.iter().map(|title| width(title) + GAP).max();
    let left = left.unwrap_or_default();
    let room = limit.saturating_sub(left).max(NARROWEST);
    let paragraph = |row: &Vec<String>| {
        let mut text = String::new();
        for (at, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            let title = titles.get(at).map_or("", String::as_str);
            let mut before = pad(&style.strong(title), left);
            for line in wrapped(cell, room) {
                text.push_str(&format!("{before}{line}\n"));
                before = " ".repeat(left);
            }
        }
        text
    };
    let paragraphs: Vec<String> = rows.iter().map(paragraph).collect();
    paragraphs.join("\n")
}

/// Narrows the columns to `limit` characters in all: the widest columns lose first, but no column gets narrower
/// than its longest word. `None` if that is not enough.
fn narrowed(widths: &[usize], words: &[usize], limit: usize) -> Option<Vec<usize>> {
    let mut widths = widths.to_vec();
    let mut total: usize = widths.iter().map(|width| width + GAP).sum();
    while total > limit + GAP {
        let columns = widths.iter_mut().zip(words);
        let can_pay = columns.filter(|(width, word)| **width > **word);
        let (widest, _) = can_pay.max_by_key(|(width, _)| **width)?;
        *widest -= 1;
        total -= 1;
    }
    Some(widths)
}

/// Lines that are no wider than that, as far as the words are not.
fn wrapped(cell: &str, columns: usize) -> Vec<String> {
    if width(cell) <= columns {
        return vec![cell.to_owned()];
    }
    let options = Options::new(columns)
        .break_words(false)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit);
    let lines = textwrap::wrap(cell, options);
    lines.into_iter().map(String::from).collect()
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
    if width(&first) <= CELL && !more {
        return first;
    }
    let mut kept = beginning(&first, CELL - 1).to_owned();
    let is_in_word = first[kept.len()..].starts_with(|next| next != ' ');
    // No word is cut, unless little would be left to see.
    if let Some(space) = kept.rfind(' ').filter(|at| is_in_word && *at >= CELL / 2) {
        kept.truncate(space);
    }
    format!("{}…", kept.trim_end())
}

/// Cells between separators, quoted where RFC 4180 asks for it. Names and commands may hold anything: their control
/// characters are written out, for most of this is looked at on a terminal in the end.
pub(super) fn separated(rows: &[Vec<String>], separator: char) -> String {
    let cell = |text: &String| {
        let text = safe(text);
        if text.contains([separator, '"', '\n']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text
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
        insta::assert_snapshot!(shown(Some(40)), @r"
        ID  Description                 State
        1   admin ran the operation     complete
            clear on app
        2   abcdefghijklmnopqrstuvwxyz  complete
        ");
        assert_eq!(shown(None), shown(Some(80)));
        insta::assert_snapshot!(shown(Some(32)), @r"
        ID           1
        Description  admin ran the
                     operation clear on
                     app
        State        complete

        ID           2
        Description  abcdefghijklmnopqrstuvwxyz
        State        complete
        ");
        insta::assert_snapshot!(aligned_within(Some(30), &rows[1..], false, true, Style::default()), @r"
        1
        admin ran the operation clear
        on app
        complete

        2
        abcdefghijklmnopqrstuvwxyz
        complete
        ");
    }

    #[test]
    fn a_long_word_in_the_last_column_changes_nothing_for_the_others() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        let rows: Vec<Vec<String>> = vec![
            row(&["Property", "Value"]),
            row(&[
                "url",
                "http://a-name-that-is-longer-than-the-line.localhost/",
            ]),
            row(&["state", "in progress since a moment ago"]),
        ];
        insta::assert_snapshot!(aligned_within(Some(34), &rows, true, true, Style::default()), @r"
        Property  Value
        url       http://a-name-that-is-longer-than-the-line.localhost/
        state     in progress since a
                  moment ago
        ");
    }

    #[test]
    fn what_is_two_columns_wide_lines_up_too() {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        let rows: Vec<Vec<String>> = vec![
            row(&["Name", "Role"]),
            row(&["日本", "admin"]),
            row(&["e\u{301}", "x"]),
        ];
        assert_eq!(
            aligned_within(Some(80), &rows, true, true, Style::default()),
            "Name  Role\n日本  admin\ne\u{301}     x\n"
        );
    }

    #[test]
    fn a_cell_is_cut_between_words() {
        let command = "npx prisma migrate deploy && node scripts/something-with-a-long-name.js";
        assert_eq!(
            one_line(command, false),
            "npx prisma migrate deploy && node…"
        );
        let word = "x".repeat(60);
        assert_eq!(width(&one_line(&word, false)), CELL);
        let word = "日本".repeat(30);
        assert_eq!(width(&one_line(&word, false)), CELL - 1);
    }

    #[test]
    fn csv_quotes_what_needs_quoting() {
        assert_eq!(
            separated(&rows()[2..], ','),
            "long-one,\"say \"\"hi\"\", you\"\n"
        );
        let odd = vec![vec![
            "a\x1b]0;t\x07\r".to_owned(),
            "two\nlines\u{9b}".to_owned(),
        ]];
        assert_eq!(
            separated(&odd, '\t'),
            "a\\u{1b}]0;t\\u{7}\\r\t\"two\nlines\\u{9b}\"\n"
        );
    }
}
