//! The counters: each takes the text of one file and says what it finds there.

use crate::lexer::{Placed, Token, tokens};

/// Words and turns of phrase that a native technical writer does not use.
const RIDDLES: [&str; 7] = ["somebody", "nobody", "whoever", "anybody", "is told", "are told", "rights to"];

/// Parts of a constant's name that say neither what is limited nor in which unit.
const VAGUE: [&str; 7] = ["MOST", "LOOK", "PATIENCE", "FEW", "GLANCE", "TURNS", "LITTLE"];

/// Names of types that were replaced by words of the field: each had several meanings, or none that a reader knows.
const REPLACED_NAMES: [&str; 84] = [
    "Again",
    "Aim",
    "Answer",
    "Ask",
    "AskError",
    "BadValue",
    "Believed",
    "Block",
    "Board",
    "BodyPattern",
    "Complaint",
    "Crew",
    "Cut",
    "Declared",
    "Depth",
    "DialError",
    "Draft",
    "Drained",
    "End",
    "Ending",
    "Eye",
    "Face",
    "Fault",
    "Feed",
    "GaveUp",
    "Goal",
    "Goals",
    "Handover",
    "HeaderLine",
    "HeaderPattern",
    "Hindrance",
    "Hope",
    "How",
    "JsonValue",
    "Judge",
    "Kit",
    "Lateness",
    "Look",
    "Manners",
    "News",
    "Onward",
    "Over",
    "Owner",
    "Pace",
    "Page",
    "Parcel",
    "Peer",
    "PeerError",
    "PortsError",
    "Presence",
    "Previous",
    "Read",
    "Refusal",
    "Relay",
    "Roll",
    "Seat",
    "Sheet",
    "Sink",
    "StartTlsWord",
    "StatusRangesError",
    "Surplus",
    "Tally",
    "TargetError",
    "Telling",
    "Tempo",
    "Ticket",
    "Trail",
    "Verdict",
    "Via",
    "Way",
    "Wire",
    "Within",
    "Word",
    "Account",
    "Said",
    "Told",
    "Seen",
    "Heard",
    "Found",
    "Shown",
    "Took",
    "Ran",
    "Given",
    "Kept",
];

/// Participles that do not end in "ed".
const IRREGULAR_PARTICIPLES: [&str; 12] =
    ["Bound", "Chosen", "Done", "Gone", "Held", "Known", "Left", "Lost", "Made", "Sent", "Taken", "Written"];

/// Names that look like participles, and are none: a word of security, and a program.
const NOUNS: [&str; 2] = ["Untrusted", "Memcached"];

/// A function this long has steps, and a blank line stands between them.
const LONG_FUNCTION: usize = 12;

/// How often the riddles occur in the comments and string literals of a Rust file.
pub(crate) fn riddles_in_code(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for placed in tokens(source) {
        if let Token::Comment(text) | Token::Text(text) = placed.token {
            found.extend(riddles(&text));
        }
    }
    found
}

/// The riddles in a text. `nobody` as the name of the user or group is not one.
pub(crate) fn riddles(text: &str) -> Vec<String> {
    let lower = text.replace('\\', " ").to_lowercase();
    let words: Vec<&str> = lower.split(|c: char| !c.is_alphanumeric() && c != '-').filter(|w| !w.is_empty()).collect();
    let of_passwd = |at: usize| at > 0 && matches!(words[at - 1], "user" | "--user" | "uid" | "group" | "chown" | "su");

    let mut found = Vec::new();
    for riddle in RIDDLES {
        let parts: Vec<&str> = riddle.split(' ').collect();
        for at in 0..words.len() {
            if words[at..].starts_with(&parts) && !(riddle == "nobody" && of_passwd(at)) {
                found.push(riddle.to_owned());
            }
        }
    }
    found
}

/// The names of constants and statics that say neither what is limited nor in which unit.
pub(crate) fn vague_constants(source: &str) -> Vec<String> {
    let code = code_of(source);
    let declared = code.windows(2).filter(|pair| pair[0].is_word("const") || pair[0].is_word("static"));
    declared
        .filter_map(|pair| pair[1].word())
        .filter(|name| name.split('_').any(|part| VAGUE.contains(&part)))
        .map(str::to_owned)
        .collect()
}

/// The types that a file declares: structs, enums, traits and aliases, but not the associated types of a trait or of
/// its implementations.
pub(crate) fn declared_types(source: &str) -> Vec<String> {
    let code = code_of(source);
    let mut found = Vec::new();
    // For each open brace, whether it belongs to a trait or an implementation.
    let mut blocks: Vec<bool> = Vec::new();
    let mut statement_start = 0;

    for (at, placed) in code.iter().enumerate() {
        if placed.is_mark('{') {
            let head = &code[statement_start..at];
            blocks.push(is_impl_or_trait(head));
            statement_start = at + 1;
        } else if placed.is_mark('}') {
            blocks.pop();
            statement_start = at + 1;
        } else if placed.is_mark(';') {
            statement_start = at + 1;
        }

        let associated = placed.is_word("type") && blocks.last().copied().unwrap_or(false);
        let raw = at > 0 && code[at - 1].is_mark('#');
        let declares = ["struct", "enum", "trait", "type"].iter().any(|keyword| placed.is_word(keyword));
        if declares && !associated && !raw {
            found.extend(code.get(at + 1).and_then(Placed::word).map(str::to_owned));
        }
    }

    found
}

