//! The loop of the monitor: follows the registry, starts what the schedule says, and takes the results.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tracing::{Instrument, debug, warn};

use super::definition::{CheckDefaults, RunnableCheck, refusal, runnable};
use super::demands::Demands;
use super::outbox::{Batch, Outbox};
use super::tracked::{TrackedCheck, misses_status, note};
use crate::engine::{Retry, Shutdown};
use crate::health::{
    CheckNumber, CheckSchedule, EndpointValidator, Evidence, ScheduleEvent, ScheduleLimits, Subject, ValidatorOptions,
};
use crate::model::{CheckName, HealthState, RegisteredInstance, Registration};
use crate::net::{AddressPolicy, Route, descriptors_for_sockets};
use crate::registry::Command;
use crate::server::checks::{Demand, LastResult};
use crate::server::shared::App;
use crate::server::trace;

/// The most checks that run at once. Each takes a descriptor.
const MAX_IN_FLIGHT: usize = 4_096;
/// A wake-up that is later than this is a stall: this process was stopped, or its machine was.
const STALL: Duration = Duration::from_secs(1);
/// The longest sleep while checks run, so that a stall is noticed.
const MAX_SLEEP: Duration = Duration::from_millis(250);
/// How often the addresses of this machine are read again.
const REFRESH_INTERVAL: Duration = Duration::from_mins(1);
/// The most results that are taken before something else is.
const MAX_RESULTS: usize = 256;
/// What is said of a failed check during which this process did not run.
const STALLED: &str = "the server did not run for a while during the check: the result does not count";

/// What a check takes that its registration does not set.
pub(super) fn defaults(app: &App) -> CheckDefaults {
    let interval = app.unscoped_view().snapshot.rules().check_interval;
    CheckDefaults { interval, timeout: app.settings.health_checks.timeout }
}

/// A run that ended.
struct FinishedRun {
    check: CheckNumber,
    run: u64,
    began: Instant,
    took: Duration,
    evidence: Evidence,
}

/// An instance as the monitor knows it.
struct MonitoredInstance {
    registration: Arc<Registration>,
    generation: u64,
    /// Whether its checks run only on demand: they were stopped, or are another server's.
    is_idle: bool,
    checks: Vec<CheckNumber>,
}

/// Why the loop woke up.
enum Wake {
    Stop,
    Changed(Vec<Arc<str>>),
    Demanded(Demand),
    Written(Batch),
    Finished(Result<FinishedRun, JoinError>),
    Due,
}

/// The state of the monitor.
pub(super) struct MonitorDriver {
    app: App,
    shutdown: Shutdown,
    validator: Arc<EndpointValidator>,
    policy: Arc<AddressPolicy>,
    defaults: CheckDefaults,
    schedule: CheckSchedule,
    origin: Instant,
    instances: HashMap<Arc<str>, MonitoredInstance>,
    checks: HashMap<CheckNumber, TrackedCheck>,
    last_number: CheckNumber,
    running: JoinSet<FinishedRun>,
    outbox: Outbox,
    demands: Demands,
    /// When the last stall ended.
    stalled_until: Option<Instant>,
    refreshed: Instant,
}

impl MonitorDriver {
    /// Must be called within a tokio runtime.
    ///
    /// # Errors
    /// Why the file of authorities cannot be used.
    pub(super) fn new(app: App, shutdown: Shutdown) -> Result<Self, String> {
        let policy = Arc::new(AddressPolicy::for_registrations(app.settings.health_checks.allow_own_addresses));
        let options = ValidatorOptions {
            timeout: app.settings.health_checks.timeout,
            retries: 0,
            cache_ttl: None,
            skips_failing: false,
            limits_bursts: false,
            shows_bodies: false,
            // Each second, and in the log of the server: what it accepts besides is for `portolan validate`.
            offers_older_tls: false,
            shares_environment: false,
            addresses: Arc::clone(&policy),
            ..ValidatorOptions::default()
        };

        // The connections of clients need descriptors too.
        let room = MAX_IN_FLIGHT.min(descriptors_for_sockets() / 2).max(2);
        let limits = ScheduleLimits { normal: (room / 4).max(1), slow: (room - room / 4).max(1) };
        app.metrics.checks.max_in_flight.store((limits.normal + limits.slow) as u64, Ordering::Relaxed);

        let validator = EndpointValidator::of_system(options, app.settings.health_checks.ca.as_deref())?;
        let now = Instant::now();
        Ok(Self {
            defaults: defaults(&app),
            shutdown,
            validator: Arc::new(validator),
            policy,
            schedule: CheckSchedule::new(limits, Retry::random_seed()),
            origin: now,
            instances: HashMap::new(),
            checks: HashMap::new(),
            last_number: 0,
            running: JoinSet::new(),
            outbox: Outbox::default(),
            demands: Demands::default(),
            stalled_until: None,
            refreshed: now,
            app,
        })
    }

