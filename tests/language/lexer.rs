//! As much of Rust's lexical structure as counting needs: what is a comment, what is a string, what is code.

/// One piece of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A comment without its markers; consecutive line comments are one.
    Comment(String),
    /// A string literal without its quotes, escapes as written.
    Text(String),
    /// An identifier, a keyword or a number.
    Word(String),
    /// Any other character that is not white space.
    Mark(char),
}

/// A token and the lines, counted from 0, on which it begins and ends.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) first_line: usize,
    pub(crate) last_line: usize,
}

impl Placed {
    pub(crate) fn is_mark(&self, mark: char) -> bool {
        self.token == Token::Mark(mark)
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }

    pub(crate) fn word(&self) -> Option<&str> {
        match &self.token {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// The tokens of a source file.
pub(crate) fn tokens(source: &str) -> Vec<Placed> {
    let mut lexer = Lexer { rest: source, line: 0 };
    let mut found: Vec<Placed> = Vec::new();

    while let Some(next) = lexer.next_token() {
        match (found.last_mut(), &next.token) {
            (Some(last), Token::Comment(text)) if continues(last, next.first_line) => {
                if let Token::Comment(before) = &mut last.token {
                    before.push(' ');
                    before.push_str(text);
                }
                last.last_line = next.last_line;
            }
            _ => found.push(next),
        }
    }

    found
}

/// Whether a comment on `line` goes on with the comment before it.
fn continues(last: &Placed, line: usize) -> bool {
    matches!(last.token, Token::Comment(_)) && last.last_line + 1 == line
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl Lexer<'_> {
    fn next_token(&mut self) -> Option<Placed> {
        let blank = self.rest.len() - self.rest.trim_start().len();
        self.take(blank);
        let first_line = self.line;

        let token = if let Some(comment) = self.comment() {
            comment
        } else if let Some(text) = self.text() {
            text
        } else {
            self.code()?
        };

        Some(Placed { token, first_line, last_line: self.line })
    }

    /// Takes `len` bytes off the rest.
    fn take(&mut self, len: usize) -> &str {
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        self.line += taken.matches('\n').count();
        taken
    }

    fn comment(&mut self) -> Option<Token> {
        if self.rest.starts_with("//") {
            let len = self.rest.find('\n').unwrap_or(self.rest.len());
            let line = self.take(len);
            return Some(Token::Comment(line.trim_start_matches(['/', '!']).trim().to_owned()));
        }
        if !self.rest.starts_with("/*") {
            return None;
        }

        let mut depth = 0_usize;
        let mut at = 0;
        while at < self.rest.len() {
            let here = &self.rest[at..];
            if here.starts_with("/*") {
                depth += 1;
                at += 2;
            } else if here.starts_with("*/") {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    break;
                }
            } else {
                at += here.chars().next().map_or(1, char::len_utf8);
            }
        }
        let block = self.take(at);
        Some(Token::Comment(block.trim_matches(['/', '*', '!']).trim().to_owned()))
    }

    /// A string literal of any kind: `"…"`, `b"…"`, `c"…"`, `r"…"`, `br#"…"#`.
    fn text(&mut self) -> Option<Token> {
        let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
            let after = self.rest.strip_prefix(prefix).map(|rest| rest.trim_start_matches('#'));
            after.is_some_and(|after| after.starts_with('"'))
        })?;
        let hashes = self.rest[prefix.len()..].chars().take_while(|c| *c == '#').count();
        let raw = prefix.ends_with('r');
        if hashes > 0 && !raw {
            return None;
        }

        self.take(prefix.len() + hashes + 1);
        let end = if raw { raw_end(self.rest, hashes) } else { plain_end(self.rest) };
        let text = self.take(end).to_owned();
        self.take((1 + hashes).min(self.rest.len()));
        Some(Token::Text(text))
    }

    /// A word, a character, a lifetime or a mark.
    fn code(&mut self) -> Option<Token> {
        let first = self.rest.chars().next()?;
        if first == '\'' {
            let len = quoted_char(self.rest).unwrap_or(1);
            self.take(len);
            return Some(Token::Mark('\''));
        }
        let len = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        if len == 0 {
            self.take(first.len_utf8());
            return Some(Token::Mark(first));
        }
        Some(Token::Word(self.take(len).to_owned()))
    }
}

/// Where a string with escapes ends.
fn plain_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at,
            _ => {}
        }
    }
    text.len()
}

/// Where a raw string ends.
fn raw_end(text: &str, hashes: usize) -> usize {
    let end = format!("\"{}", "#".repeat(hashes));
    text.find(&end).unwrap_or(text.len())
}

/// How long the character literal at the beginning is; nothing for a lifetime.
fn quoted_char(text: &str) -> Option<usize> {
    let mut chars = text.char_indices().skip(1);
    let (_, first) = chars.next()?;
    if first == '\\' {
        // The character after the backslash may itself be a quote.
        chars.next();
        return chars.find(|(_, c)| *c == '\'').map(|(at, _)| at + 1);
    }
    chars.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 1)
}
