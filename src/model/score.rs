//! The health score, `portolan-score/1`: a pure integer function of findings.
//!
//! It uses no clock, network or randomness: the same findings give the same score anywhere, at any time.

use std::borrow::Cow;

use super::{CheckStatus, Finding, Grade, Group, Health, HealthState, Report, Service, ServiceHealth};

/// The name of the function. Any change of a number in it, or in a finding's row, makes it `/2`.
pub const SCORE_VERSION: &str = "portolan-score/1";

/// Lowest score of a usable endpoint.
const USABLE: u8 = 50;
/// Highest score of a service with an unusable endpoint.
const CAP_NOT_ALL: u8 = 79;
/// Highest score of a service with less than half of its weight usable.
const CAP_MINORITY: u8 = 49;

/// A score, with and without caps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Score {
    /// 100 less the points of each group, each group's at most its budget; never below 0.
    pub uncapped: u8,
    /// The score: the uncapped one, or the lowest cap if that is lower.
    pub score: u8,
}

impl Score {
    /// Computes the score of findings. Order and repeats do not matter.
    ///
    /// An additional finding never raises the score; ignoring one never lowers it.
    pub fn of<'f>(findings: impl IntoIterator<Item = &'f Finding>) -> Self {
        let mut seen: Vec<&Finding> = Vec::new();
        for finding in findings {
            if !seen.iter().any(|other| other.code() == finding.code()) {
                seen.push(finding);
            }
        }
        seen.retain(|finding| finding.group() != Group::Source);

        let lost: u16 = Group::SCORED.into_iter().map(|group| spent(&seen, group)).sum();
        let uncapped = u8::try_from(100_u16.saturating_sub(lost)).unwrap_or(100);
        let cap = seen.iter().filter_map(|finding| finding.cap()).min();
        Self { uncapped, score: uncapped.min(cap.unwrap_or(100)) }
    }
}

impl Health {
    /// Computes the health of an endpoint from reports; findings with the `ignored` codes are left out.
    ///
    /// Only checks that ran can cost points. A requested check that could not run makes the result incomplete, and could
    /// only lower the score: below 50 the findings prove that the endpoint is unusable, otherwise there is no score and
    /// the state is unknown. The same holds if no check ran.
    pub fn of(reports: &[Report], ignored: &[String]) -> Self {
        let found = reports.iter().flat_map(|report| &report.findings);
        let counted = found.filter(|finding| !ignored.iter().any(|code| code == finding.code()));
        let mut findings: Vec<Finding> = counted.cloned().collect();
        findings.sort_by(dearest_first);
        findings.dedup_by(|finding, before| finding.code() == before.code());

        let coverage = checks(reports, |ran| *ran == CheckStatus::Yes);
        let hindered: Vec<String> = reports.iter().filter_map(hindrance).collect();
        let complete = hindered.is_empty();

        let score =
            (!coverage.is_empty()).then(|| Score::of(&findings)).filter(|score| complete || score.score < USABLE);
        let number = score.map(|score| score.score);

        Self {
            state: HealthState::of(number),
            score: number,
            uncapped: score.map(|score| score.uncapped),
            grade: number.map(Grade::of),
            complete,
            not_covered: checks(reports, |ran| *ran != CheckStatus::Yes),
            coverage,
            findings,
            hindered,
            out_of_reach: false,
            figures: crate::model::Figures::default(),
            tls: None,
            age_ms: None,
        }
    }
}

/// Total points of the findings of a group, at most its budget.
fn spent(findings: &[&Finding], group: Group) -> u16 {
    let points = findings.iter().filter(|finding| finding.group() == group).map(|finding| u16::from(finding.points()));
    points.fold(0, u16::saturating_add).min(group.budget())
}

fn hindrance(report: &Report) -> Option<String> {
    match &report.ran {
        CheckStatus::Hindered(why) => Some(format!("{}: {why}", report.check)),
        CheckStatus::Yes | CheckStatus::NotWanted => None,
    }
}

