//! Looks at endpoints by the hundred, each with care.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;

use super::evidence::Evidence;
use super::lateness::Lateness;
use super::plan::{Host, Plan, goals, plan};
use crate::check::{Aim, Circuit, Hindrance, Kit, Layer, Look, Resolvers, Roots, Seen, dns, stability};
use crate::engine::{
    Again, Breaker, BreakerOptions, BreakerState, Breakers, Cache, CacheOptions, Clock, Job, Key, KeyRef, Outcome,
    Pool, PoolOptions, Retry, Shutdown,
};
use crate::model::{Ask, CheckName, Endpoint};
use crate::net::{Way, own_addresses};

/// How to look.
#[derive(Clone, Debug)]
pub(crate) struct ValidatorOptions {
    /// How long one look may take.
    pub(crate) timeout: Duration,
    /// How often silence is asked again.
    pub(crate) retries: u32,
    /// How often each endpoint is looked at.
    pub(crate) samples: u32,
    /// When everything has to be over.
    pub(crate) deadline: Option<Duration>,
    /// The most looks at once.
    pub(crate) at_once: usize,
    /// How long answers of DNS and TLS are remembered; `None` remembers nothing.
    pub(crate) cache_ttl: Option<Duration>,
}

/// An endpoint to look at.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// Its place among all; it comes back with the answer.
    pub(crate) index: usize,
    pub(crate) endpoint: Endpoint,
    pub(crate) ask: Arc<Ask>,
    pub(crate) way: Way,
}

/// What was seen of an endpoint.
#[derive(Debug)]
pub(crate) struct Judged {
    /// The subject's.
    pub(crate) index: usize,
    pub(crate) evidence: Evidence,
}

/// What looks at endpoints.
#[derive(Debug)]
pub(crate) struct Validator {
    kit: Kit,
    options: ValidatorOptions,
    breakers: Breakers<Key>,
    remembered: Cache<Key, Remembered>,
    clock: Clock,
    own: Vec<IpAddr>,
    over: Option<Instant>,
    lateness: Lateness,
    /// Who may repeat a look that took too long.
    repeats: Semaphore,
}

/// What was seen earlier.
#[derive(Debug)]
struct Remembered {
    seen: Seen,
    at: Duration,
}

/// As many endpoints as are remembered at once.
const MOST_REMEMBERED: u64 = 65_536;
/// So many of the addresses that a name has are tried one after the other, as a client does.
const MOST_ADDRESSES: usize = 4;
/// A look that took too long is repeated so often at most, until it does not.
const REPEATS: u32 = 4;
/// As many at once as do not keep each other waiting for longer than the shortest goal.
const REPEATS_AT_ONCE: usize = 16;
/// A process that is ready to run is not kept waiting for longer by a machine of any use, so that what took longer than
/// this, and the runtime was not late, needs no second look.
const LONGEST_HICCUP: Duration = Duration::from_millis(250);

impl Validator {
    /// To be called within a tokio runtime.
    pub(crate) fn new(options: ValidatorOptions, roots: Roots, resolvers: Resolvers) -> Self {
        let clock = Clock::runtime();
        // Failures in a row, half as many as make a sample: what failed so often will go on.
        let breaker = BreakerOptions { window: 5, failures: 5, ..BreakerOptions::default() };
        Self {
            kit: Kit { timeout: options.timeout, roots: Arc::new(roots), resolvers: Arc::new(resolvers) },
            breakers: Breakers::new(breaker, MOST_REMEMBERED, clock.clone()),
            remembered: Cache::new(CacheOptions::new(MOST_REMEMBERED), clock.clone()),
            clock,
            // Without them everything is only a little further away.
            own: own_addresses().unwrap_or_default(),
            over: options.deadline.map(|deadline| Instant::now() + deadline),
            options,
            lateness: Lateness::gauge(),
            repeats: Semaphore::new(REPEATS_AT_ONCE),
        }
    }

