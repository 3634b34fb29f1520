//! `-o FORMAT` and `-o FORMAT=FILE`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use clap::builder::{EnumValueParser, PossibleValue, TypedValueParser};
use clap::{Arg, Command};

use crate::output::FormatName;

/// One value of `--output`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct OutputSpec {
    /// Output format.
    pub(in crate::cli) format: FormatName,
    /// Destination; `None` is standard output.
    pub(in crate::cli) file: Option<PathBuf>,
}

/// Parses a value of `--output` for clap.
#[derive(Clone, Debug)]
pub(in crate::cli) struct OutputSpecParser;

impl TypedValueParser for OutputSpecParser {
    type Value = OutputSpec;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<OutputSpec, clap::Error> {
        let bytes = value.as_bytes();
        let (word, file) = match bytes.iter().position(|&byte| byte == b'=') {
            Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
            None => (bytes, None),
        };
        let format = EnumValueParser::<FormatName>::new().parse_ref(command, arg, OsStr::from_bytes(word))?;
        // A dash means standard output.
        let file = file.filter(|&file| file != b"-").map(|file| PathBuf::from(OsStr::from_bytes(file)));
        Ok(OutputSpec { format, file })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        use clap::ValueEnum;
        Some(Box::new(FormatName::value_variants().iter().filter_map(ValueEnum::to_possible_value)))
    }
}