    /// Runs checks until the server stops. Checks that still run then are dropped.
    pub(super) async fn run(mut self, mut demands: mpsc::Receiver<Demand>) {
        let view = self.app.unscoped_view();
        let restored = view.services().flat_map(|service| service.list());
        self.app.checks.changed.add(restored.map(|instance| Arc::clone(&instance.instance.id)));

        loop {
            let until = self.sleep_until();
            let wake = tokio::select! {
                biased;
                () = self.shutdown.stopping() => Wake::Stop,
                ids = self.app.checks.changed.take() => Wake::Changed(ids),
                Some(demand) = demands.recv() => Wake::Demanded(demand),
                batch = self.outbox.written() => Wake::Written(batch),
                Some(run) = self.running.join_next() => Wake::Finished(run),
                () = sleep_until(until) => Wake::Due,
            };

            self.notice_stall(until);
            match wake {
                Wake::Stop => return,
                Wake::Changed(ids) => self.follow(&ids),
                Wake::Demanded(demand) => self.demand(demand),
                Wake::Written(batch) => self.written(&batch),
                Wake::Finished(run) => self.take_results(run),
                Wake::Due => {}
            }
            self.step(ScheduleEvent::Tick);
            self.outbox.begin(&Arc::clone(&self.app));
            self.show_figures();
        }
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn sleep_until(&self) -> Instant {
        let now = self.now();
        let due = self.schedule.next_tick(now).map(|at| self.origin + at);
        let watch = Instant::now() + if self.running.is_empty() { REFRESH_INTERVAL } else { MAX_SLEEP };
        due.map_or(watch, |due| due.min(watch))
    }

    /// A wake-up that is far too late means that nothing of this process ran meanwhile.
    fn notice_stall(&mut self, planned: Instant) {
        let now = Instant::now();
        let late = now.saturating_duration_since(planned);
        if late >= STALL {
            self.stalled_until = Some(now);
            self.app.metrics.checks.stalls.fetch_add(1, Ordering::Relaxed);
            warn!(seconds = late.as_secs(), "the health monitor did not run; failed checks of that time do not count");
        }
        if now.saturating_duration_since(self.refreshed) >= REFRESH_INTERVAL {
            self.refreshed = now;
            self.policy.refresh();
            self.forget_foreign_results();
        }
    }

    /// Results of checks on demand that are another server's: after a while they say nothing about now.
    fn forget_foreign_results(&self) {
        let view = self.app.unscoped_view();
        for id in self.instances.keys() {
            if view.instance(id).is_some_and(|known| !is_own(&self.app, &known.instance)) {
                self.app.checks.board.remove(id);
            }
        }
    }

    /// Feeds the schedule and starts what it says.
    fn step(&mut self, event: ScheduleEvent) {
        let now = self.now();
        for check in self.schedule.step(event, now) {
            self.start(check);
        }
    }

    fn start(&mut self, check: CheckNumber) {
        let Some(tracked) = self.checks.get_mut(&check) else { return };
        tracked.runs += 1;
        let run = tracked.runs;
        let endpoint = tracked.check.endpoint.clone();
        let span = trace::check(tracked.check.kind, &tracked.id, &endpoint);
        let spec = &tracked.check.spec;
        let subject = Subject {
            index: 0,
            endpoint,
            spec: trace::continued(&span, spec).map_or_else(|| Arc::clone(spec), Arc::new),
            route: Route::Direct,
            previous: None,
        };

        let (validator, stopping) = (Arc::clone(&self.validator), self.shutdown.clone());
        let checked = span.clone();
        let running = async move {
            let began = Instant::now();
            let checking = AssertUnwindSafe(validator.check(&subject, &stopping)).catch_unwind();
            let evidence = checking.await.unwrap_or_else(|_| {
                let mut evidence = Evidence::default();
                evidence.block(CheckName::Tcp, "the check failed inside portolan");
                evidence
            });
            trace::checked(&checked, || evidence.health(&[]).state);
            FinishedRun { check, run, began, took: began.elapsed(), evidence }
        };
        self.running.spawn(running.instrument(span));
    }

    /// Takes a result, and those that wait behind it.
    fn take_results(&mut self, first: Result<FinishedRun, JoinError>) {
        let mut next = Some(first);
        for _ in 0..MAX_RESULTS {
            let Some(run) = next else { return };
            // A run only ends without a result if it was dropped, and then the monitor is, too.
            if let Ok(run) = run {
                self.record(run);
            }
            next = self.running.try_join_next();
        }

        if let Some(Ok(run)) = next {
            self.record(run);
        }
    }

    fn record(&mut self, finished: FinishedRun) {
        let FinishedRun { check, run, began, took, evidence } = finished;
        self.step(ScheduleEvent::Finished { check, took });
        let Some(tracked) = self.checks.get_mut(&check) else { return };

        let health = evidence.health(&[]);
        let is_excused = self.stalled_until.is_some_and(|until| began <= until)
            && matches!(health.state, HealthState::Unhealthy | HealthState::Degraded);
        let excuse = is_excused.then_some(STALLED);
        let mut result = LastResult::new((Timestamp::now(), took), &health, &evidence, excuse);
        if misses_status(&health, &tracked.check.spec) {
            result.fail();
        }
        let state = result.state;
        self.app.checks.board.record(&tracked.id, tracked.position, result, health.findings.first());

        let figures = &self.app.metrics.checks;
        figures.count(tracked.check.kind, state);
        figures.times.add(took);
        add(&figures.refused, evidence.is_refused);
        add(&figures.excused, is_excused);
        let (id, kind) = (&*tracked.id, tracked.check.kind);
        debug!(id, kind, result = state.as_str(), duration_ms = millis(took), is_excused, "check finished");

        let view = self.app.unscoped_view();
        let shown = view.instance(&tracked.id).and_then(|instance| instance.instance.checks.get(tracked.position));
        let confirmed = shown.map(|shown| shown.state);
        if let Some(known) = view.instance(&tracked.id).filter(|_| tracked.begins_refusal(evidence.is_refused)) {
            let why = health.hindered.first().map_or("", String::as_str);
            self.app.audit.refused_check(&known.instance, why);
        }
        let command =
            tracked.command((state, note(state, &health, excuse)), evidence.is_refused, confirmed, Instant::now());
        if let Some(command) = command {
            self.outbox.add(check, command);
        }
        // What an earlier run found may still be on its way to the registry: a client that waits reads it there.
        self.demands.finished(check, run, self.outbox.has(check));
    }

    fn written(&mut self, batch: &Batch) {
        if batch.is_written {
            self.app.metrics.checks.written.fetch_add(batch.checks.len() as u64, Ordering::Relaxed);
        } else {
            for check in &batch.checks {
                if let Some(tracked) = self.checks.get_mut(check) {
                    tracked.forget_sent();
                }
            }
        }
        // A newer result of a check may wait already.
        let settled: Vec<CheckNumber> = batch.checks.iter().copied().filter(|check| !self.outbox.has(*check)).collect();

        self.demands.written(&settled);
    }

    /// Runs all checks of some instances as soon as there is room.
    fn demand(&mut self, demand: Demand) {
        let mut missing = HashMap::new();
        for id in &demand.ids {
            let checks = self.instances.get(id).map(|instance| instance.checks.clone()).unwrap_or_default();
            for check in checks {
                let Some(tracked) = self.checks.get(&check) else { continue };
                // A run that began before says nothing about now.
                missing.insert(check, tracked.runs + 1);
            }
        }
        self.app.metrics.checks.demanded.fetch_add(missing.len() as u64, Ordering::Relaxed);

        let checks: Vec<CheckNumber> = missing.keys().copied().collect();
        self.demands.add(missing, demand.done);
        for check in checks {
            self.step(ScheduleEvent::Demand { check });
        }
    }

    /// Looks at instances that changed.
    fn follow(&mut self, ids: &[Arc<str>]) {
        let view = self.app.unscoped_view();
        for id in ids {
            match view.instance(id) {
                None => self.remove(id),
                Some(known) => self.update(id, &known.instance),
            }
        }
    }

    fn remove(&mut self, id: &Arc<str>) {
        self.remove_checks(id);
        self.app.checks.board.remove(id);
    }

    fn remove_checks(&mut self, id: &Arc<str>) {
        let Some(gone) = self.instances.remove(id) else { return };
        for check in gone.checks {
            self.checks.remove(&check);
            self.outbox.remove(check);
            self.demands.removed(check);
            self.step(ScheduleEvent::Remove { check });
        }
    }

    fn update(&mut self, id: &Arc<str>, instance: &RegisteredInstance) {
        let registration = &instance.registration;
        let known = self.instances.get_mut(id);
        let same = known.filter(|known| {
            known.generation == instance.generation && is_checked_alike(&known.registration, registration)
        });
        let Some(same) = same else {
            // Of another place or another check, the state says nothing.
            let is_first = !self.instances.contains_key(id);
            self.remove(id);
            return self.add(id, instance, is_first);
        };

        same.registration = Arc::clone(registration);
        let is_idle = is_idle(&self.app, instance);
        if same.is_idle == is_idle {
            return;
        }
        same.is_idle = is_idle;
        for check in same.checks.clone() {
            let Some(tracked) = self.checks.get_mut(&check) else { continue };
            tracked.forget_sent();
            let interval = Some(tracked.check.interval).filter(|_| !is_idle);
            // The server that checked it before may have died: how long ago, is not known.
            self.step(ScheduleEvent::Set { check, interval, is_settled: false });
        }
        if !is_own(&self.app, instance) {
            // The server that checks it from now on knows better.
            self.app.checks.board.remove(id);
        }
    }

    fn add(&mut self, id: &Arc<str>, instance: &RegisteredInstance, is_first: bool) {
        let registration = Arc::clone(&instance.registration);
        let view = self.app.unscoped_view();
        let rules = view.snapshot.rules();
        let is_idle = is_idle(&self.app, instance);
        let mut checks = Vec::new();
        for (position, definition) in registration.checks.iter().enumerate() {
            let number = self.next_number();
            if let Some(why) = refusal(&definition.kind, rules) {
                // Another server may have other settings.
                if is_own(&self.app, instance) {
                    self.refuse((id, instance.generation), position, why, number);
                }
                continue;
            }
            let Some(mut check) = runnable(&registration, position, self.defaults) else { continue };
            if checks.is_empty() {
                self.add_script(instance, &mut check);
            }
            let interval = Some(check.interval).filter(|_| !is_idle);
            let fall = definition.failure_threshold.unwrap_or(rules.thresholds.fall).max(1);
            let owner = (Arc::clone(id), instance.generation);
            self.checks.insert(number, TrackedCheck::new(owner, position, check, fall));
            checks.push((number, interval, is_first && is_settled(instance, position)));
        }

        let numbers = checks.iter().map(|(number, ..)| *number).collect();
        let generation = instance.generation;
        self.instances.insert(Arc::clone(id), MonitoredInstance { registration, generation, is_idle, checks: numbers });
        for (check, interval, is_settled) in checks {
            self.step(ScheduleEvent::Set { check, interval, is_settled });
        }
    }

    /// Adds the program that this server's settings name for the service of an instance.
    fn add_script(&self, instance: &RegisteredInstance, check: &mut RunnableCheck) {
        let service = format!("{}/{}", instance.namespace(), instance.name());
        if let Some(script) = self.app.settings.scripts.get(&service) {
            Arc::make_mut(&mut check.spec).script.clone_from(script);
        }
    }

    /// A check that is stored although it cannot be registered (any more) is not run, and says so.
    fn refuse(&mut self, (id, generation): (&Arc<str>, u64), check: usize, why: String, number: CheckNumber) {
        let (id, generation, note) = (Arc::clone(id), Some(generation), why.into());
        self.outbox.add(number, Command::CheckUnavailable { id, generation, check, note });
    }

    fn next_number(&mut self) -> CheckNumber {
        self.last_number += 1;
        self.last_number
    }

    fn show_figures(&self) {
        let (figures, now) = (&self.app.metrics.checks, self.now());
        let late = u64::try_from(self.schedule.lateness(now).as_millis()).unwrap_or(u64::MAX);
        for (gauge, value) in [
            (&figures.scheduled, self.schedule.scheduled() as u64),
            (&figures.in_flight, self.schedule.running() as u64),
            (&figures.slow_in_flight, self.schedule.running_slow() as u64),
            (&figures.waiting, self.schedule.waiting() as u64),
            (&figures.late_ms, late),
        ] {
            gauge.store(value, Ordering::Relaxed);
        }
    }
}

/// Whether the checks of an instance run only on demand.
fn is_idle(app: &App, instance: &RegisteredInstance) -> bool {
    instance.monitoring_stopped || !is_own(app, instance)
}

/// Whether a check found before a restart that all is well: it may take its turn.
fn is_settled(instance: &RegisteredInstance, position: usize) -> bool {
    instance.checks.get(position).is_some_and(|check| check.state == HealthState::Healthy)
}

/// Whether the checks of an instance are this server's.
fn is_own(app: &App, instance: &RegisteredInstance) -> bool {
    app.checks.division.is_own(instance.namespace(), instance.name())
}

/// Whether two registrations have the same checks of the same place.
fn is_checked_alike(one: &Registration, other: &Registration) -> bool {
    (&one.address, one.port, &one.protocol, &one.checks) == (&other.address, other.port, &other.protocol, &other.checks)
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn add(counter: &AtomicU64, counts: bool) {
    if counts {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}
