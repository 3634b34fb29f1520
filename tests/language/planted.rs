//! A counter that cannot count is a test that cannot fail: each is given something to find, and something to leave.

use crate::counters::{
    BlankLines, blank_lines, declared_types, named_closures, riddles, riddles_in_code, unclear_types, vague_constants,
};

#[test]
fn riddles_are_found_in_comments_and_strings() {
    for (source, expected) in [
        ("// Nobody reads this.", vec!["nobody"]),
        ("/// What is\n/// told to the user.", vec!["is told"]),
        ("/* whoever, /* or */ anybody */", vec!["whoever", "anybody"]),
        ("let x = \"They are told\";", vec!["are told"]),
        ("let x = \"is \\\n    told\";", vec!["is told"]),
        ("let x = r#\"the \"rights to\" it\"#;", vec!["rights to"]),
        ("#[arg(help = \"somebody's\")]", vec!["somebody"]),
    ] {
        let mut found = riddles_in_code(source);
        found.sort();
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(found, expected, "{source}");
    }
}

#[test]
fn code_and_the_user_nobody_are_no_riddles() {
    for source in [
        "let nobody = whoever();",
        "// It told us. Rights. A bystander.",
        "scene.list(\"--user nobody\")",
        "let c = '\"'; let nobody = '\\''; // quotes",
        "fn f<'a>(nobody: &'a str) {}",
    ] {
        assert_eq!(riddles_in_code(source), Vec::<String>::new(), "{source}");
    }
    assert_eq!(riddles("for nobody in user nobody"), ["nobody"]);
}

#[test]
fn vague_constants_are_found() {
    for (source, expected) in [
        ("const MOST: usize = 1;", vec!["MOST"]),
        ("pub(crate) const MOST_NAMES: usize = 1;", vec!["MOST_NAMES"]),
        (
            "static PATIENCE: u8 = 1; const NAME_GLANCE: u8 = 2; const FEW: u8 = 3;",
            vec!["PATIENCE", "NAME_GLANCE", "FEW"],
        ),
        ("const MAX_NAMES: usize = 1; const LOOKUP_INTERVAL: u8 = 1;", vec![]),
        ("// const MOST: usize = 1;", vec![]),
        ("const fn most() {} let x = MOST;", vec![]),
    ] {
        assert_eq!(vague_constants(source), expected, "{source}");
    }
}

#[test]
fn types_are_found_and_associated_types_are_not() {
    for (source, expected) in [
        ("struct A; pub enum B { X } pub(crate) trait C { type Item; } type D = A;", vec!["A", "B", "C", "D"]),
        (
            "impl Iterator for A { type Item = u8; fn next(&mut self) -> Option<u8> { struct Inner; None } }",
            vec!["Inner"],
        ),
        ("#[cfg(test)] mod tests { use super::*; type Local = u8; }", vec!["Local"]),
        ("#[doc = \"{\"] unsafe impl<T> X for T where T: Y { type Err = E; }", vec![]),
        ("fn f() -> impl Fn() { type Inside = u8; }", vec!["Inside"]),
        ("// struct Comment;\nlet s = \"struct Text\"; let r#type = 1; r#type as u8;", vec![]),
        ("macro_rules! m { ($name:ident) => { struct $name; } }", vec![]),
    ] {
        assert_eq!(declared_types(source), expected, "{source}");
    }
}

#[test]
fn unclear_type_names_are_found() {
    for (source, expected) in [
        ("struct Told; pub enum Verdict { X } type Page = u8;", vec!["Told", "Verdict", "Page"]),
        ("struct Announced(u8); trait Known {}", vec!["Announced", "Known"]),
        ("struct HttpPage; struct ProbeVerdict; struct StoredLease; struct Seed; enum Feeder {}", vec![]),
        ("struct Untrusted; struct Memcached; enum E { Verdict, Parsed }", vec![]),
        ("impl Iterator for A { type Item = u8; } impl S for B { type Known = u8; }", vec![]),
    ] {
        assert_eq!(unclear_types(source), expected, "{source}");
    }
}

/// A function with `lines` lines between its braces, of which the first `blank` are empty.
fn function(lines: usize, blank: usize) -> String {
    format!("fn f(x: [u8; 2]) -> u8 {{\n{}{}}}\n", "\n".repeat(blank), "    x();\n".repeat(lines - blank))
}

#[test]
fn blank_lines_are_counted_in_long_functions_only() {
    let none = BlankLines { blank: 0, all: 0 };
    assert_eq!(blank_lines(&function(12, 3)), BlankLines { blank: 3, all: 12 });
    assert_eq!(blank_lines(&function(11, 3)), none);
    assert_eq!(blank_lines(&"\n".repeat(20)), none);
    assert_eq!(blank_lines("trait T {\n    fn f();\n\n\n\n\n\n\n\n\n\n\n\n\n}\n"), none);

    let two = function(12, 1) + "\n\n" + &function(13, 2);
    assert_eq!(blank_lines(&two), BlankLines { blank: 3, all: 25 });
    let nested = format!("fn outer() {{\n{}}}\n", function(12, 2));
    assert_eq!(blank_lines(&nested), BlankLines { blank: 2, all: 14 });
}

#[test]
fn an_empty_line_of_a_string_separates_nothing() {
    let inside = format!("fn f() {{\n    x(\"\n\n\n\");\n{}}}\n", "    x();\n".repeat(10));
    assert_eq!(blank_lines(&inside), BlankLines { blank: 0, all: 14 });
}

#[test]
fn named_closures_are_found() {
    for (source, expected) in [
        ("let f = |x| x;", vec!["f"]),
        ("let mut f = move || 1;", vec!["f"]),
        ("let f: fn(u8) -> u8 = |x| x;", vec!["f"]),
        ("let f = async move |x: u8| x; let g = &mut |x| x;", vec!["f", "g"]),
        ("let f = a || b; let g = map(|x| x); let (a, b) = c;", vec![]),
        ("if let Some(x) = y && z == 1 || w {}", vec![]),
        ("// let f = |x| x;", vec![]),
    ] {
        assert_eq!(named_closures(source), expected, "{source}");
    }
}
