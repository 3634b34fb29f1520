//! `portolan services switch` and `shift`: which instances of a service get its calls.

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use clap::{ArgGroup, Args};

use crate::clean::clean;
use crate::cli::exit::Exit;
use crate::cli::registry::RegistryOptions;
use crate::cli::{Global, stdout, terminal};
use crate::client::{ShiftAction, ShiftOptions, ShiftState, TrafficShare, TrafficState, TrafficTarget};
use crate::error::{Error, Result};
use crate::model::{VersionRequirement, parse_duration};
use crate::output::{self, GridColumn, GridLayout};

const SWITCH_EXAMPLES: &str = "\
Examples:
  portolan services switch web --to 1.3  all calls to version 1.3, in one change
  portolan services switch web --to-tag green
  portolan services switch web --reset    each instance its own weight again";

const SHIFT_EXAMPLES: &str = "\
Examples:
  portolan services shift web --to 1.3 --steps 10,50,100 --every 5m --abort-below 80
  portolan services shift web           where it is
  portolan services shift web --abort   the weights from before";

/// Send all calls of a service to the instances with a version or a tag, in one change
///
/// Clients, DNS and exports follow the weights. Instances that register later get calls if they have the version or the
/// tag. If no such instance takes calls, the others do. Only registries that `portolan serve` runs can do this.
#[derive(Args, Debug)]
#[command(after_help = SWITCH_EXAMPLES)]
#[command(group = ArgGroup::new("target").required(true).args(["to", "to_tag", "reset"]))]
pub(super) struct Switch {
    /// The name of the service, or NAMESPACE/NAME
    #[arg(value_name = "NAME")]
    name: String,
    /// Choose the instances of this version, or of a range such as ^1.3
    #[arg(long, value_name = "VERSION")]
    to: Option<VersionRequirement>,
    /// Choose the instances with this tag
    #[arg(long, value_name = "TAG")]
    to_tag: Option<String>,
    /// Give each instance its own weight again
    #[arg(long)]
    reset: bool,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// Move the calls of a service step by step to the instances with a version or a tag; without options, show the progress
///
/// The server carries out the shift, and continues it after a restart. Each step lasts the time of --every. After a last
/// step of 100 the shift finishes; otherwise it stays there until --finish or --abort. With --abort-below, the server
/// restores the previous weights when the score of these instances falls below it or none of them takes calls. A step then
/// counts only while the score is known, so the checks must run in the server. Only registries that `portolan serve` runs
/// can do this.
#[derive(Args, Debug)]
#[command(after_help = SHIFT_EXAMPLES)]
#[command(group = ArgGroup::new("action").args(["to", "to_tag", "pause", "resume", "abort", "finish"]))]
pub(super) struct ShiftTraffic {
    /// The name of the service, or NAMESPACE/NAME
    #[arg(value_name = "NAME")]
    name: String,
    /// Choose the instances of this version, or of a range such as ^1.3
    #[arg(long, value_name = "VERSION", requires = "steps")]
    to: Option<VersionRequirement>,
    /// Choose the instances with this tag
    #[arg(long, value_name = "TAG", requires = "steps")]
    to_tag: Option<String>,
    /// Shift these percentages of the calls, one after another, as in 10,50,100
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', value_parser = clap::value_parser!(u8).range(1..=100))]
    steps: Vec<u8>,
    /// Stay at each step for this time [default: 5m]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, requires = "steps")]
    every: Option<Duration>,
    /// Restore the previous weights if the score falls below this, 1 to 100
    #[arg(long, value_name = "SCORE", value_parser = clap::value_parser!(u8).range(1..=100), requires = "steps")]
    abort_below: Option<u8>,
    /// Stay at the current step
    #[arg(long)]
    pause: bool,
    /// Continue; the current step starts again
    #[arg(long)]
    resume: bool,
    /// End the shift and restore the previous weights
    #[arg(long)]
    abort: bool,
    /// End the shift and send all calls to the new instances
    #[arg(long)]
    finish: bool,
    #[command(flatten)]
    registry: RegistryOptions,
}

/// How long a step lasts.
const EVERY: Duration = Duration::from_mins(5);

impl Switch {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan services switch")?;
        self.registry.run(async |registry| {
            let server = registry.server()?;
            let state = match target(self.to.as_ref(), self.to_tag.as_ref()) {
                Some(to) => server.switch_traffic(&self.name, &to).await?,
                None => server.reset_traffic(&self.name).await?,
            };
            print(&state, json)
        })
    }
}

