//! Names below each other, where a table would be wider than the terminal.

use upsun_local::text;

/// The rows with the cells of some columns broken after commas, so that they fit as far as that helps. Each line of
/// a broken cell has a row.
pub(super) fn fit(rows: Vec<Vec<String>>, lists: &[usize], width: usize) -> Vec<Vec<String>> {
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| text::width(cell))
            .max()
            .unwrap_or_default()
    };
    let columns = rows.first().map_or(0, Vec::len);
    let taken: usize = (0..columns)
        .map(|column| if lists.contains(&column) { 0 } else { widest(column) } + 2)
        .sum();
    let whole: usize = lists.iter().map(|column| widest(*column)).sum();
    // Nothing stands after the last column.
    let room = (width + 2).saturating_sub(taken);
    if lists.is_empty() || whole <= room {
        return rows;
    }
    let room = room / lists.len();
    let mut fitted = Vec::new();
    for row in rows {
        let cells: Vec<Vec<String>> = row
            .into_iter()
            .enumerate()
            .map(|(column, cell)| {
                if lists.contains(&column) {
                    broken(&cell, room)
                } else {
                    vec![cell]
                }
            })
            .collect();
        let lines = cells.iter().map(Vec::len).max().unwrap_or_default();
        for line in 0..lines {
            let line = cells.iter().map(|cell| cell.get(line).cloned());
            fitted.push(line.map(Option::unwrap_or_default).collect());
        }
    }
    fitted
}

/// A list, with as much of it on a line as has room.
fn broken(cell: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for name in cell.split_inclusive(',') {
        if let Some(line) = lines.last_mut() {
            let is_first = line.is_empty();
            if is_first || text::width(line) + text::width(name) <= room {
                line.push_str(if is_first { name.trim_start() } else { name });
            } else {
                lines.push(name.trim_start().to_owned());
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(width: usize) -> String {
        let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect();
        let rows = vec![
            row(&["Operation", "production", "staging"]),
            row(&["wipe", "alice, bob, christopher", "alice"]),
            row(&["look", "-", "alice, bob"]),
        ];
        let rows = fit(rows, &[1, 2], width);
        let lines: Vec<String> = rows.iter().map(|row| row.join("|")).collect();
        lines.join("\n")
    }

    #[test]
    fn room_is_counted_in_columns() {
        assert_eq!(broken("日本, 日本", 9), ["日本,", "日本"]);
        assert_eq!(broken("日本, 日本", 10), ["日本, 日本"]);
    }

    #[test]
    fn names_stand_below_each_other_where_they_do_not_fit() {
        insta::assert_snapshot!(fitted(48), @r"
        Operation|production|staging
        wipe|alice, bob, christopher|alice
        look|-|alice, bob
        ");
        insta::assert_snapshot!(fitted(40), @r"
        Operation|production|staging
        wipe|alice, bob,|alice
        |christopher|
        look|-|alice, bob
        ");
        insta::assert_snapshot!(fitted(10), @r"
        Operation|production|staging
        wipe|alice,|alice
        |bob,|
        |christopher|
        look|-|alice,
        ||bob
        ");
    }
}