    /// Looks at all of them; each answer goes to `out` as it comes, in whatever order. Stops early when `shutdown` does:
    /// what was not looked at until then says so.
    pub(crate) async fn run(self: Arc<Self>, subjects: Vec<Subject>, shutdown: &Shutdown, mut out: impl FnMut(Judged)) {
        let at_once = self.options.at_once.max(1);
        let normal = at_once.div_ceil(2);
        let pool_options = PoolOptions {
            min: subjects.len().clamp(1, normal),
            max: normal,
            slow: at_once - normal,
            queue: 1024,
            ..PoolOptions::default()
        };
        let (answers, mut answered) = mpsc::channel::<Judged>(1024);
        let (validator, stopping) = (Arc::clone(&self), shutdown.clone());
        let pool: Pool<Subject, ()> = Pool::tasks(shutdown, pool_options, Clock::runtime(), move |subject: Subject| {
            let (validator, answers, stopping) = (Arc::clone(&validator), answers.clone(), stopping.clone());
            async move {
                let evidence = validator.look(&subject, &stopping).await;
                // Whoever does not listen any more has what it wants.
                let _ = answers.send(Judged { index: subject.index, evidence }).await;
            }
        });
        let total = subjects.len();
        let feeding = async {
            for subject in subjects {
                // The pool closes only with the runtime.
                let _ = pool.submit(Job::new(subject), Duration::MAX).await;
            }
        };
        let listening = async {
            for _ in 0..total {
                match answered.recv().await {
                    Some(judged) => out(judged),
                    None => break,
                }
            }
        };
        tokio::join!(feeding, listening);
        let _ = pool.drain(Duration::from_secs(1)).await;
    }

    /// Everything that is to be seen of an endpoint, or as much as there is time for.
    async fn look(&self, subject: &Subject, stopping: &Shutdown) -> Evidence {
        let mut evidence = Evidence::default();
        let Subject { endpoint, ask, way, .. } = subject;
        let Some(plan) = plan(endpoint, ask, way, self.options.samples, &self.own) else {
            return evidence;
        };
        let why = match way {
            Way::Closed(why) => Some(*why),
            Way::Through(..) if !plan.wanted.contains(&CheckName::Http) => Some("only HTTP is asked by that way"),
            _ => None,
        };
        if let Some(why) = why {
            evidence.hindered.insert(CheckName::Http, why.to_owned());
            return evidence;
        }
        evidence.skipped.clone_from(&plan.unwanted);
        let over = async {
            match self.over {
                Some(over) => tokio::time::sleep_until(over).await,
                None => std::future::pending().await,
            }
        };
        let why = tokio::select! {
            biased;
            () = stopping.stopping() => Some("the run was stopped"),
            () = over => Some("the run's deadline passed"),
            () = self.look_at(&plan, &mut evidence) => None,
        };
        for check in &plan.wanted {
            if !evidence.has(*check) && !evidence.hindered.contains_key(check) {
                match why {
                    Some(why) => drop(evidence.hindered.insert(*check, why.to_owned())),
                    None => evidence.skipped.push(*check),
                }
            }
        }
        evidence
    }

    async fn look_at(&self, plan: &Plan, evidence: &mut Evidence) {
        let addresses = self.addresses(plan, evidence).await;
        let Some(first) = addresses.first() else { return };
        let mut aim = Aim { address: SocketAddr::new(*first, plan.port), ..plan.aim.clone() };
        aim.goals = goals(*first, &plan.aim.ask.goal, &self.own);
        let breaker = self.breaker(&aim);
        let mut results = Vec::new();
        for sample in 0..self.options.samples.max(1) {
            let Ok(permit) = breaker.permit() else { break };
            let others = if sample == 0 { &addresses[1..addresses.len().min(MOST_ADDRESSES)] } else { &[] };
            match self.sample(&mut aim, plan, others, evidence).await {
                Some(usable) => {
                    permit.record(if usable { Outcome::Success } else { Outcome::Failure });
                    results.push(usable);
                }
                None => permit.record(Outcome::Local),
            }
        }
        if plan.wanted.contains(&CheckName::Stability) && !results.is_empty() {
            let circuit = match breaker.state() {
                BreakerState::Closed => Circuit::Closed,
                BreakerState::Open => Circuit::Open,
                BreakerState::HalfOpen => Circuit::HalfOpen,
            };
            evidence.add(Seen::Stability(stability::Seen { results, circuit }));
        }
    }

