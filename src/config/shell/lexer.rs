//! The words and operators of a shell script.

use super::Fault;

/// How deep substitutions may lie inside each other before they are no longer looked into.
const DEEPEST: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A word as written.
    Word(&'a str),
    /// A control or redirection operator.
    Operator(&'static str),
    /// The end of a line.
    Newline,
}

/// Longer ones first.
const OPERATORS: [&str; 20] = [
    "<<-", "<<<", "&&", "||", ";;", "<<", ">>", "<&", ">&", "<>", ">|", "&>", "|&", "&", "|", ";",
    "<", ">", "(", ")",
];

pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Delimiters of here-documents that begin at the next line, and whether tabs are taken off.
    documents: Vec<(String, bool)>,
    /// Whether the next word is the delimiter of a here-document.
    delimiter: Option<bool>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            documents: Vec::new(),
            delimiter: None,
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The next token and where it begins.
    pub(super) fn next(&mut self) -> Result<Option<(usize, Token<'a>)>, Fault> {
        self.skip_blanks();
        let begin = self.at;
        let rest = self.rest();
        if rest.is_empty() {
            return Ok(None);
        }
        if rest.starts_with('\n') {
            self.at += 1;
            self.skip_documents();
            return Ok(Some((begin, Token::Newline)));
        }
        if let Some(operator) = OPERATORS
            .iter()
            .find(|operator| rest.starts_with(**operator))
        {
            self.at += operator.len();
            if matches!(*operator, "<<" | "<<-") {
                self.delimiter = Some(*operator == "<<-");
            }
            return Ok(Some((begin, Token::Operator(operator))));
        }
        self.word()?;
        let word = &self.text[begin..self.at];
        if let Some(tabs) = self.delimiter.take() {
            let plain: String = word
                .chars()
                .filter(|char| !matches!(char, '\'' | '"' | '\\'))
                .collect();
            self.documents.push((plain, tabs));
        }
        Ok(Some((begin, Token::Word(word))))
    }

    /// Blanks, line continuations and comments.
    fn skip_blanks(&mut self) {
        loop {
            let rest = self.rest();
            if rest.starts_with([' ', '\t', '\r']) {
                self.at += 1;
            } else if rest.starts_with("\\\n") {
                self.at += 2;
            } else if rest.starts_with('#') {
                self.at += rest.find('\n').unwrap_or(rest.len());
            } else {
                return;
            }
        }
    }

    fn skip_documents(&mut self) {
        for (delimiter, tabs) in std::mem::take(&mut self.documents) {
            while self.at < self.text.len() {
                let rest = self.rest();
                let end = rest.find('\n').unwrap_or(rest.len());
                let line = &rest[..end];
                self.at = (self.at + end + 1).min(self.text.len());
                let line = if tabs {
                    line.trim_start_matches('\t')
                } else {
                    line
                };
                if line == delimiter {
                    break;
                }
            }
        }
    }

    fn word(&mut self) -> Result<(), Fault> {
        while let Some(char) = self.rest().chars().next() {
            match char {
                ' ' | '\t' | '\n' | ';' | '&' | '|' | '<' | '>' | '(' | ')' => return Ok(()),
                _ => self.part(char, 0)?,
            }
        }
        Ok(())
    }

    /// One character of a word, or the quotes or substitution that begin with it.
    fn part(&mut self, char: char, depth: usize) -> Result<(), Fault> {
        match char {
            '\\' => {
                self.at += 1;
                self.at += self.rest().chars().next().map_or(0, char::len_utf8);
            }
            '\'' => self.single_quotes()?,
            '"' => self.double_quotes(depth)?,
            '`' => self.backticks()?,
            '$' => self.dollar(depth)?,
            char => self.at += char.len_utf8(),
        }
        Ok(())
    }

    fn single_quotes(&mut self) -> Result<(), Fault> {
        let begin = self.at;
        let Some(length) = self.text[begin + 1..].find('\'') else {
            return Err(unclosed(begin, "a single quote"));
        };
        self.at = begin + 1 + length + 1;
        Ok(())
    }

    fn double_quotes(&mut self, depth: usize) -> Result<(), Fault> {
        let begin = self.at;
        self.at += 1;
        while let Some(char) = self.rest().chars().next() {
            match char {
                '"' => {
                    self.at += 1;
                    return Ok(());
                }
                '\'' => self.at += 1,
                char => self.part(char, depth)?,
            }
        }
        Err(unclosed(begin, "a double quote"))
    }

    fn backticks(&mut self) -> Result<(), Fault> {
        let begin = self.at;
        self.at += 1;
        while let Some(char) = self.rest().chars().next() {
            match char {
                '`' => {
                    self.at += 1;
                    return Ok(());
                }
                '\\' => self.part(char, 0)?,
                char => self.at += char.len_utf8(),
            }
        }
        Err(unclosed(begin, "a backtick"))
    }

    /// `$name`, `${…}`, `$(…)` or `$((…))`.
    fn dollar(&mut self, depth: usize) -> Result<(), Fault> {
        let begin = self.at;
        self.at += 1;
        let (close, what) = match self.rest().chars().next() {
            Some('{') => ('}', "`${`"),
            Some('(') => (')', "`$(`"),
            _ => return Ok(()),
        };
        self.at += 1;
        if depth >= DEEPEST {
            // Too deep to follow: the rest is taken as it is.
            self.at = self.text.len();
            return Ok(());
        }
        let mut inner = 0usize;
        let mut word_begins = true;
        while let Some(char) = self.rest().chars().next() {
            let begins = word_begins;
            word_begins = char.is_whitespace() || matches!(char, ';' | '(');
            if char == close && inner == 0 {
                self.at += 1;
                return Ok(());
            }
            match char {
                '(' if close == ')' => {
                    inner += 1;
                    self.at += 1;
                }
                ')' if close == ')' => {
                    inner -= 1;
                    self.at += 1;
                }
                '#' if close == ')' && begins => {
                    self.at += self.rest().find('\n').unwrap_or(self.rest().len());
                }
                // An arm of a `case` ends with a parenthesis that nothing opened: give up quietly.
                'c' if close == ')' && begins && self.rest().starts_with("case ") => {
                    self.at = self.text.len();
                    return Ok(());
                }
                char => self.part(char, depth + 1)?,
            }
        }
        Err(unclosed(begin, what))
    }
}

fn unclosed(at: usize, what: &str) -> Fault {
    Fault {
        at,
        message: format!("{what} is never closed"),
    }
}
