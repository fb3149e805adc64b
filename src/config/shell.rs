//! Reads a shell script far enough to say that a shell could not, and what commands it holds.
//!
//! It follows the grammar that `dash` has. What only other shells understand is let through, so that
//! `lint` can name it; nothing is ever run or expanded.

mod lexer;

use self::lexer::{Lexer, Token};

/// Why no shell can read a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The byte at which the cause stands.
    pub(crate) at: usize,
    /// What it is.
    pub(crate) message: String,
}

/// What a script holds.
#[derive(Debug, Default)]
pub(crate) struct Script<'a> {
    /// Every simple command, in order, those in groups and loops included.
    pub(crate) commands: Vec<Command<'a>>,
    /// How many statements stand one after the other at the outermost level.
    pub(crate) statements: usize,
    /// The statements of the outermost level that say with `||` what happens when they fail.
    pub(crate) guarded: Vec<usize>,
    /// Operators that only other shells have: where, and which.
    pub(crate) foreign: Vec<(usize, &'static str)>,
}

/// A simple command.
#[derive(Debug, Default, Clone)]
pub(crate) struct Command<'a> {
    /// The words as written, assignments and quotes included.
    pub(crate) words: Vec<&'a str>,
    /// Where it begins.
    pub(crate) at: usize,
    /// Whether it is sent to the background with `&`.
    pub(crate) in_background: bool,
    /// Which statement of the outermost level it belongs to.
    pub(crate) statement: usize,
}

/// Whether a shell can read the script.
pub(crate) fn check(text: &str) -> Result<(), Fault> {
    parse(text).map(|_| ())
}

