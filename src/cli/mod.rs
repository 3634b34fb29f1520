//! The command line: composes the other modules, and is the only one that prints, reads the environment or exits.

#[cfg(feature = "registry")]
mod agent;
mod announce;
mod atomic_file;
mod audit;
#[cfg(feature = "serve")]
mod bench;
mod command_line;
mod completions;
mod config;
#[cfg(feature = "serve")]
mod db;
mod definition;
mod deregister;
mod discover;
mod doctor;
mod drift;
mod exit;
mod explain;
mod export;
mod file_stamps;
mod free_port;
#[cfg(all(feature = "serve", any(fuzzing, test)))]
pub(crate) mod fuzz;
mod habits;
mod hand_to;
mod health;
mod help;
mod identify;
mod install;
mod instance_id;
#[cfg(feature = "serve")]
mod key;
mod kill;
mod listing;
mod local;
mod man;
mod outputs;
mod owner_source;
mod parse;
mod port_words;
mod ports;
mod progress;
mod register;
mod registry;
mod resolve;
#[cfg(feature = "serve")]
mod serve;
mod services;
mod settings_file;
mod signals;
mod status;
mod stderr;
mod stdout;
mod stored;
mod sync;
mod terminal;
mod usage;
mod user_settings;
mod validate;
mod version;
mod wait;
mod watch;
mod who;

use std::ffi::OsString;
use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use self::exit::Exit;
use self::outputs::{OutputSpec, OutputSpecParser};
use self::parse::ParsedCommand;
use crate::error::{Error, Result};
use crate::output::FormatName;

/// List, identify, check and watch network services of this machine, a network, a cluster or a registry
#[derive(Debug, Parser)]
#[command(name = "portolan", bin_name = "portolan", version, long_version = version::LONG.as_str())]
#[command(propagate_version = true, max_term_width = 100, after_long_help = help::reference::long_help())]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one for each run")]
enum Command {
    Local(local::ShortLocal),
    Scan(discover::ShortScan),
    Discover(discover::Discover),
    Who(who::Who),
    Kill(kill::Kill),
    FreePort(free_port::FreePort),
    Validate(Box<validate::Validate>),
    Score(validate::ScoreAgain),
    Wait(wait::Wait),
    Resolve(Box<resolve::Resolve>),
    Register(Box<register::Register>),
    Deregister(deregister::Deregister),
    Services(services::Services),
    Status(status::Status),
    Health(health::Health),
    Audit(audit::Audit),
    Export(Box<export::Export>),
    Drift(Box<drift::DriftArgs>),
    #[cfg(feature = "registry")]
    Agent(Box<agent::AgentArgs>),
    Sync(Box<sync::Sync>),
    Doctor(doctor::Doctor),
    Explain(explain::Explain),
    #[cfg(feature = "serve")]
    Serve(Box<serve::Serve>),
    #[cfg(feature = "serve")]
    Key(key::KeyArgs),
    #[cfg(feature = "serve")]
    Db(db::Db),
    #[cfg(feature = "serve")]
    Bench(bench::Bench),
    Ports(ports::PortNames),
    Completions(completions::Completions),
    Man(man::ManPages),
    Config(config::Config),
}

/// Options that every command takes.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Global options")]
#[expect(clippy::doc_markdown, reason = "these lines are help texts, and are shown as they stand")]
struct Global {
    /// Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and
    /// `doctor`, if it is YAML) read the server's settings from it
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Output format. FORMAT=FILE also writes to a file; can be repeated
    #[arg(short, long, value_parser = OutputSpecParser, value_name = "FORMAT[=FILE]", global = true, default_value = "table")]
    output: Vec<OutputSpec>,
    /// Short for --output json
    #[arg(long, global = true)]
    json: bool,
    /// Use color; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", global = true, default_value_t = Color::Auto)]
    color: Color,
    /// Write only errors to stderr
    #[arg(short, long, global = true)]
    quiet: bool,
    /// The format of standard output.
    #[arg(skip = FormatName::Table)]
    format: FormatName,
    /// Whether `--output` is on the command line itself, not only in a setting or a default.
    #[arg(skip)]
    output_on_line: bool,
    /// The same of `--columns`.
    #[arg(skip)]
    columns_on_line: bool,
    /// The same of `--sort`.
    #[arg(skip)]
    sort_on_line: bool,
}

impl Global {
    /// Chooses the format of standard output. `on_line`: the command line has `--output`; `set`: the values of the settings,
    /// which stay in force if the command line only names files.
    ///
    /// # Errors
    /// If two formats are given for it.
    fn choose_format(&mut self, on_line: bool, set: &[OutputSpec]) -> Result<()> {
        for spec in &mut self.output {
            spec.file = spec.file.take().filter(|file| !stdout::is_stdout(file));
        }
        let mut formats = self.output.iter().filter(|spec| spec.file.is_none()).map(|spec| spec.format);
        let first = formats.next();
        if formats.next().is_some() {
            let hint = "write the others to files, as in -o csv=FILE";
            return Err(Error::usage("--output", "standard output takes one format, and there are two", hint));
        }
        if self.json && first.is_some() && on_line {
            let why = "it cannot be combined with --output";
            return Err(Error::usage("--json", why, "leave one of them out"));
        }

        let set = set.iter().find(|spec| spec.file.is_none()).map(|spec| spec.format);
        self.format = if self.json { FormatName::Json } else { first.or(set).unwrap_or(FormatName::Table) };
        self.output_on_line = on_line;
        Ok(())
    }