    fn breaker(&self, aim: &Aim) -> Arc<Breaker> {
        let key = format!("{} {}", aim.address, aim.name.as_deref().unwrap_or_default());
        self.breakers.of(&KeyRef { namespace: "endpoint", key: &key, version: 0 })
    }

    /// Where the endpoint is. What its name leads to is part of the evidence, where that is wanted.
    async fn addresses(&self, plan: &Plan, evidence: &mut Evidence) -> Vec<IpAddr> {
        let (name, address) = match &plan.host {
            Host::At(ip, Some(name)) if plan.wanted.contains(&CheckName::Dns) => (name, Some(*ip)),
            Host::At(ip, _) => return vec![*ip],
            Host::Named(name) => match name.parse() {
                Ok(ip) => return vec![ip],
                Err(_) => (name, None),
            },
        };
        let goal_us = plan.aim.goals.answer_us;
        let key = format!("{name} {}", address.map(|ip| ip.to_string()).unwrap_or_default());
        let question = Question::Name { name, address, goal_us, port: plan.port };
        let looked = self.remembering("dns", &key, evidence, question);
        match looked.await {
            Ok(Seen::Dns(seen)) => {
                let found = seen.addresses();
                if plan.wanted.contains(&CheckName::Dns) {
                    evidence.add(Seen::Dns(seen));
                } else if found.is_empty() {
                    evidence.hindered.insert(CheckName::Dns, format!("{name} does not resolve"));
                }
                address.map_or(found, |address| vec![address])
            }
            Ok(_) => Vec::new(),
            Err(Hindrance(why)) => {
                evidence.hindered.insert(CheckName::Dns, why);
                address.into_iter().collect()
            }
        }
    }

    /// Looks once with every check that is wanted. Returns whether a client could have used it; `None` where this side
    /// could not look.
    async fn sample(&self, aim: &mut Aim, plan: &Plan, others: &[IpAddr], evidence: &mut Evidence) -> Option<bool> {
        let mut usable = true;
        let mut others = others.iter();
        for &check in plan.wanted.iter().filter(|check| !matches!(check, CheckName::Dns | CheckName::Stability)) {
            // Once is enough for what does not change between two looks.
            if check == CheckName::Tls && evidence.has(check) {
                continue;
            }
            loop {
                match self.look_once(check, aim, evidence).await {
                    Err(Hindrance(why)) => {
                        evidence.hindered.insert(check, why);
                        return None;
                    }
                    Ok(seen) => {
                        let is_dead = seen.judge().iter().any(|finding| finding.kind.cap.is_some_and(|cap| cap < 50));
                        evidence.add(seen);
                        match others.next().filter(|_| is_dead && check == CheckName::Tcp) {
                            Some(other) => aim.address.set_ip(*other),
                            None => {
                                usable &= !is_dead;
                                break;
                            }
                        }
                    }
                }
            }
            // What nobody can reach, or shake hands with, need not be asked more; a script asks in its own way.
            if !usable && matches!(check, CheckName::Tcp | CheckName::Tls) && !plan.wanted.contains(&CheckName::Script)
            {
                break;
            }
        }
        Some(usable)
    }

    async fn look_once(&self, check: CheckName, aim: &Aim, evidence: &mut Evidence) -> Look<Seen> {
        let question = Question::Check(check, aim);
        if check != CheckName::Tls {
            return self.insisting(question).await;
        }
        let how = match aim.layer {
            Layer::StartTls(_) => "starttls",
            _ => "tls",
        };
        let key = format!("{} {} {}", aim.address, aim.name.as_deref().unwrap_or_default(), aim.grpc);
        self.remembering(how, &key, evidence, question).await
    }

