//! Which columns a list has, named as Upsun's CLI takes them.

use clap::{Args, ValueEnum};

use upsun_local::failure::Failure;
use upsun_local::wildcard::is_like;

/// The columns that are wanted.
#[derive(Debug, Default, Args)]
pub(super) struct Columns {
    /// Columns to print, in order; `+` stands for the default columns, as in `+type`, and `*` matches any text
    #[arg(short, long, value_name = "COLUMNS", value_delimiter = ',')]
    columns: Vec<String>,
}

impl Columns {
    /// Each once. Without any, the usual ones.
    pub(super) fn choose<C: ValueEnum + PartialEq>(&self, usual: &[C]) -> Result<Vec<C>, Failure> {
        let mut chosen: Vec<C> = Vec::new();
        let mut add = |columns: Vec<C>| {
            for column in columns {
                if !chosen.contains(&column) {
                    chosen.push(column);
                }
            }
        };
        if self.columns.is_empty() {
            add(usual.to_vec());
        }
        for text in &self.columns {
            let text = text.trim();
            let (is_more, name) = match text.strip_prefix('+') {
                Some(name) => (true, name.trim()),
                None => (false, text),
            };
            if is_more {
                add(usual.to_vec());
            }
            if !(is_more && name.is_empty()) {
                add(named(name)?);
            }
        }
        Ok(chosen)
    }
}

fn named<C: ValueEnum>(text: &str) -> Result<Vec<C>, Failure> {
    let lower = text.to_lowercase();
    let is_meant = |column: &&C| {
        let value = column.to_possible_value();
        value.is_some_and(|value| value.matches(text, true) || is_like(&lower, value.get_name()))
    };
    let found: Vec<C> = C::value_variants()
        .iter()
        .filter(is_meant)
        .cloned()
        .collect();
    if found.is_empty() {
        let values = C::value_variants().iter().filter_map(C::to_possible_value);
        let names: Vec<String> = values.map(|value| value.get_name().to_owned()).collect();
        return Err(Failure::usage(format!("there is no column `{text}`"))
            .hint(format!("there are: {}", names.join(", "))));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
    #[value(rename_all = "snake_case")]
    enum Column {
        Id,
        #[value(alias = "environment")]
        Environments,
        TimeWait,
        TimeBuild,
    }

    fn chosen(text: &str) -> Result<Vec<Column>, String> {
        let columns = text.split(',').filter(|name| !name.is_empty());
        let columns = Columns {
            columns: columns.map(str::to_owned).collect(),
        };
        let usual = vec![Column::Id, Column::TimeWait];
        columns.choose(&usual).map_err(|failure| failure.message)
    }

    #[test]
    fn columns_are_named_as_with_upsuns_cli() {
        use Column::{Environments, Id, TimeBuild, TimeWait};
        for (text, expected) in [
            ("", &[Id, TimeWait][..]),
            ("Time_Wait,ID", &[TimeWait, Id]),
            ("+environment", &[Id, TimeWait, Environments]),
            ("time_build,+", &[TimeBuild, Id, TimeWait]),
            ("time*", &[TimeWait, TimeBuild]),
            ("%BUILD,*", &[TimeBuild, Id, Environments, TimeWait]),
        ] {
            assert_eq!(chosen(text).unwrap(), expected, "{text}");
        }
        assert_eq!(chosen("+x").unwrap_err(), "there is no column `x`");
    }
}