/// The names of the checks with one of these statuses.
fn checks(reports: &[Report], status: fn(&CheckStatus) -> bool) -> Vec<Cow<'static, str>> {
    reports.iter().filter(|report| status(&report.ran)).map(|report| Cow::Borrowed(report.check)).collect()
}

/// Lowest cap first, then most points; equal findings are ordered by code, so that two runs agree.
fn dearest_first(a: &Finding, b: &Finding) -> std::cmp::Ordering {
    price(a).cmp(&price(b)).then_with(|| a.text.cmp(&b.text))
}

fn price(finding: &Finding) -> (u8, u8, &str) {
    (finding.cap().unwrap_or(u8::MAX), u8::MAX - finding.points(), finding.code())
}

/// Computes the score of a service from the weights and scores of its endpoints; `None` if no endpoint has a score.
///
/// The score is the weighted mean, rounded down; if all weights are 0, they count as equal. Caps: no usable endpoint
/// (50 or more): 0; less than half of the weight usable: 49; not all usable: 79.
///
/// ```
/// assert_eq!(portolan::model::service_score(&[(1, Some(95)), (1, Some(95)), (1, Some(0))]), Some(63));
/// assert_eq!(portolan::model::service_score(&[(9, Some(100)), (1, Some(40))]), Some(79));
/// ```
pub fn service_score(endpoints: &[(u16, Option<u8>)]) -> Option<u8> {
    let scored: Vec<(u64, u8)> =
        endpoints.iter().filter_map(|&(weight, score)| Some((u64::from(weight), score?))).collect();
    if scored.is_empty() {
        return None;
    }
    let equal = scored.iter().all(|&(weight, _)| weight == 0);
    let scored: Vec<(u64, u8)> =
        scored.into_iter().map(|(weight, score)| (if equal { 1 } else { weight }, score)).collect();

    let all: u64 = scored.iter().map(|&(weight, _)| weight).sum();
    let sum: u64 = scored.iter().map(|&(weight, score)| weight * u64::from(score)).sum();
    let usable: u64 = scored.iter().filter(|(_, score)| *score >= USABLE).map(|&(weight, _)| weight).sum();

    let cap = match usable {
        _ if !scored.iter().any(|(_, score)| *score >= USABLE) => 0,
        usable if usable * 2 < all => CAP_MINORITY,
        _ if scored.iter().any(|(_, score)| *score < USABLE) => CAP_NOT_ALL,
        _ => 100,
    };
    let mean = sum.checked_div(all).unwrap_or(0);
    Some(u8::try_from(mean).unwrap_or(100).min(cap))
}

impl Service {
    /// Why the score of the service is not that of one endpoint; `None` if it is.
    pub fn score_rule(&self) -> Option<&'static str> {
        let score = self.health.as_deref().and_then(|health| health.score)?;
        if self.limiting_finding().is_some_and(|finding| finding.cap() == Some(score)) {
            return Some("a finding of its source limits it");
        }

        let scores: Vec<u8> =
            self.endpoints.iter().filter_map(|at| at.health.as_deref().and_then(|health| health.score)).collect();

        let unusable = scores.iter().filter(|score| **score < USABLE).count();
        match scores.as_slice() {
            [] => None,
            [only] if *only == score => None,
            scores if unusable == scores.len() => Some("no endpoint scores 50 or more"),
            _ if unusable > 0 && score == CAP_MINORITY => Some("less than half of the weight is usable"),
            _ if unusable > 0 && score == CAP_NOT_ALL => Some("not every endpoint is usable"),
            [_] => None,
            _ => Some("the mean of the endpoints"),
        }
    }
}