/// The types that a file declares under a name that was replaced, or that is a participle alone: a type is a noun.
pub(crate) fn unclear_types(source: &str) -> Vec<String> {
    declared_types(source).into_iter().filter(|name| is_unclear(name)).collect()
}

fn is_unclear(name: &str) -> bool {
    let is_one_word = !name.chars().skip(1).any(char::is_uppercase);
    let ends_as_one = name.ends_with("ed") && !name.ends_with("eed");
    let is_participle = is_one_word && ends_as_one || IRREGULAR_PARTICIPLES.contains(&name);
    (REPLACED_NAMES.contains(&name) || is_participle) && !NOUNS.contains(&name)
}

/// Whether the tokens before an open brace are the head of a trait or of an implementation.
fn is_impl_or_trait(head: &[Placed]) -> bool {
    let mut depth = 0_usize;
    for placed in head {
        match &placed.token {
            Token::Mark('[' | '(') => depth += 1,
            Token::Mark(']' | ')') => depth = depth.saturating_sub(1),
            Token::Word(word) if depth == 0 => match word.as_str() {
                "impl" | "trait" => return true,
                "pub" | "unsafe" | "default" => {}
                _ => return false,
            },
            _ => {}
        }
    }
    false
}

/// Blank lines inside functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct BlankLines {
    pub(crate) blank: usize,
    pub(crate) all: usize,
}

/// The blank lines among the lines strictly between the braces of functions, for functions with at least
/// [`LONG_FUNCTION`] such lines. A function inside another counts once, as lines of the outer one. An empty line of a
/// string or of a block comment separates nothing.
pub(crate) fn blank_lines(source: &str) -> BlankLines {
    let tokens = tokens(source);
    let code: Vec<Placed> =
        tokens.iter().filter(|placed| !matches!(placed.token, Token::Comment(_))).cloned().collect();
    let lines: Vec<&str> = source.lines().collect();
    let mut counted = BlankLines::default();
    let mut at = 0;

    while at + 1 < code.len() {
        let is_function = code[at].is_word("fn") && code[at + 1].word().is_some();
        let Some((open, close)) = is_function.then(|| body(&code, at)).flatten() else {
            at += 1;
            continue;
        };
        let inside = code[open].first_line + 1..code[close].first_line;
        if inside.len() >= LONG_FUNCTION {
            counted.all += inside.len();
            counted.blank += inside.filter(|line| lines[*line].trim().is_empty() && !within(&tokens, *line)).count();
        }
        at = close;
    }

    counted
}

/// Whether a line lies inside a token of several lines.
fn within(tokens: &[Placed], line: usize) -> bool {
    tokens.iter().any(|placed| placed.first_line < line && line < placed.last_line)
}

/// The positions of the braces of the function that begins at `at`; nothing for one without a body.
fn body(code: &[Placed], at: usize) -> Option<(usize, usize)> {
    let mut depth = 0_usize;
    let mut open = None;

    for (here, placed) in code.iter().enumerate().skip(at) {
        match placed.token {
            Token::Mark('{') if depth == 0 && open.is_none() => {
                open = Some(here);
                depth = 1;
            }
            Token::Mark('(' | '[' | '{') => depth += 1,
            Token::Mark(')' | ']' | '}') => {
                depth = depth.checked_sub(1)?;
                if let (0, Some(open)) = (depth, open) {
                    return Some((open, here));
                }
            }
            Token::Mark(';') if depth == 0 => return None,
            _ => {}
        }
    }

    None
}

/// The names of local closures: `let name = |…|`, also with `mut`, a type, `&`, `async` or `move`.
pub(crate) fn named_closures(source: &str) -> Vec<String> {
    let code = code_of(source);
    let mut found = Vec::new();

    for (at, _) in code.iter().enumerate().filter(|(_, placed)| placed.is_word("let")) {
        let mut rest = code[at + 1..].iter().skip_while(|placed| placed.is_word("mut"));
        let Some(name) = rest.next().and_then(Placed::word) else { continue };
        // Past the type, if there is one, to the equals sign.
        let mut rest = rest.skip_while(|placed| !placed.is_mark('=') && !placed.is_mark(';') && !placed.is_mark('{'));
        if !rest.next().is_some_and(|placed| placed.is_mark('=')) {
            continue;
        }
        let prefix = |placed: &&Placed| {
            placed.is_mark('&') || ["async", "move", "mut"].iter().any(|keyword| placed.is_word(keyword))
        };
        if rest.find(|placed| !prefix(placed)).is_some_and(|placed| placed.is_mark('|')) {
            found.push(name.to_owned());
        }
    }

    found
}

/// The tokens that are not comments.
fn code_of(source: &str) -> Vec<Placed> {
    let mut tokens = tokens(source);
    tokens.retain(|placed| !matches!(placed.token, Token::Comment(_)));
    tokens
}