    /// Whether a `command` with its own text format should write JSON instead. Other formats of a setting are meant for
    /// services, and are ignored.
    ///
    /// # Errors
    /// If the command line requests another format.
    fn wants_json(&self, command: &str) -> Result<bool> {
        if self.output_on_line && self.output.iter().any(|spec| spec.file.is_some()) {
            let why = format!("{command} writes to standard output only");
            return Err(Error::usage("--output", why, "leave it out, and redirect the output"));
        }

        match self.format {
            FormatName::Json => Ok(true),
            FormatName::Table => Ok(false),
            other if self.output_on_line => {
                let name = other.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
                let why = format!("{command} does not write {name}");
                let instances = format!("or `portolan discover portolan -o {name}` for the instances");
                let hint = match command.strip_prefix("portolan services") {
                    Some(" list") => format!("write --json or -o csv; {instances}"),
                    Some(_) => format!("write --json; {instances}"),
                    None => "leave it out, or write --json".to_owned(),
                };
                Err(Error::usage(format!("--output '{name}'"), why, hint))
            }
            _ => Ok(false),
        }
    }
}

impl Global {
    /// Whether the command line itself asks for a format, and not only a setting.
    fn has_format_on_line(&self) -> bool {
        self.json || self.output_on_line
    }

    /// For a `command` that writes no JSON, because of `why`. A format of a setting is meant for other commands.
    ///
    /// # Errors
    /// If the command line requests a format.
    fn refuse_json(&self, command: &str, why: &str, hint: &str) -> Result<()> {
        if self.wants_json(command)? && self.has_format_on_line() {
            return Err(Error::usage("--json", format!("{command} {why}"), hint));
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let exit = run(&args).unwrap_or_else(|error| {
        stderr::error(&error);
        Exit::from(&error)
    });
    exit.into()
}

fn run(args: &[OsString]) -> Result<Exit> {
    // `portolan` alone at a terminal shows what listens here. In a pipe, a missing command is a mistake.
    let is_overview = args.len() == 1 && io::stdout().is_terminal();
    let overview = [args.first().cloned().unwrap_or_default(), OsString::from("local")];

    match parse::parse(if is_overview { &overview } else { args })? {
        ParsedCommand::Run(cli) if is_overview => local::overview(&cli.global),
        ParsedCommand::Text(text) => {
            let color = terminal::Terminal::of_stdout(Color::Auto).color;
            let text = if color { text.ansi().to_string() } else { text.to_string() };
            stdout::with_stdout(None, |out| writeln!(out, "{}", text.trim_end()))?;
            Ok(Exit::Done)
        }
        ParsedCommand::Run(cli) => match cli.command {
            Command::Discover(mut discover) => discover.run(&cli.global),
            Command::Scan(scan) => scan.run(&cli.global),
            Command::Local(mut local) => local.run(&cli.global),
            Command::Who(who) => who.run(&cli.global),
            Command::Kill(kill) => kill.run(&cli.global),
            Command::FreePort(free_port) => free_port.run(&cli.global),
            Command::Validate(validate) => validate.run(&cli.global),
            Command::Score(score) => score.run(&cli.global),
            Command::Wait(wait) => wait.run(&cli.global),
            Command::Resolve(resolve) => resolve.run(&cli.global),
            Command::Register(register) => register.run(&cli.global),
            Command::Deregister(deregister) => deregister.run(&cli.global),
            Command::Services(services) => services.run(&cli.global),
            Command::Status(status) => status.run(&cli.global),
            Command::Health(health) => health.run(&cli.global),
            Command::Audit(audit) => audit.run(&cli.global),
            Command::Export(export) => export.run(&cli.global),
            Command::Sync(sync) => sync.run(&cli.global),
            Command::Drift(drift) => drift.run(&cli.global),
            #[cfg(feature = "registry")]
            Command::Agent(agent) => agent.run(&cli.global),
            Command::Doctor(doctor) => doctor.run(&cli.global),
            Command::Explain(explain) => explain.run(&cli.global),
            #[cfg(feature = "serve")]
            Command::Serve(serve) => match serve.migration(&cli.global)? {
                Some(place) => db::migrate(place, &cli.global),
                None => serve.run(&cli.global),
            },
            #[cfg(feature = "serve")]
            Command::Key(key) => key.run(&cli.global),
            #[cfg(feature = "serve")]
            Command::Db(db) => db.run(&cli.global),
            #[cfg(feature = "serve")]
            Command::Bench(bench) => bench.run(&cli.global),
            Command::Ports(ports) => ports.run(&cli.global),
            Command::Completions(completions) => completions.run(cli.global.quiet),
            Command::Man(man) => man.run(cli.global.quiet),
            Command::Config(config) => config.run(&cli.global),
        },
    }
}
