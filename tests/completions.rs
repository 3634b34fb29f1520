//! The completion scripts that are checked in, tried in the real shells. A shell that is missing is a failure:
//! a script that was never run may complete nothing.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what is wrong by panicking")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::ValueEnum;
use portolan::output::FormatName;

/// A line as it is typed, with the cursor at its end, and exactly the words that TAB must offer.
fn cases() -> Vec<(&'static str, Vec<String>)> {
    vec![
        ("portolan dis", vec!["discover".to_owned()]),
        ("portolan discover lo", vec!["local".to_owned()]),
        ("portolan discover local --so", vec!["--sort".to_owned()]),
        ("portolan discover local --group", vec!["--group-by".to_owned()]),
        ("portolan discover local -o ", values::<FormatName>()),
        ("portolan discover local --output p", vec!["prometheus".to_owned(), "prometheus-sd".to_owned()]),
        ("portolan config s", vec!["show".to_owned()]),
        ("portolan discover local --no-", vec!["--no-headers".to_owned()]),
    ]
}

fn values<T: ValueEnum>() -> Vec<String> {
    let mut names: Vec<_> = T::value_variants()
        .iter()
        .filter_map(ValueEnum::to_possible_value)
        .map(|value| value.get_name().to_owned())
        .collect();
    names.sort();
    names
}

fn script(name: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("completions").join(name).to_string_lossy().into_owned()
}

/// Asks a shell, started by `command`, for the candidates of every line. The line comes in as `$LINE`, the script
/// as `$SCRIPT`; `$SCRATCH` is a directory of its own.
fn complete(shell: &str, script: &str, command: &[&str]) {
    let scratch = std::env::temp_dir().join(format!("portolan-{shell}-{}", std::process::id()));
    fs::create_dir(&scratch).unwrap();
    for (line, expected) in cases() {
        let output = Command::new(command[0])
            .args(&command[1..])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C")
            .env("TERM", "dumb")
            .env("HOME", &scratch)
            .env("LINE", line)
            .env("SCRIPT", script)
            .env("SCRATCH", &scratch)
            .current_dir(&scratch)
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{shell} is needed for this test: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        let mut offered: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
        offered.sort();
        offered.dedup();
        assert_eq!(offered, expected, "{shell} at `{line}`: {said}");
    }

    fs::remove_dir_all(&scratch).unwrap();
}

#[test]
fn bash_completes() {
    // What readline does before it calls the function that the script registered.
    const ASK: &str = r#"
        source "$SCRIPT"
        read -ra COMP_WORDS <<< "$LINE"
        [[ $LINE == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$LINE COMP_POINT=${#LINE}
        [[ $(complete -p portolan) =~ -F\ ([^ ]+) ]] || exit 1
        "${BASH_REMATCH[1]}" portolan "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        ((${#COMPREPLY[@]})) && printf '%s\n' "${COMPREPLY[@]}""#;
    complete("bash", &script("portolan.bash"), &["bash", "--norc", "--noprofile", "-c", ASK]);
}

#[test]
fn fish_completes() {
    // A candidate and its description are a tab apart.
    const ASK: &str = r#"source "$SCRIPT"; complete -C "$LINE" | string split -f1 \t"#;
    complete("fish", &script("portolan.fish"), &["fish", "--no-config", "-c", ASK]);
}

#[test]
fn zsh_completes() {
    // Completion only runs in a line editor, so a second zsh gets a terminal of its own. Its `compadd` writes
    // down what the script offers before handing it on.
    const ASK: &str = r#"
        cat > $SCRATCH/inner.zsh <<'INNER'
            PS1= LISTMAX=100000
            fpath=(${SCRIPT:h} $fpath)
            autoload -Uz compinit && compinit -u -D
            compadd() {
                local -a offered
                if [[ ${@[(i)-[OAD]]} -le $# ]] { builtin compadd "$@"; return }
                builtin compadd -O offered "$@"
                print -rl -- $offered >> $SCRATCH/offered
                builtin compadd "$@"
            }
            capture() { zle complete-word; : > $SCRATCH/done }
            zle -N capture
            bindkey '^I' capture
            : > $SCRATCH/ready
INNER
        wait_for() { repeat 400 { [[ -e $SCRATCH/$1 ]] && return; sleep 0.05 }; print -u2 "no $1"; exit 1 }
        rm -f $SCRATCH/{offered,done,ready}
        zmodload zsh/zpty || exit 1
        zpty inner zsh -f -i
        zpty -w inner 'source $SCRATCH/inner.zsh'
        wait_for ready
        zpty -w -n inner "$LINE"$'\t'
        wait_for done
        zpty -d inner
        [[ -e $SCRATCH/offered ]] && grep -v '^$' $SCRATCH/offered"#;
    complete("zsh", &script("_portolan"), &["zsh", "-f", "-c", ASK]);
}
