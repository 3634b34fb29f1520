//! Tells the registry how well the instances do that a shift moves traffic to.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::shared::App;
use super::view::ServiceView;
use crate::engine::Shutdown;
use crate::registry::{Command, Selector, TrafficCommand};

/// The interval at which scores are reported. A score counts for some of them.
const SCORE_INTERVAL: Duration = Duration::from_secs(1);

/// The score of the instances of a service that a selector accepts, by their own weights: the mean of those whose checks run.
/// `None`: none was checked yet, or a check could not run.
/// `own_weight`: the weight of an instance without the split.
pub(super) fn target_score(
    app: &App,
    service: &ServiceView,
    own_weight: impl Fn(&str) -> Option<u16>,
    to: &Selector,
) -> Option<u8> {
    let targets = service.list().iter().filter(|one| to.accepts(&one.instance.registration));
    // What was found before the checks were stopped says nothing about now.
    let checked = targets.filter(|one| !one.instance.monitoring_stopped);
    let weighted = checked.map(|one| {
        let own = own_weight(&one.instance.id).unwrap_or(one.instance.weight);
        (&*one.instance.id, own)
    });
    app.checks.board.service_score(weighted).score
}

/// Tells the scores until the server stops. Time itself passes with the ticks of the writer.
pub(super) async fn follow(app: App, shutdown: Shutdown) {
    let mut ticks = interval(SCORE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.stopping() => return,
            _ = ticks.tick() => {}
        }

        let commands = scores(&app);
        if !commands.is_empty() {
            // A score that cannot be told is unknown before long, and then nothing goes on.
            let _ = app.unscoped_writes.all(commands, None).await;
        }
    }
}

fn scores(app: &App) -> Vec<Command> {
    let view = app.unscoped_view();
    let judged = view.snapshot.all_traffic().filter_map(|traffic| {
        let shift = traffic.active_shift().filter(|shift| shift.plan.abort_below.is_some())?;
        let (namespace, name) = traffic.service.split_once('/').unwrap_or_default();
        // Another server has the results of its checks, and tells the score.
        app.checks.division.is_own(namespace, name).then_some(())?;
        Some((traffic, shift))
    });
    let commands = judged.map(|(traffic, shift)| {
        let (namespace, name) = traffic.service.split_once('/').unwrap_or_default();
        let own_weight = |id: &str| view.snapshot.record(id).map(|record| record.weight);
        let score =
            view.service(namespace, name).and_then(|service| target_score(app, service, own_weight, &shift.plan.to));
        Command::Traffic { service: Arc::clone(&traffic.service), command: TrafficCommand::Score(score) }
    });

    commands.collect()
}
