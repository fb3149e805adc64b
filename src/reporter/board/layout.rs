//! Rows as lines of a terminal, with their parts below each other.

use std::time::Duration;

use super::Size;
use super::row::{Key, Row};
use crate::reporter::style::Style;
use crate::text::{bytes, cut, pad, width};

/// How many columns a verb takes, as in the lines that stay.
const VERB: usize = 9;

/// The fewest columns in which output says something.
const OUTPUT: usize = 8;

/// How many columns a bar takes.
const BAR: usize = 20;

/// The widths of the parts that stand below each other.
#[derive(Debug, Clone, Copy, Default)]
struct Widths {
    what: usize,
    step: usize,
    time: usize,
}

pub(super) fn lines(rows: &[Row], now: Duration, size: Size, style: Style) -> Vec<String> {
    let most = (size.rows / 2).max(1);
    let shown = if rows.len() > most {
        most.saturating_sub(1).max(1)
    } else {
        rows.len()
    };
    // A terminal may start a new line when the last column is written to.
    let columns = size.columns.saturating_sub(1);
    let widths = widths(&rows[..shown], now, columns);
    let mut lines: Vec<String> = rows[..shown]
        .iter()
        .map(|row| line(row, now, columns, widths, style))
        .collect();
    if shown < rows.len() && most > 1 {
        let more = format!("{:>VERB$} {} more", "and", rows.len() - shown);
        lines.push(style.faint(cut(&more, columns)));
    }
    lines
}

/// `hooks.build, 12 s`.
pub(super) fn state(row: &Row, now: Duration) -> String {
    let time = elapsed(row, now);
    match row.step {
        Some(step) => format!("{step}, {time}"),
        None => time,
    }
}

fn widths(rows: &[Row], now: Duration, columns: usize) -> Widths {
    let apps = || rows.iter().filter(|row| matches!(row.key, Key::App(_)));
    let most = |of: &dyn Fn(&Row) -> usize| apps().map(of).max().unwrap_or_default();
    let step = most(&|row| row.step.map_or(0, width));
    let time = most(&|row| width(&elapsed(row, now)));
    let around = VERB + 1 + if step > 0 { step + 1 } else { 0 } + 1 + time;
    let room = columns.saturating_sub(around).max(OUTPUT);
    let what = most(&|row| width(&row.what)).min(if columns < 60 { room } else { columns / 3 });
    Widths { what, step, time }
}

fn line(row: &Row, now: Duration, columns: usize, widths: Widths, style: Style) -> String {
    let time = elapsed(row, now);
    let mut text = String::new();
    if let Key::App(_) = row.key {
        text.push_str(&pad(&cut(&row.what, widths.what), widths.what));
        if widths.step > 0 {
            text.push_str(&format!(
                " {}",
                pad(row.step.unwrap_or_default(), widths.step)
            ));
        }
        text.push_str(&format!(" {time:>0$}", widths.time));
    } else {
        // What is waited for says more than how it goes on.
        let room = columns.saturating_sub(VERB + 1 + 1 + width(&time));
        text.push_str(&format!("{} {time}", cut(&row.what, room)));
    }
    let text = cut(&text, columns.saturating_sub(VERB + 1));
    let room = columns.saturating_sub(VERB + 1 + width(&text));
    let more = match row.pulled {
        Some((done, total)) => pulled(done, total, room.saturating_sub(1)),
        None => printed(row, room.saturating_sub(3)),
    };
    if columns < VERB + 2 {
        return cut(row.verb, columns);
    }
    format!(
        "{} {text}{}",
        style.hint(format!("{:>VERB$}", row.verb)),
        style.faint(more)
    )
}

/// The last line of output, in this many columns.
fn printed(row: &Row, room: usize) -> String {
    let last = row.last();
    if last.is_empty() || room < OUTPUT {
        return String::new();
    }
    format!(" | {}", cut(&last, room))
}

/// How much of an image is there, in this many columns.
fn pulled(done: u64, total: u64, room: usize) -> String {
    let numbers = match total {
        0 => bytes(done),
        _ => format!("{} of {}", bytes(done), bytes(total)),
    };
    if total > 0 && room >= BAR + 3 + width(&numbers) {
        let filled = done.min(total).saturating_mul(BAR as u64) / total;
        let filled = usize::try_from(filled).unwrap_or(BAR);
        return format!(" [{:<BAR$}] {numbers}", "=".repeat(filled));
    }
    let percent = (total > 0).then(|| format!("{} %", done.min(total).saturating_mul(100) / total));
    let fitting = [Some(numbers), percent].into_iter().flatten();
    fitting
        .into_iter()
        .find(|text| width(text) <= room)
        .map_or_else(String::new, |text| format!(" {text}"))
}

/// The time since the work began, in whole seconds.
fn elapsed(row: &Row, now: Duration) -> String {
    let seconds = now.saturating_sub(row.began).as_secs();
    if seconds < 60 {
        format!("{seconds} s")
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}
