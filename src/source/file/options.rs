//! The keys of a service and of `[defaults]`: what each of them takes.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::expand::{ExpandedText, Variable, expand};
use super::node::DocumentNode;
use super::{Problem, plain};
use crate::clean::clean;
use crate::error::nearest;
use crate::model::{CheckName, CheckSpec, Digest, ParseError, StartTlsKind, parse_duration};

/// The keys, in the order of the documentation.
pub(super) const OPTION_KEYS: [&str; 31] = [
    "protocol",
    "check",
    "no-check",
    "server-name",
    "starttls",
    "path",
    "method",
    "body",
    "header",
    "expect-status",
    "expect-body",
    "expect-header",
    "expect-json",
    "follow",
    "grpc-service",
    "script",
    "goal",
    "timeout",
    "interval",
    "retries",
    "samples",
    "ca",
    "cert",
    "key",
    "pin",
    "ignore",
    "min-score",
    "rise",
    "fall",
    "labels",
    "ask",
];

/// What the values of a file depend on.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    /// The folder of the file, for relative paths.
    pub(super) folder: &'a Path,
    pub(super) variable: Option<Variable>,
}

/// What a service or `[defaults]` declares beside its name and its endpoints.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Options {
    pub(super) spec: CheckSpec,
    pub(super) labels: Vec<(String, String)>,
}

impl Options {
    /// Sets the option `key`.
    ///
    /// # Errors
    /// An unknown key, or a value that it does not take.
    pub(super) fn set(&mut self, key: &str, node: &DocumentNode, context: Context<'_>) -> Result<(), Problem> {
        let spec = &mut self.spec;
        let limits = &mut spec.limits;
        match key {
            "protocol" => spec.protocol = Some(context.text(node)?),
            "check" => spec.check = words(&context.list(node)?, CheckName::ALL, CheckName::as_str)?,
            "no-check" => spec.no_check = words(&context.list(node)?, CheckName::ALL, CheckName::as_str)?,
            "server-name" => spec.server_name = Some(context.text(node)?),
            "starttls" => {
                spec.starttls = words(&[context.expanded(node)?], StartTlsKind::ALL, StartTlsKind::as_str)?.pop();
            }
            "path" => {
                let ExpandedText { text, masked } = context.expanded(node)?;
                spec.path = Some(parsed::<crate::model::HttpPath>(&text)?.shown_as(&masked));
            }
            "method" => spec.method = Some(parsed(&context.text(node)?)?),
            "body" => spec.body = Some(parsed(&context.text(node)?)?),
            "header" => spec.header = parsed_list(&context.list(node)?)?,
            "expect-status" => spec.expect_status = Some(parsed(&context.joined(node)?)?),
            "expect-body" => spec.expect_body = Some(parsed(&context.text(node)?)?),
            "expect-header" => spec.expect_header = parsed_list(&context.list(node)?)?,
            "expect-json" => spec.expect_json = parsed_list(&context.list(node)?)?,
            "follow" => spec.follow = boolean(node)?,
            "grpc-service" => spec.grpc_service = Some(context.text(node)?),
            "script" => spec.script = context.script(node)?,
            "goal" => spec.goal = parsed_list(&context.list(node)?)?,
            "timeout" => limits.timeout = Some(duration(&context.text(node)?)?),
            "interval" => limits.interval = Some(duration(&context.text(node)?)?),
            "retries" => limits.retries = Some(number(&context.text(node)?, 0, 10)?),
            "samples" => limits.samples = Some(number(&context.text(node)?, 1, 1000)?),
            "ca" => limits.ca = Some(context.file(node)?),
            "cert" => spec.cert = Some(context.file(node)?),
            "key" => spec.key = Some(context.file(node)?),
            "pin" => limits.pin = context.list(node)?.iter().map(|pin| digest(&pin.text)).collect::<Result<_, _>>()?,
            "ignore" => limits.ignore = context.list(node)?.into_iter().map(|code| code.text).collect(),
            "min-score" => limits.min_score = u8::try_from(number(&context.text(node)?, 0, 100)?).ok(),
            "rise" => limits.rise = Some(number(&context.text(node)?, 1, 1000)?),
            "fall" => limits.fall = Some(number(&context.text(node)?, 1, 1000)?),
            "labels" => self.labels = context.labels(node)?,
            other => return Err(unknown_key(other, &OPTION_KEYS)),
        }
        Ok(())
    }

    /// Fills unset options from `defaults`.
    pub(super) fn over(&self, defaults: &Self) -> Self {
        let inherited = defaults.labels.iter().filter(|(name, _)| self.labels.iter().all(|(own, _)| own != name));
        let labels = self.labels.iter().chain(inherited).cloned().collect();
        Self { spec: self.spec.over(&defaults.spec), labels }
    }
}

/// A key that is not known, with one that may be meant.
pub(super) fn unknown_key(key: &str, known: &[&str]) -> Problem {
    let is_address = matches!(key, "address" | "addresses" | "url" | "urls" | "target" | "targets" | "host");
    let hint = match nearest(key, known) {
        _ if is_address && known.contains(&"endpoints") => "did you mean endpoints?".to_owned(),
        Some(near) => format!("did you mean {near}?"),
        None => format!("the keys are {}", known.join(", ")),
    };
    Problem::new(format!("there is no key '{}'", clean(key)), hint)
}

