//! The grammar: `or` binds least, then `and`, then `not`.

use regex::RegexBuilder;

use super::schema::{FieldKind, Schema};
use super::tokens::{Token, tokens};
use super::{Expression, Match, Operator};

/// The deepest nesting.
const MAX_DEPTH: usize = 64;
/// The largest compiled regular expression.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// Reads a whole expression.
pub(super) fn expression(text: &str, schema: Schema) -> Result<Expression, String> {
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut parser = Parser { tokens: tokens.into_iter().peekable(), schema, depth: 0 };

    let expression = parser.or()?;
    match parser.tokens.next() {
        Some(token) => Err(format!("expected the end, and, or or, found {}", token.shown())),
        None => Ok(expression),
    }
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    schema: Schema,
    depth: usize,
}

impl Parser {
    fn or(&mut self) -> Result<Expression, String> {
        let mut left = self.and()?;
        while self.takes_word("or") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, String> {
        let mut left = self.not()?;
        while self.takes_word("and") {
            left = Expression::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("it is nested more than {MAX_DEPTH} times"));
        }

        let expression = if self.takes_word("not") {
            Expression::Not(Box::new(self.not()?))
        } else if self.takes(&Token::Open) {
            let inner = self.or()?;
            if !self.takes(&Token::Close) {
                return Err(format!("expected ), found {}", self.next_shown()));
            }
            inner
        } else {
            Expression::Match(self.question()?)
        };
        self.depth -= 1;
        Ok(expression)
    }

    /// A comparison: it begins with a field, or with a value that is in one.
    fn question(&mut self) -> Result<Match, String> {
        if let Some(Token::Text(_)) = self.tokens.peek() {
            let value = self.value()?;
            return self.value_in(value);
        }
        let path = self.selector()?;
        if self.is_word("in") || self.is_not_in() {
            return self.value_in(path.join("."));
        }

        self.about(path)
    }

    fn value_in(&mut self, value: String) -> Result<Match, String> {
        let is_negated = self.takes_word("not");
        if !self.takes_word("in") {
            return Err(format!("expected in or not in after {value}, found {}", self.next_shown()));
        }
        let path = self.selector()?;
        self.checked(path, Operator::Contains(value), is_negated)
    }

    /// What is asked of a field.
    fn about(&mut self, path: Vec<String>) -> Result<Match, String> {
        if self.takes(&Token::Equal) {
            let value = self.value()?;
            return self.checked(path, Operator::Equal(value), false);
        }
        if self.takes(&Token::NotEqual) {
            let value = self.value()?;
            return self.checked(path, Operator::Equal(value), true);
        }
        if self.takes_word("is") {
            let is_negated = self.takes_word("not");
            if !self.takes_word("empty") {
                return Err(format!("expected empty or not empty after is, found {}", self.next_shown()));
            }
            return self.checked(path, Operator::Empty, is_negated);
        }

        let is_negated = self.takes_word("not");
        if self.takes_word("contains") {
            let value = self.value()?;
            return self.checked(path, Operator::Contains(value), is_negated);
        }
        if self.takes_word("matches") {
            let value = self.value()?;
            let regex = RegexBuilder::new(&value).size_limit(MAX_REGEX_BYTES).build();
            let regex = regex.map_err(|_| format!("Failed to compile regular expression \"{value}\""))?;
            return self.checked(path, Operator::Matches(regex), is_negated);
        }
        let operators = "==, !=, is empty, contains, in or matches";
        Err(format!("expected {operators} after {}, found {}", path.join("."), self.next_shown()))
    }

    /// Checks a question against the kind of its field.
    fn checked(&self, path: Vec<String>, operator: Operator, is_negated: bool) -> Result<Match, String> {
        let selector = path.join(".");
        let kind = self.schema.kind_of(&path).ok_or_else(|| format!("Selector \"{selector}\" is not valid"))?;
        match (&operator, kind) {
            (Operator::Equal(value), FieldKind::Number) if value.parse::<i64>().is_err() => {
                Err(format!("Failed to coerce value \"{value}\" for selector \"{selector}\": it is not a number"))
            }
            (Operator::Equal(value), FieldKind::Flag) if super::super::go::parse_bool(value).is_none() => Err(format!(
                "Failed to coerce value \"{value}\" for selector \"{selector}\": it is neither true nor false"
            )),
            (Operator::Equal(_), FieldKind::List | FieldKind::Map) => {
                Err(format!("selector \"{selector}\" cannot be compared: it is a list or a map"))
            }
            (Operator::Empty, FieldKind::Text | FieldKind::Number | FieldKind::Flag) => {
                Err(format!("selector \"{selector}\" cannot be empty: it is neither a list nor a map"))
            }
            (Operator::Contains(_), FieldKind::Number | FieldKind::Flag) => {
                Err(format!("selector \"{selector}\" cannot contain anything"))
            }
            (Operator::Matches(_), FieldKind::Number | FieldKind::Flag | FieldKind::Map) => {
                Err(format!("selector \"{selector}\" cannot be matched: it is not a text"))
            }
            _ => Ok(Match { path, operator, is_negated }),
        }
    }

    /// `Service.Meta.version`, `Service.Meta["a b"]`.
    fn selector(&mut self) -> Result<Vec<String>, String> {
        let mut path = vec![self.word("a field")?];
        loop {
            if self.takes(&Token::Dot) {
                path.push(self.word("a field after the dot")?);
            } else if self.takes(&Token::OpenKey) {
                path.push(self.value()?);
                if !self.takes(&Token::CloseKey) {
                    return Err(format!("expected ], found {}", self.next_shown()));
                }
            } else {
                return Ok(path);
            }
        }
    }

    fn word(&mut self, what: &str) -> Result<String, String> {
        match self.tokens.next() {
            Some(Token::Word(word)) => Ok(word),
            Some(other) => Err(format!("expected {what}, found {}", other.shown())),
            None => Err(format!("expected {what}, found the end")),
        }
    }

    /// A value: in quotation marks, or a word that may hold dots.
    fn value(&mut self) -> Result<String, String> {
        let mut value = match self.tokens.next() {
            Some(Token::Text(text)) => return Ok(text),
            Some(Token::Word(word)) => word,
            Some(other) => return Err(format!("expected a value, found {}", other.shown())),
            None => return Err("expected a value, found the end".to_owned()),
        };
        while self.takes(&Token::Dot) {
            value.push('.');
            value.push_str(&self.word("the rest of the value")?);
        }
        Ok(value)
    }

    fn takes(&mut self, token: &Token) -> bool {
        self.tokens.next_if(|next| next == token).is_some()
    }

    fn takes_word(&mut self, word: &str) -> bool {
        self.tokens.next_if(|next| matches!(next, Token::Word(next) if next == word)).is_some()
    }

    fn is_word(&mut self, word: &str) -> bool {
        matches!(self.tokens.peek(), Some(Token::Word(next)) if next == word)
    }

    /// Whether `not in` follows.
    fn is_not_in(&mut self) -> bool {
        let mut ahead = self.tokens.clone();
        let words = (ahead.next(), ahead.next());
        matches!(words, (Some(Token::Word(not)), Some(Token::Word(is_in))) if not == "not" && is_in == "in")
    }

    fn next_shown(&mut self) -> String {
        self.tokens.peek().map_or_else(|| "the end".to_owned(), Token::shown)
    }
}