    async fn ask(&self, question: Question<'_>) -> Look<Seen> {
        match question {
            Question::Check(check, aim) => crate::check::look(check, aim, &self.kit).await,
            Question::Name { name, address, goal_us, port } => {
                let mut seen = dns::look(name, address, goal_us, &self.kit).await?;
                dns::look_at_ipv6(&mut seen, port, &self.kit).await;
                Ok(Seen::Dns(seen))
            }
        }
    }

    /// Asks, and charges the peer only for what is its own: a runtime that is late is measured, and a thread that had to
    /// wait for a processor is met by a look that is repeated with little beside it. The least of those times counts.
    async fn timed(&self, question: Question<'_>) -> Look<Seen> {
        let mut seen = self.punctual(question).await?;
        for _ in 0..REPEATS {
            let Some((took, _)) = seen.took().filter(|(took, goal)| took > goal) else { break };
            // What changes something is not asked twice for the sake of a clock.
            if took > LONGEST_HICCUP || !question.is_safe() {
                break;
            }
            // It is never closed.
            let Ok(_permit) = self.repeats.acquire().await else { break };
            if let Ok(again) = self.punctual(question).await
                && let Some((less, _)) = again.took()
            {
                seen.forgive(took.saturating_sub(less));
            }
        }
        Ok(seen)
    }

    /// Asks, and takes off what the runtime was late by meanwhile.
    async fn punctual(&self, question: Question<'_>) -> Look<Seen> {
        let before = self.lateness.total();
        let mut seen = self.ask(question).await?;
        seen.forgive(self.lateness.total().saturating_sub(before));
        Ok(seen)
    }

    /// Asks again where nothing but silence came.
    async fn insisting(&self, question: Question<'_>) -> Look<Seen> {
        let attempts = self.options.retries.saturating_add(1);
        let retry = Retry { attempts, total: Duration::MAX, cap: Duration::from_secs(1), ..Retry::default() };
        let once = |_| async move {
            match self.timed(question).await {
                Ok(seen) if seen.is_silent() => Err(seen),
                looked => Ok(looked),
            }
        };
        match retry.run(Retry::random_seed(), once, |_| Again::Yes).await {
            Ok(looked) => looked,
            Err(gave_up) => gave_up.into_error().ok_or_else(|| Hindrance("there was no time to look".to_owned())),
        }
    }

    /// Asks, unless somebody did lately; how long ago is noted in the evidence.
    async fn remembering(
        &self,
        namespace: &str,
        key: &str,
        evidence: &mut Evidence,
        question: Question<'_>,
    ) -> Look<Seen> {
        let Some(ttl) = self.options.cache_ttl else { return self.insisting(question).await };
        let key = KeyRef { namespace, key, version: 0 };
        if let Some(before) = self.remembered.get(&key) {
            let age = self.clock.now().saturating_sub(before.at);
            let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
            evidence.age_ms = Some(evidence.age_ms.unwrap_or(0).max(age_ms));
            return Ok(before.seen.clone());
        }
        let seen = self.insisting(question).await?;
        if !seen.is_silent() {
            self.remembered.insert(&key, Arc::new(Remembered { seen: seen.clone(), at: self.clock.now() }), ttl);
        }
        Ok(seen)
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
enum Question<'a> {
    /// Where a name leads.
    Name { name: &'a str, address: Option<IpAddr>, goal_us: u64, port: u16 },
    /// What a check is for.
    Check(CheckName, &'a Aim),
}

impl Question<'_> {
    /// Whether it may be asked as often as one likes.
    fn is_safe(&self) -> bool {
        match self {
            Self::Check(_, aim) => {
                aim.ask.method.as_ref().is_none_or(|method| matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS"))
            }
            Self::Name { .. } => true,
        }
    }
}