/// The commands of a script.
pub(crate) fn parse(text: &str) -> Result<Script<'_>, Fault> {
    let mut parser = Parser {
        text,
        script: Script::default(),
        open: Vec::new(),
        command: Command::default(),
        at_command: true,
        target: false,
        has_statement: false,
        is_filled: false,
        pending: None,
        for_words: 0,
    };
    let mut lexer = Lexer::new(text);
    while let Some((at, token)) = lexer.next()? {
        match token {
            Token::Word(word) => parser.word(at, word)?,
            Token::Operator(operator) => parser.operator(at, operator)?,
            Token::Newline => parser.separate(at, "\n")?,
        }
    }
    parser.separate(text.len(), "\n")?;
    if let Some((at, operator)) = parser.pending {
        let message = format!("nothing follows `{operator}`");
        return Err(Fault { at, message });
    }
    match parser.open.last() {
        Some(open) => Err(Fault {
            at: open.at,
            message: format!("`{}` is never closed with `{}`", open.begin(), open.end()),
        }),
        None => Ok(parser.script),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Construct {
    /// `if`; whether its `then` was there.
    If {
        then: bool,
    },
    /// `while`, `until` and `for`; whether its `do` was there.
    Loop {
        body: bool,
    },
    /// `case`; whether a command of one of its arms is expected, and not a pattern.
    Case {
        arm: bool,
    },
    Brace,
    Parenthesis,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    construct: Construct,
    at: usize,
}

impl Open {
    fn begin(&self) -> &'static str {
        match self.construct {
            Construct::If { .. } => "if",
            Construct::Loop { body: false } => "for",
            Construct::Loop { body: true } => "do",
            Construct::Case { .. } => "case",
            Construct::Brace => "{",
            Construct::Parenthesis => "(",
        }
    }

    fn end(&self) -> &'static str {
        match self.construct {
            Construct::If { then: false } => "then",
            Construct::If { then: true } => "fi",
            Construct::Loop { body: false } => "do",
            Construct::Loop { body: true } => "done",
            Construct::Case { .. } => "esac",
            Construct::Brace => "}",
            Construct::Parenthesis => ")",
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    script: Script<'a>,
    open: Vec<Open>,
    command: Command<'a>,
    /// Whether the next word begins a command.
    at_command: bool,
    /// Whether the next word is the target of a redirection.
    target: bool,
    /// Whether anything stands in the current outermost statement.
    has_statement: bool,
    /// Whether anything stands since the last separator: without it, an operator has no left side.
    is_filled: bool,
    /// The operator that still waits for its right side.
    pending: Option<(usize, &'static str)>,
    /// Words of a `for` before its `do` may stand without a separator.
    for_words: u8,
}

impl<'a> Parser<'a> {
    fn top(&mut self) -> Option<&mut Construct> {
        self.open.last_mut().map(|open| &mut open.construct)
    }

    fn word(&mut self, at: usize, word: &'a str) -> Result<(), Fault> {
        self.has_statement = true;
        self.is_filled = true;
        self.pending = None;
        if std::mem::take(&mut self.target) {
            return Ok(());
        }
        if let Some(Construct::Case { arm: false }) = self.top() {
            if word == "esac" {
                self.open.pop();
            }
            self.at_command = false;
            return Ok(());
        }
        if self.for_words > 0 {
            self.for_words -= 1;
            if word == "do" {
                self.for_words = 0;
                return self.reserved(at, word).map(|_| ());
            }
        }
        if self.at_command && self.reserved(at, word)? {
            return Ok(());
        }
        // `function name {` is no function in dash; here its brace still has to be closed.
        if word == "{" && self.command.words.first() == Some(&"function") {
            self.push(Construct::Brace, at);
            self.finish(false);
            self.at_command = true;
            return Ok(());
        }
        if self.command.words.is_empty() {
            self.command.at = at;
            self.command.statement = self.script.statements;
        }
        self.command.words.push(word);
        self.at_command = false;
        Ok(())
    }

    fn push(&mut self, construct: Construct, at: usize) {
        self.open.push(Open { construct, at });
    }

    /// Whether the word is one that makes up the grammar.
    fn reserved(&mut self, at: usize, word: &str) -> Result<bool, Fault> {
        let top = self.open.last().map(|open| open.construct);
        let unexpected = || {
            Err(Fault {
                at,
                message: format!("`{word}` is not expected here"),
            })
        };
        self.at_command = true;
        self.is_filled = matches!(word, "fi" | "done" | "esac" | "}" | "for" | "case");
        match (word, top) {
            ("if", _) => self.push(Construct::If { then: false }, at),
            ("then", Some(Construct::If { then: false })) => {
                *self.top().expect("it was looked at") = Construct::If { then: true };
            }
            ("elif", Some(Construct::If { then: true })) => {
                *self.top().expect("it was looked at") = Construct::If { then: false };
            }
            ("else", Some(Construct::If { then: true })) | ("!", _) => {}
            ("while" | "until", _) => self.push(Construct::Loop { body: false }, at),
            ("for", _) => {
                self.push(Construct::Loop { body: false }, at);
                self.at_command = false;
                self.for_words = 2;
            }
            ("do", Some(Construct::Loop { body: false })) => {
                *self.top().expect("it was looked at") = Construct::Loop { body: true };
            }
            ("case", _) => {
                self.push(Construct::Case { arm: false }, at);
                self.at_command = false;
            }
            ("{", _) => self.push(Construct::Brace, at),
            ("fi", Some(Construct::If { then: true }))
            | ("done", Some(Construct::Loop { body: true }))
            | ("esac", Some(Construct::Case { .. }))
            | ("}", Some(Construct::Brace)) => {
                self.open.pop();
                self.at_command = false;
            }
            ("then" | "elif" | "else" | "fi" | "do" | "done" | "esac" | "}", _) => {
                return unexpected();
            }
            _ => {
                self.at_command = false;
                self.is_filled = true;
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn operator(&mut self, at: usize, operator: &'static str) -> Result<(), Fault> {
        self.has_statement = true;
        match operator {
            "(" => {
                if self
                    .command
                    .words
                    .last()
                    .is_some_and(|word| word.ends_with('='))
                {
                    self.script.foreign.push((at, "an array"));
                }
                if matches!(self.top(), Some(Construct::Case { arm: false })) {
                    return Ok(());
                }
                if self.target {
                    self.script.foreign.push((at, "<(…)"));
                } else if self.at_command && is_arithmetic(&self.text[at..]) {
                    self.script.foreign.push((at, "((…))"));
                }
                self.push(Construct::Parenthesis, at);
                self.at_command = true;
                self.target = false;
                self.is_filled = false;
                self.pending = None;
            }
            ")" => {
                self.finish(false);
                self.is_filled = true;
                match self.top() {
                    Some(Construct::Parenthesis) => {
                        self.open.pop();
                        // What follows `name()` is a command; what follows a subshell is not, but a
                        // separator comes first there.
                        self.at_command = true;
                    }
                    Some(Construct::Case { arm }) if !*arm => {
                        *arm = true;
                        self.at_command = true;
                    }
                    _ => {
                        let message = "`)` is not expected here".to_owned();
                        return Err(Fault { at, message });
                    }
                }
            }
            ";;" => {
                if let Some(Construct::Case { arm }) = self.top() {
                    *arm = false;
                    self.is_filled = false;
                    self.finish(false);
                } else {
                    let message = "`;;` is not expected here".to_owned();
                    return Err(Fault { at, message });
                }
            }
            "&>" | "|&" | "<<<" => {
                self.script.foreign.push((at, operator));
                if operator == "|&" {
                    self.separate(at, "|")?;
                } else {
                    self.target = true;
                }
            }
            "<" | ">" | ">>" | "<<" | "<<-" | ">&" | "<&" | ">|" | "<>" => self.target = true,
            _ => self.separate(at, operator)?,
        }
        Ok(())
    }

    /// Ends a command.
    fn separate(&mut self, at: usize, separator: &'static str) -> Result<(), Fault> {
        if separator != "\n" {
            if !std::mem::take(&mut self.is_filled) {
                let message = format!("`{separator}` is not expected here");
                return Err(Fault { at, message });
            }
            if separator == "||" && self.open.is_empty() {
                self.script.guarded.push(self.script.statements);
            }
            let waits = matches!(separator, "&&" | "||" | "|");
            self.pending = waits.then_some((at, separator));
        } else if self.pending.is_none() {
            self.is_filled = false;
        }
        self.target = false;
        self.for_words = 0;
        self.finish(separator == "&");
        if matches!(separator, "\n" | ";" | "&")
            && self.open.is_empty()
            && std::mem::take(&mut self.has_statement)
        {
            self.script.statements += 1;
        }
        if !matches!(self.top(), Some(Construct::Case { arm: false })) {
            self.at_command = true;
        }
        Ok(())
    }

    fn finish(&mut self, in_background: bool) {
        if !self.command.words.is_empty() {
            let mut command = std::mem::take(&mut self.command);
            command.in_background = in_background;
            self.script.commands.push(command);
        }
    }
}

/// Whether `((x += 1))` or the like begins here, rather than two subshells.
fn is_arithmetic(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("((") else {
        return false;
    };
    let fits = |char: char| char.is_ascii_alphanumeric() || "_$ +-*/%<>=!&|^~?:,".contains(char);
    let end = rest.find(|char| !fits(char)).unwrap_or(rest.len());
    let (inside, rest) = rest.split_at(end);
    rest.starts_with("))") && inside.contains(['+', '-', '*', '/', '%', '<', '>', '='])
}

#[cfg(test)]
mod tests;