impl Context<'_> {
    /// A text, a number or a truth value.
    pub(super) fn expanded(self, node: &DocumentNode) -> Result<ExpandedText, Problem> {
        match node {
            DocumentNode::Text(text) => expand(text, self.variable),
            DocumentNode::Number(text) => Ok(ExpandedText { text: text.clone(), masked: text.clone() }),
            DocumentNode::Bool(value) => Ok(ExpandedText { text: value.to_string(), masked: value.to_string() }),
            DocumentNode::List(items) if items.len() == 1 => self.expanded(&items[0]),
            other => Err(Problem::new(format!("it takes one text, not {}", other.kind()), "write one text in quotes")),
        }
    }

    pub(super) fn text(self, node: &DocumentNode) -> Result<String, Problem> {
        self.expanded(node).map(|expanded| expanded.text)
    }

    /// A list of texts; a single one is a list of one.
    pub(super) fn list(self, node: &DocumentNode) -> Result<Vec<ExpandedText>, Problem> {
        match node {
            DocumentNode::List(items) => items.iter().map(|item| self.expanded(item)).collect(),
            DocumentNode::Table(_) | DocumentNode::Null => {
                let hint = "write one text in quotes, or several in brackets: [\"a\", \"b\"]";
                Err(Problem::new(format!("it takes a list of texts, not {}", node.kind()), hint))
            }
            one => Ok(vec![self.expanded(one)?]),
        }
    }

    /// A list whose items are one text with commas.
    fn joined(self, node: &DocumentNode) -> Result<String, Problem> {
        Ok(self.list(node)?.into_iter().map(|item| item.text).collect::<Vec<_>>().join(","))
    }

    /// A program and its arguments. A relative path is relative to the file; a bare name is looked up as in a shell.
    fn script(self, node: &DocumentNode) -> Result<Vec<String>, Problem> {
        let mut words: Vec<String> = self.list(node)?.into_iter().map(|word| word.text).collect();
        let Some(program) = words.first_mut() else {
            return Err(Problem::new("it names no program", "write it as [\"./check.sh\", \"--fast\"]"));
        };
        if program.contains('/') {
            *program = self.folder.join(&*program).to_string_lossy().into_owned();
        }
        Ok(words)
    }

    /// A file that can be read. A relative path is relative to the file.
    fn file(self, node: &DocumentNode) -> Result<PathBuf, Problem> {
        let path = self.folder.join(self.text(node)?);
        match std::fs::File::open(&path) {
            Ok(_) => Ok(path),
            Err(error) => {
                let why = format!("cannot read '{}': {}", clean(&path.to_string_lossy()), plain(&error));
                Err(Problem::new(why, "a relative path is relative to the services file"))
            }
        }
    }

    fn labels(self, node: &DocumentNode) -> Result<Vec<(String, String)>, Problem> {
        let hint = "write it as { team = \"shop\" }";
        let DocumentNode::Table(entries) = node else {
            return Err(Problem::new(format!("it takes a table of texts, not {}", node.kind()), hint));
        };
        entries.iter().map(|(name, value)| Ok((name.clone(), self.text(value)?))).collect()
    }
}

fn parsed<T: FromStr<Err = ParseError>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|error: ParseError| Problem::new(error.to_string(), error.hint()))
}

fn parsed_list<T: FromStr<Err = ParseError>>(items: &[ExpandedText]) -> Result<Vec<T>, Problem> {
    items.iter().map(|item| parsed(&item.text)).collect()
}

fn boolean(node: &DocumentNode) -> Result<bool, Problem> {
    match node {
        DocumentNode::Bool(value) => Ok(*value),
        other => Err(Problem::new(format!("it takes true or false, not {}", other.kind()), "write true or false")),
    }
}

fn duration(text: &str) -> Result<std::time::Duration, Problem> {
    parse_duration(text).map_err(|error| Problem::new(error.to_string(), error.hint()))
}

fn number(text: &str, least: u32, most: u32) -> Result<u32, Problem> {
    let number = text.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| {
        Problem::new(
            format!("it is not a number from {least} to {most}"),
            format!("write a number from {least} to {most}"),
        )
    })
}

fn digest(text: &str) -> Result<Digest, Problem> {
    let hint = "write 64 hexadecimal digits, as from openssl x509 -fingerprint -sha256";
    Digest::from_hex(text).ok_or_else(|| Problem::new("it is not a SHA-256 fingerprint", hint))
}

/// Words of a fixed set. A text may hold several, with commas between them.
fn words<T: Copy, const N: usize>(
    items: &[ExpandedText],
    all: [T; N],
    name: impl Fn(T) -> &'static str,
) -> Result<Vec<T>, Problem> {
    let known: Vec<&str> = all.iter().map(|one| name(*one)).collect();
    let given = items.iter().flat_map(|item| item.text.split(',')).map(str::trim);
    given
        .map(|word| {
            let found = all.iter().find(|one| name(**one) == word).copied();
            found.ok_or_else(|| {
                let hint = format!("the values are {}", known.join(", "));
                Problem::new(format!("there is no '{}'", clean(word)), hint)
            })
        })
        .collect()
}
