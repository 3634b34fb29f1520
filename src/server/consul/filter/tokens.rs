//! The words and signs of an expression.

/// A word or a sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, a number or a key word.
    Word(String),
    /// A text in quotation marks.
    Text(String),
    Equal,
    NotEqual,
    Open,
    Close,
    OpenKey,
    CloseKey,
    Dot,
}

impl Token {
    /// As it is shown in an error.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(word) => word.clone(),
            Self::Text(text) => format!("\"{text}\""),
            Self::Equal => "==".to_owned(),
            Self::NotEqual => "!=".to_owned(),
            Self::Open => "(".to_owned(),
            Self::Close => ")".to_owned(),
            Self::OpenKey => "[".to_owned(),
            Self::CloseKey => "]".to_owned(),
            Self::Dot => ".".to_owned(),
        }
    }
}

/// The tokens of an expression.
///
/// # Errors
/// A character that begins none.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            ' ' | '\t' | '\r' | '\n' => {
                rest = rest.trim_start();
                continue;
            }
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '[' => (Token::OpenKey, 1),
            ']' => (Token::CloseKey, 1),
            '.' => (Token::Dot, 1),
            '=' if rest.starts_with("==") => (Token::Equal, 2),
            '!' if rest.starts_with("!=") => (Token::NotEqual, 2),
            '"' | '`' => quoted(rest, first)?,
            _ if is_word(first) => {
                let end = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
                (Token::Word(rest.get(..end).unwrap_or_default().to_owned()), end)
            }
            other => return Err(format!("'{other}' is not a part of an expression")),
        };
        tokens.push(token);
        rest = rest.get(length..).unwrap_or_default();
    }

    Ok(tokens)
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/' | ':' | '+') || !c.is_ascii()
}

/// A text in quotation marks, and its length with them. In double ones a backslash quotes the next character.
fn quoted(rest: &str, mark: char) -> Result<(Token, usize), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == mark => return Ok((Token::Text(text), at + 1)),
            '\\' if mark == '"' => match chars.next() {
                Some((_, next @ ('"' | '\\'))) => text.push(next),
                // A backslash of a regular expression stays.
                Some((_, next)) => text.extend(['\\', next]),
                None => break,
            },
            c => text.push(c),
        }
    }

    Err(format!("a text has no closing quotation mark: {}", rest.chars().take(40).collect::<String>()))
}
