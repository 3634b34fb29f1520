//! Which modules a source file names, read from its text.

use std::iter::Peekable;
use std::str::CharIndices;

/// The module of a file below `src`, from the crate's root: `net/http/mod.rs` is `net::http`.
pub(crate) fn module_of(path: &str) -> Vec<String> {
    let parts = path.trim_end_matches(".rs").split('/').map(ToOwned::to_owned);
    let is_name = |part: &String| part != "mod";
    let module: Vec<String> = parts.filter(is_name).collect();

    if matches!(module[0].as_str(), "lib" | "main") { Vec::new() } else { module }
}

pub(crate) fn without_comments(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or("")).collect::<Vec<_>>().join("\n")
}

/// Every path that a module names by `crate::…` or `super::…`, in imports and in expressions, from the crate's root.
///
/// A module inside the file (its tests) needs one `super` to reach the file itself; that cannot be told from the text
/// alone, so the strict reading counts.
pub(crate) fn paths(module: &[String], text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for start in ["crate::", "super::", "self::"] {
        for (at, _) in text.match_indices(start) {
            let before = text[..at].chars().next_back();
            if before.is_none_or(|c| c != ':' && c != '_' && c != '$' && !c.is_alphanumeric()) {
                expand(&mut text[at..].char_indices().peekable(), &mut Vec::new(), &mut found);
            }
        }
    }

    found.into_iter().filter_map(|path| absolute(module, &path)).collect()
}

/// `super::super::a` as seen from the crate's root; `None` where it leads out of the crate, or to nothing named.
fn absolute(module: &[String], path: &[String]) -> Option<Vec<String>> {
    let ups = path.iter().take_while(|part| *part == "super").count();
    let (base, rest) = match path.first()?.as_str() {
        "crate" => (&[][..], &path[1..]),
        "self" => (module, &path[1..]),
        _ => (&module[..module.len().checked_sub(ups)?], &path[ups..]),
    };

    let path: Vec<String> = base.iter().chain(rest).cloned().collect();
    let is_whole = !rest.is_empty() && rest[0] != "*";
    is_whole.then_some(path)
}

/// Reads `a::b::{c, d::e}` into `a::b::c` and `a::b::d::e`.
fn expand(text: &mut Peekable<CharIndices<'_>>, prefix: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
    let depth = prefix.len();
    loop {
        skip_space(text);
        match text.peek().map(|(_, c)| *c) {
            Some('{') => {
                text.next();
                loop {
                    expand(text, prefix, found);
                    skip_space(text);
                    match text.next() {
                        Some((_, ',')) => {}
                        _ => break,
                    }
                }
                break;
            }
            Some('*') => {
                text.next();
                prefix.push("*".to_owned());
                found.push(prefix.clone());
                break;
            }
            Some(c) if c.is_alphanumeric() || c == '_' => prefix.push(word(text)),
            _ => break,
        }
        if !takes(text, "::") {
            // `a as b` names a.
            let mut ahead = text.clone();
            skip_space(&mut ahead);
            if takes(&mut ahead, "as ") {
                skip_space(&mut ahead);
                word(&mut ahead);
                *text = ahead;
            }
            found.push(prefix.clone());
            break;
        }
    }
    prefix.truncate(depth);
}

fn skip_space(text: &mut Peekable<CharIndices<'_>>) {
    while text.next_if(|(_, c)| c.is_whitespace()).is_some() {}
}

fn word(text: &mut Peekable<CharIndices<'_>>) -> String {
    let mut word = String::new();
    while let Some((_, c)) = text.next_if(|(_, c)| c.is_alphanumeric() || *c == '_') {
        word.push(c);
    }
    word
}

/// Whether `wanted` comes next; then it is taken.
fn takes(text: &mut Peekable<CharIndices<'_>>, wanted: &str) -> bool {
    let mut ahead = text.clone();
    let is_next = wanted.chars().all(|wanted| ahead.next().is_some_and(|(_, c)| c == wanted));
    if is_next {
        *text = ahead;
    }
    is_next
}

#[test]
fn paths_are_read_from_the_root() {
    let module = module_of("net/http/body.rs");
    let named = |text: &str| -> Vec<String> {
        paths(&module, &without_comments(text)).iter().map(|path| path.join("::")).collect()
    };

    assert_eq!(
        named("use crate::{model::Service, output::{A, b::C as D}};"),
        ["model::Service", "output::A", "output::b::C"]
    );
    assert_eq!(named("fn f() { super::head::read() } // crate::cli"), ["net::http::head::read"]);
    assert_eq!(named("use super::super::tls;"), ["net::tls"]);
    assert_eq!(named("use super::*;"), Vec::<String>::new());
    assert_eq!(module_of("lib.rs"), Vec::<String>::new());
}
