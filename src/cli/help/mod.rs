//! What explains the program: `-h`, `portolan help TOPIC`, and the reference text of `--help` and the man pages.

pub(super) mod reference;
mod selection;
mod short;
mod topics;

use std::ffi::OsString;

pub(super) use self::selection::related;
pub(super) use self::short::{examples, short_help};
pub(super) use self::topics::{names as topic_names, topic};

/// Whether a command line that asks for help asks for the short one: by `-h`, alone or after other flags, as in `-wh`.
pub(super) fn is_short(args: &[OsString]) -> bool {
    let words = args.iter().skip(1).map_while(|arg| arg.to_str().filter(|&word| word != "--"));
    let mut asked = words.filter(|word| *word == "--help" || *word == "help" || is_cluster_with_help(word));
    asked.next().is_some_and(is_cluster_with_help)
}

fn is_cluster_with_help(word: &str) -> bool {
    word.strip_prefix('-').is_some_and(|flags| !flags.starts_with('-') && flags.contains('h'))
}

/// Text in lines of at most `width` characters; a word that is longer stays whole.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_short_help_is_asked_for_by_its_letter() {
        for line in ["portolan -h", "portolan local -h", "portolan local -wh", "portolan local -p 22 -h --help"] {
            assert!(is_short(&args(line)), "{line}");
        }
        for line in ["portolan --help", "portolan help local", "portolan local --help -h", "portolan local -- -h"] {
            assert!(!is_short(&args(line)), "{line}");
        }
    }

    #[test]
    fn text_is_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("incomprehensible to", 5), ["incomprehensible", "to"]);
        assert!(wrapped("", 5).is_empty());
    }
}
