//! "Did you mean": the nearest known word, and lists of known ones.

/// The candidate that was probably meant, if one is near enough.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count() / 4)
        .map(|(_, candidate)| candidate)
}

/// Names in backticks, separated by commas.
pub(crate) fn quoted_list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names
        .into_iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found() {
        assert_eq!(nearest("rol", ["project", "role"]), Some("role"));
        assert_eq!(nearest("porject", ["project", "role"]), Some("project"));
    }

    #[test]
    fn far_words_are_not_near() {
        assert_eq!(nearest("xyz", ["project", "role"]), None);
        assert_eq!(nearest("xyz", []), None);
    }

    #[test]
    fn a_list_is_quoted() {
        assert_eq!(quoted_list(["a", "b"]), "`a`, `b`");
        assert_eq!(quoted_list([]), "");
    }
}