impl ServiceHealth {
    /// The health of a service, from the weights and the health of its checked endpoints.
    ///
    /// If it is incomplete, the score is the highest possible one. From 50 on that proves nothing: there is no score then,
    /// and the state is unknown.
    pub fn of<'h>(endpoints: impl IntoIterator<Item = (u16, &'h Health)>) -> Self {
        let (mut scores, mut complete) = (Vec::new(), true);
        for (weight, health) in endpoints {
            let best = if health.complete { None } else { Some(100) };
            scores.push((weight, health.score.or(best)));
            complete &= health.complete;
        }

        let score = service_score(&scores).filter(|score| complete || *score < USABLE);
        Self::scored(score, complete)
    }

    /// The same health where a finding of the source limits the score to `cap`. A cap below 50 proves that the service is
    /// unusable, even if no check could run.
    #[must_use]
    pub fn limited(self, cap: u8) -> Self {
        let score = self.score.or(Some(100).filter(|_| cap < USABLE)).map(|score| score.min(cap));
        Self { min_score: self.min_score, ..Self::scored(score, self.complete) }
    }

    /// Whether it fails what is required of it: its score, or not to be unhealthy where no score is.
    pub fn has_failed(&self) -> bool {
        match self.min_score {
            Some(min_score) => self.score.is_none_or(|score| score < min_score),
            None => self.state == HealthState::Unhealthy,
        }
    }

    fn scored(score: Option<u8>, complete: bool) -> Self {
        Self { state: HealthState::of(score), score, grade: score.map(Grade::of), complete, min_score: None }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::FindingKind;

    /// Kinds of every group, price and cap that there could be.
    fn any_finding() -> impl Strategy<Value = Finding> {
        let groups = [Group::Tcp, Group::App, Group::Tls, Group::Dns, Group::Stability, Group::Source];
        // 60 codes, each always with the same price, as rows of a table have it.
        (0..60_u8).prop_map(move |n| {
            let group = groups[usize::from(n) % groups.len()];
            let cap = (n % 3 == 0).then(|| u8::try_from(u16::from(n) * 7 % 101).unwrap());
            let code: &'static str = Box::leak(format!("kind-{n}").into_boxed_str());
            let kind = FindingKind::new(code, group, (n % 32, cap), "text", "hint");
            Finding::new(Box::leak(Box::new(kind)), "seen")
        })
    }

    fn any_findings() -> impl Strategy<Value = Vec<Finding>> {
        prop::collection::vec(any_finding(), 0..12)
    }

    fn report(findings: Vec<Finding>) -> Report {
        Report { check: "tcp", ran: CheckStatus::Yes, findings }
    }

    proptest! {
        #[test]
        fn it_is_never_above_a_hundred_nor_above_itself_uncapped(findings in any_findings()) {
            let score = Score::of(&findings);
            prop_assert!(score.score <= score.uncapped && score.uncapped <= 100);
        }

        #[test]
        fn a_further_finding_never_raises_it(findings in any_findings(), more in any_finding()) {
            let before = Score::of(&findings);
            let after = Score::of(findings.iter().chain([&more]));
            prop_assert!(after.score <= before.score && after.uncapped <= before.uncapped);
        }

        #[test]
        fn order_and_repeats_do_not_matter(findings in any_findings(), keys in prop::collection::vec(any::<u32>(), 24)) {
            let mut twice: Vec<(u32, &Finding)> = keys.into_iter().zip(findings.iter().chain(&findings)).collect();
            twice.sort_by_key(|(key, _)| *key);
            let shuffled: Vec<Finding> = twice.into_iter().map(|(_, finding)| finding.clone()).collect();
            prop_assert_eq!(Score::of(&shuffled), Score::of(&findings));
            prop_assert_eq!(Health::of(&[report(shuffled)], &[]), Health::of(&[report(findings)], &[]));
        }

        #[test]
        fn leaving_one_out_never_lowers_it(findings in any_findings(), n in 0..60_u8) {
            let all = Health::of(&[report(findings.clone())], &[]);
            let fewer = Health::of(&[report(findings)], &[format!("kind-{n}")]);
            prop_assert!(fewer.score >= all.score);
        }

        #[test]
        fn a_service_is_no_better_than_its_best_endpoint_and_falls_with_any(
            mut endpoints in prop::collection::vec((0..200_u16, prop::option::of(0..=100_u8)), 1..8), at in 0..8_usize,
        ) {
            let before = service_score(&endpoints);
            prop_assert!(before <= endpoints.iter().filter_map(|(_, score)| *score).max());
            let at = at % endpoints.len();
            endpoints[at].1 = endpoints[at].1.map(|score| score / 2);
            prop_assert!(service_score(&endpoints) <= before);
        }
    }

    #[test]
    fn services_by_the_documented_vectors() {
        let equal = |scores: &[u8]| service_score(&scores.iter().map(|&score| (1, Some(score))).collect::<Vec<_>>());
        assert_eq!(equal(&[95, 95, 0]), Some(63));
        assert_eq!(equal(&[95, 0, 0]), Some(31));
        assert_eq!(service_score(&[(9, Some(100)), (1, Some(40))]), Some(79));
        assert_eq!(equal(&[49, 49]), Some(0), "it is unusable");
        assert_eq!(service_score(&[(1, Some(100)), (3, Some(48))]), Some(49), "less than half of the weight");
        assert_eq!(service_score(&[(0, Some(90)), (0, Some(81))]), Some(85), "weights of 0 are equal ones");
        assert_eq!(service_score(&[(1, Some(90)), (7, None)]), Some(90), "what has no score has no say");
        assert_eq!(service_score(&[(1, None)]), None);
        assert_eq!(service_score(&[]), None);
    }

    /// The health by one check with these findings, and perhaps by another that could not run.
    fn health(findings: Vec<Finding>, is_blocked: bool) -> Health {
        let blocked = Report { check: "http", ran: CheckStatus::Hindered("deadline".into()), findings: Vec::new() };
        let reports = [report(findings), blocked];
        Health::of(&reports[..if is_blocked { 2 } else { 1 }], &[])
    }

    /// A verdict that no check earned: demanded and not looked at is unknown, never healthy.
    #[test]
    fn an_incomplete_result_is_unhealthy_or_unknown() {
        static DEAD: FindingKind = FindingKind::new("dead", Group::Tcp, (0, Some(20)), "text", "hint");
        static SLOW: FindingKind = FindingKind::new("slow", Group::Tcp, (30, Some(75)), "text", "hint");
        for (findings, score, state) in [
            (vec![], None, HealthState::Unknown),
            (vec![Finding::new(&SLOW, "seen")], None, HealthState::Unknown),
            (vec![Finding::new(&DEAD, "seen")], Some(20), HealthState::Unhealthy),
        ] {
            let health = health(findings, true);
            assert_eq!((health.score, health.state, health.complete), (score, state, false), "{health:?}");
        }

        let (good, dead, unknown) =
            (health(vec![], false), health(vec![Finding::new(&DEAD, "seen")], false), health(vec![], true));
        for (endpoints, score, state) in [
            (vec![&good, &unknown], None, HealthState::Unknown),
            (vec![&dead, &unknown], None, HealthState::Unknown),
            (vec![&dead, &dead, &unknown], Some(46), HealthState::Unhealthy),
            (vec![&unknown], None, HealthState::Unknown),
        ] {
            let service = ServiceHealth::of(endpoints.into_iter().map(|health| (1, health)));
            assert_eq!((service.score, service.state, service.complete), (score, state, false), "{service:?}");
        }
    }

    #[test]
    fn where_nothing_ran_there_is_no_score() {
        let reports = [
            Report { check: "tcp", ran: CheckStatus::Hindered("no descriptor is left".into()), findings: Vec::new() },
            Report { check: "dns", ran: CheckStatus::NotWanted, findings: Vec::new() },
        ];
        let health = Health::of(&reports, &[]);
        assert_eq!((health.score, health.grade, health.state), (None, None, HealthState::Unknown));
        assert_eq!((health.complete, health.hindered), (false, vec!["tcp: no descriptor is left".to_owned()]));
        assert_eq!(health.not_covered, ["tcp", "dns"]);
    }
}