impl ShiftTraffic {
    pub(super) fn run(&self, global: &Global) -> Result<Exit> {
        let json = global.wants_json("portolan services shift")?;
        let to = target(self.to.as_ref(), self.to_tag.as_ref());
        if to.is_none() && !self.steps.is_empty() {
            let hint = "say where the calls go, with --to VERSION or --to-tag TAG";
            return Err(Error::usage("--steps", "it needs instances to move calls to", hint));
        }

        self.registry.run(async |registry| {
            let server = registry.server()?;
            let state = match (to.clone(), self.action()) {
                (Some(to), _) => {
                    let (steps, every) = (self.steps.clone(), self.every.unwrap_or(EVERY));
                    let options = ShiftOptions { to, steps, every, abort_below: self.abort_below };
                    server.start_shift(&self.name, &options).await?
                }
                (None, Some(action)) => server.control_shift(&self.name, action).await?,
                (None, None) => server.traffic(&self.name).await?,
            };
            print(&state, json)
        })
    }

    fn action(&self) -> Option<ShiftAction> {
        let actions = [
            (self.pause, ShiftAction::Pause),
            (self.resume, ShiftAction::Resume),
            (self.abort, ShiftAction::Abort),
            (self.finish, ShiftAction::Finish),
        ];
        actions.into_iter().find(|(wanted, _)| *wanted).map(|(_, action)| action)
    }
}

fn target(version: Option<&VersionRequirement>, tag: Option<&String>) -> Option<TrafficTarget> {
    version.cloned().map(TrafficTarget::Version).or_else(|| tag.cloned().map(TrafficTarget::Tag))
}

fn print(state: &TrafficState, json: bool) -> Result<Exit> {
    stdout::with_stdout(None, |out| if json { output::write_value(out, state) } else { write_text(out, state) })?;
    Ok(Exit::Done)
}

fn write_text(out: &mut (dyn Write + Send), state: &TrafficState) -> io::Result<()> {
    writeln!(out, "{}/{}", clean(&state.namespace), clean(&state.service_name))?;
    let lines = [
        ("calls go to", state.switched_to.as_ref().map(target_text)),
        ("shift", state.shift.as_ref().map(shift_text)),
        ("strategy", state.strategy.as_deref().map(clean)),
    ];
    for (label, value) in lines {
        if let Some(value) = value {
            writeln!(out, "  {label:<11}  {value}")?;
        }
    }

    writeln!(out)?;
    let rows: Vec<_> = state.instances.iter().map(row).collect();
    GridLayout::new(COLUMNS, &rows, terminal::stdout_width()).write(out, &rows)
}

const COLUMNS: [GridColumn; 7] = [
    GridColumn::left("ID").cut(9),
    GridColumn::left("ADDRESS"),
    GridColumn::left("VERSION").cut(7),
    GridColumn::left("HEALTH").cut(6),
    GridColumn::right("OWN WEIGHT").goes(0),
    GridColumn::right("WEIGHT"),
    GridColumn::right("CALLS"),
];

fn target_text(target: &TrafficTarget) -> String {
    match target {
        TrafficTarget::Version(version) => format!("version {}", clean(version.as_str())),
        TrafficTarget::Tag(tag) => format!("tag {}", clean(tag)),
    }
}

/// `running: 10 % to version 1.3, step 1 of 3, score 100 (aborts below 80)`
fn shift_text(shift: &ShiftState) -> String {
    let place = match shift.percent {
        Some(percent) => {
            let (step, steps) = (shift.step, shift.steps.len());
            format!(": {percent} % to {}, step {step} of {steps}", target_text(&shift.to))
        }
        None => format!(", to {}", target_text(&shift.to)),
    };
    let judged = shift.abort_below.filter(|_| shift.percent.is_some()).map(|least| {
        let score = shift.score.map_or_else(|| "unknown".to_owned(), |score| score.to_string());
        format!(", score {score} (aborts below {least})")
    });
    let reason = shift.reason.as_ref().map(|reason| format!(": {}", clean(reason)));

    [Some(clean(&shift.phase)), Some(place), judged, reason].into_iter().flatten().collect()
}

fn row(share: &TrafficShare) -> [Cow<'_, str>; 7] {
    [
        clean(&share.id).into(),
        clean(&share.address).into(),
        clean(share.version.as_deref().unwrap_or_default()).into(),
        clean(&share.health).into(),
        share.own_weight.to_string().into(),
        share.weight.to_string().into(),
        share.percent.map(|percent| format!("{percent} %")).unwrap_or_default().into(),
    ]
}
