//! What an import changes in the registry: a pure function of what the source lists, what the registry has, and the time.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::feed::ImportView;
use crate::model::{
    DEFAULT_NAMESPACE, Endpoint, HealthState, IMPORTED_FROM, Lifecycle, OperatorStatus, Registration, Service,
};
use crate::registry::{Command, InstanceRecord, Rules};

/// The most instances of one import.
pub(super) const MAX_INSTANCES: usize = 50_000;
/// If more than half of the instances are gone at once, they stay for this long: a registry that restarts is empty until its
/// clients have registered again. Consul's agents do so within two minutes.
pub(super) const MASS_REMOVAL_HOLD: Duration = Duration::from_mins(2);

/// An instance as an import wants it in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ImportedInstance {
    registration: Arc<Registration>,
    /// Its health in the words of the source; `None` if the source does not judge it.
    report: Option<HealthState>,
}

/// The instances of a source, and how many of them cannot be registered.
#[derive(Debug, Default)]
pub(super) struct WantedInstances {
    pub(super) instances: BTreeMap<Arc<str>, ImportedInstance>,
    pub(super) skipped: usize,
    /// Why one of them cannot.
    pub(super) reason: Option<String>,
    /// Why the server cannot run the check of one of them.
    pub(super) unchecked: Option<String>,
}

impl WantedInstances {
    /// The instances of a source. What that registry imports itself is left out: two registries may import each other.
    pub(super) fn of(name: &str, view: &ImportView, rules: &Rules) -> Self {
        let mut wanted = Self::default();
        for service in view.services.iter().filter(|service| service.is_of_users()) {
            let own = service.endpoints.iter().filter(|endpoint| !is_imported(endpoint));
            own.for_each(|endpoint| wanted.add(name, service, endpoint, rules));
            let problem = match service.declared_checks() {
                Ok(checks) => checks.iter().find_map(|check| rules.refused_method(&check.kind)),
                Err(option) => Some(format!("the server cannot check with its {option}")),
            };
            if let Some(problem) = problem {
                wanted.unchecked.get_or_insert_with(|| format!("{}: {problem}", service.id));
            }
        }
        wanted
    }

    fn add(&mut self, name: &str, service: &Service, endpoint: &Endpoint, rules: &Rules) {
        let imported = if self.instances.len() < MAX_INSTANCES {
            imported(name, service, endpoint, rules)
        } else {
            Err(format!("the import has {MAX_INSTANCES} instances, which is the limit"))
        };

        match imported {
            Ok((id, instance)) => drop(self.instances.insert(id, instance)),
            Err(reason) => {
                self.skipped += 1;
                self.reason.get_or_insert_with(|| format!("{} at {endpoint}: {reason}", service.id));
            }
        }
    }
}

fn is_imported(endpoint: &Endpoint) -> bool {
    endpoint.instance.as_deref().is_some_and(|instance| instance.metadata_value(IMPORTED_FROM).is_some())
}

/// The registration of an instance, and what the source says of its health.
fn imported(
    name: &str,
    service: &Service,
    endpoint: &Endpoint,
    rules: &Rules,
) -> Result<(Arc<str>, ImportedInstance), String> {
    let mut registration = Registration::copied(&format!("import:{name}"), service, endpoint)?;
    // The instance is worth more than a check that the settings forbid.
    if rules.method_problem(&registration).is_some() {
        registration.checks.clear();
    }
    // The form in which the registry keeps it.
    registration.namespace = registration.namespace.filter(|namespace| namespace != DEFAULT_NAMESPACE);
    registration.metadata.insert(IMPORTED_FROM.to_owned(), name.to_owned());
    registration.deregister_after = Some(Duration::ZERO);
    registration.status = match endpoint.instance.as_deref().map(|instance| instance.lifecycle) {
        None | Some(Lifecycle::Up) => OperatorStatus::Up,
        Some(Lifecycle::Maintenance) => OperatorStatus::Maintenance,
        Some(Lifecycle::Draining | Lifecycle::Terminating) => OperatorStatus::Draining,
    };
    if let Some(problem) = registration.problem() {
        return Err(problem.to_string());
    }

    let id = registration.id.as_deref().unwrap_or_default().into();
    Ok((id, ImportedInstance { registration: Arc::new(registration), report: report(service, endpoint) }))
}

/// The health according to the source.
fn report(service: &Service, endpoint: &Endpoint) -> Option<HealthState> {
    let instance = endpoint.instance.as_deref();
    let is_up = instance.is_none_or(|instance| instance.lifecycle == Lifecycle::Up);
    let judged = instance.and_then(|instance| instance.health).filter(|health| *health != HealthState::Unknown);

    match judged {
        Some(health) => Some(health),
        // Its status says it already.
        None if !is_up => None,
        None if !endpoint.ready => Some(HealthState::Unhealthy),
        None if service.source == "k8s" => Some(HealthState::Healthy),
        None => None,
    }
}

/// What an import changes now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ImportPlan {
    pub(super) commands: Vec<Command>,
    /// The instances that the source no longer lists, and that stay for now.
    pub(super) held: usize,
    /// When those go, unless they come back.
    pub(super) release: Option<Duration>,
}

/// Remembers what a source listed before.
#[derive(Debug, Default)]
pub(super) struct ImportPlanner {
    /// Instances that the source listed since the server started.
    listed: HashSet<Arc<str>>,
    /// Since when more than half is gone.
    missing_since: Option<Duration>,
}

impl ImportPlanner {
    /// Nothing is known of the source at present: what is missing was not missing all the time.
    pub(super) fn interrupt(&mut self) {
        self.missing_since = None;
    }

    /// Compares what a source lists with what the registry has of it. `is_whole`: what the source does not list is gone; if
    /// not, only what it listed before.
    pub(super) fn plan(
        &mut self,
        wanted: &BTreeMap<Arc<str>, ImportedInstance>,
        present: &BTreeMap<Arc<str>, Arc<InstanceRecord>>,
        is_whole: bool,
        now: Duration,
    ) -> ImportPlan {
        let mut plan = ImportPlan::default();
        for (id, instance) in wanted {
            plan.commands.extend(differences(id, instance, present.get(id)));
        }

        let gone = present
            .values()
            .filter(|record| !wanted.contains_key(record.id()) && (is_whole || self.listed.contains(record.id())));
        let gone: Vec<&Arc<InstanceRecord>> = gone.collect();
        let is_mass_removal = !gone.is_empty() && wanted.len() * 2 < present.len();
        if is_mass_removal {
            let release = *self.missing_since.get_or_insert(now) + MASS_REMOVAL_HOLD;
            plan.release = Some(release).filter(|release| *release > now);
        } else {
            self.missing_since = None;
        }
        match plan.release {
            Some(_) => plan.held = gone.len(),
            None => plan.commands.extend(
                gone.into_iter()
                    .map(|record| Command::Deregister { id: record.id().into(), generation: Some(record.generation) }),
            ),
        }

        self.listed.retain(|id| present.contains_key(id));
        self.listed.extend(wanted.keys().cloned());
        plan
    }
}

/// What makes an instance of the registry as the source has it.
fn differences<'i>(
    id: &Arc<str>,
    wanted: &'i ImportedInstance,
    present: Option<&Arc<InstanceRecord>>,
) -> impl Iterator<Item = Command> + use<'i> {
    let is_same = present.is_some_and(|record| record.registration == wanted.registration);
    let register = (!is_same).then(|| Command::Register(Arc::clone(&wanted.registration)));

    let reported = present.and_then(|record| record.report);
    let report = wanted.report.map(|state| (state, None));
    let renew = (reported != wanted.report).then(|| Command::Renew { id: Arc::clone(id), generation: None, report });
    register.into_iter().chain(renew)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Address, CheckSpec, DeclaredDetail, Instance, RawDetail, Transport};
    use crate::model::{Timestamp, Update, UpdateSink};
    use crate::registry::{Now, Rules, State, step};
    use crate::server::imports::feed::ImportFeed;

    const NO_TIME: Duration = Duration::ZERO;

    /// A registry with one import.
    struct ImportWorld {
        state: State,
        planner: ImportPlanner,
        now: Duration,
    }

    impl ImportWorld {
        fn new() -> Self {
            Self { state: State::new(Rules::default()), planner: ImportPlanner::default(), now: NO_TIME }
        }

        fn import(&mut self, services: &[Service], is_whole: bool) -> ImportPlan {
            let wanted = WantedInstances::of("consul", &view(services.to_vec()), &Rules::default()).instances;
            let records = self.state.view().records().map(|record| (record.id().into(), Arc::clone(record)));
            let plan = self.planner.plan(&wanted, &records.collect(), is_whole, self.now);
            for command in plan.commands.clone() {
                let now = Now { elapsed: self.now, wall: Timestamp::UNIX_EPOCH };
                step(&mut self.state, command, now).unwrap();
            }
            plan
        }

        fn places(&self) -> Vec<String> {
            let mut places: Vec<String> =
                self.state.view().records().map(|record| record.registration.place()).collect();
            places.sort();
            places
        }

        fn health(&self) -> Vec<HealthState> {
            self.state.view().records().map(|record| record.health).collect()
        }
    }

    fn view(services: Vec<Service>) -> ImportView {
        let mut feed = ImportFeed::default();
        feed.apply(vec![Update::Reset(services)]);
        feed.view()
    }

    fn endpoint(host: u8) -> Endpoint {
        let instance = Instance { id: format!("i{host}"), serving: true, ..Instance::default() };
        let endpoint = Endpoint::new(Address::Ip([10, 0, 0, host].into()), Some(80), Transport::Tcp);
        Endpoint { instance: Some(Box::new(instance)), ..endpoint }
    }

    fn web(endpoints: Vec<Endpoint>) -> Service {
        let service = Service::new("consul/web", "consul", endpoints, RawDetail(serde_json::Value::Null)).erase();
        Service { name: Some("web".into()), ..service }
    }

    fn judged(host: u8, health: HealthState) -> Endpoint {
        let mut endpoint = endpoint(host);
        endpoint.instance.as_mut().unwrap().health = Some(health);
        endpoint
    }

    #[test]
    fn instances_come_change_and_go_with_their_health() {
        let mut world = ImportWorld::new();
        world.import(&[web((1..=4).map(|host| judged(host, HealthState::Healthy)).collect())], true);
        assert_eq!(world.health(), [HealthState::Healthy; 4]);
        let record = world.state.view().records().next().unwrap().clone();
        assert_eq!(record.registration.imported_from(), Some("consul"));

        let same = world.import(&[web((1..=4).map(|host| judged(host, HealthState::Healthy)).collect())], true);
        assert_eq!(same, ImportPlan::default(), "nothing differs");
        let index = world.state.index();

        world.import(&[web((1..=3).map(|host| judged(host, HealthState::Unhealthy)).collect())], true);
        assert_eq!(world.health(), [HealthState::Unhealthy; 3]);
        assert_eq!(world.state.index(), index + 4);
    }

    /// A registry that comes back empty does not take its instances along; one that stays empty does.
    #[test]
    fn a_mass_removal_waits() {
        let mut world = ImportWorld::new();
        world.import(&[web((1..=4).map(endpoint).collect())], true);

        let held = world.import(&[], true);
        assert_eq!((held.held, held.release), (4, Some(MASS_REMOVAL_HOLD)));
        assert_eq!(world.places().len(), 4);
        world.now = MASS_REMOVAL_HOLD / 2;
        assert_eq!(world.import(&[web((1..=4).map(endpoint).collect())], true), ImportPlan::default());

        world.import(&[], true);
        world.now += MASS_REMOVAL_HOLD.saturating_sub(Duration::from_millis(1));
        assert_eq!(world.import(&[web(vec![endpoint(1)])], true).held, 3, "the hold began anew");
        world.now += Duration::from_millis(1);
        assert_eq!(world.import(&[web(vec![endpoint(1)])], true).held, 0);
        assert_eq!(world.places(), ["10.0.0.1:80"]);
    }

    #[test]
    fn a_deployment_that_replaces_all_addresses_does_not_wait() {
        let mut world = ImportWorld::new();
        world.import(&[web(vec![endpoint(1), endpoint(2)])], true);
        world.import(&[web(vec![endpoint(3), endpoint(4)])], true);
        assert_eq!(world.places(), ["10.0.0.3:80", "10.0.0.4:80"]);
    }

    /// After a restart the registry has instances that an incomplete first list lacks.
    #[test]
    fn an_incomplete_list_removes_only_what_was_listed_since() {
        let mut world = ImportWorld::new();
        world.import(&[web((1..=5).map(endpoint).collect())], true);
        world.planner = ImportPlanner::default();

        world.import(&[web((1..=4).map(endpoint).collect())], false);
        assert_eq!(world.places().len(), 5);
        world.import(&[web((1..=3).map(endpoint).collect())], false);
        assert_eq!(world.places(), ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "10.0.0.5:80"]);
    }

    /// The hold lasts for a time in which the source is read: it may have restarted while it was away.
    #[test]
    fn a_time_in_which_the_source_cannot_be_read_is_not_part_of_the_hold() {
        let mut world = ImportWorld::new();
        world.import(&[web((1..=4).map(endpoint).collect())], true);
        assert_eq!(world.import(&[web(vec![endpoint(1)])], true).held, 3);

        world.planner.interrupt();
        world.now += MASS_REMOVAL_HOLD * 2;
        let plan = world.import(&[web(vec![endpoint(1)])], true);
        assert_eq!((plan.held, plan.release), (3, Some(world.now + MASS_REMOVAL_HOLD)));
        world.now += MASS_REMOVAL_HOLD;
        world.import(&[web(vec![endpoint(1)])], true);
        assert_eq!(world.places(), ["10.0.0.1:80"]);
    }

    #[test]
    fn what_another_registry_imports_is_not_imported_again() {
        let mut imported = endpoint(1);
        imported.instance.as_mut().unwrap().metadata.insert(IMPORTED_FROM.into(), "other".into());
        let own = Service { name: Some("consul".into()), ..web(vec![endpoint(2)]) };
        let wanted = WantedInstances::of(
            "peer",
            &view(vec![web(vec![imported, endpoint(3)]), Service { id: "consul/consul".into(), ..own }]),
            &Rules::default(),
        );
        let places: Vec<String> = wanted.instances.values().map(|one| one.registration.place()).collect();
        assert_eq!((places, wanted.skipped), (vec!["10.0.0.3:80".to_owned()], 0));
    }

    #[test]
    fn a_check_that_the_settings_forbid_is_left_out_alone() {
        let ask = CheckSpec { path: Some("/health".parse().unwrap()), ..CheckSpec::default() };
        let declared = DeclaredDetail { ask: Arc::new(ask), ..DeclaredDetail::default() };
        let endpoint = Endpoint { port_service: Some("https".into()), ..endpoint(1) };
        let service = Service::new("file/web", "file", vec![endpoint], declared).erase();
        let service = Service { name: Some("web".into()), ..service };
        let rules = Rules { check_methods: vec!["HEAD".to_owned()], ..Rules::default() };

        for (rules, checks) in [(Rules::default(), 1), (rules, 0)] {
            let wanted = WantedInstances::of("file", &view(vec![service.clone()]), &rules);
            let registrations = wanted.instances.values().map(|one| &one.registration);
            let found: Vec<_> = registrations.map(|one| (one.protocol.as_deref(), one.checks.len())).collect();
            assert_eq!((found, wanted.unchecked.is_none()), (vec![(Some("https"), checks)], checks == 1));
        }
    }

    #[test]
    fn what_cannot_be_registered_is_counted() {
        let mut endpoint = endpoint(1);
        endpoint.port = None;
        let wanted = WantedInstances::of("consul", &view(vec![web(vec![endpoint])]), &Rules::default());
        assert_eq!((wanted.instances.len(), wanted.skipped), (0, 1));
        assert!(wanted.reason.unwrap().contains("it has no port"));
    }

    #[test]
    fn a_client_cannot_change_an_imported_instance_or_register_one() {
        let mut world = ImportWorld::new();
        world.import(&[web(vec![endpoint(1)])], true);
        let id: Arc<str> = world.state.view().records().next().unwrap().id().into();
        let deregister = Command::Deregister { id: Arc::clone(&id), generation: None };
        let refused = world.state.check_client(&deregister).unwrap_err();
        assert_eq!((refused.code(), refused.to_string().contains("imported from consul")), ("imported", true));
        assert!(world.state.check_client(&Command::Renew { id, generation: None, report: None }).is_err());

        let own = Registration::new("web", "10.0.0.9:80".parse().unwrap()).id("own");
        assert!(world.state.check_client(&Command::Register(Arc::new(own.clone()))).is_ok());
        let false_one = Arc::new(own.meta(IMPORTED_FROM, "consul"));
        assert_eq!(world.state.check_client(&Command::Register(false_one)).unwrap_err().code(), "invalid");
    }

    proptest! {
        /// Whatever a source lists, one after another: after a complete list and the hold, the registry has exactly that.
        #[test]
        fn the_registry_ends_with_what_the_source_has(
            lists in proptest::collection::vec((proptest::collection::btree_set(1_u8..12, 0..8), any::<bool>()), 1..6),
        ) {
            let mut world = ImportWorld::new();
            for (hosts, is_whole) in &lists {
                world.import(&[web(hosts.iter().copied().map(endpoint).collect())], *is_whole);
                world.now += Duration::from_secs(10);
            }

            let last: Vec<Service> = lists.last().map(|(hosts, _)| web(hosts.iter().copied().map(endpoint).collect())).into_iter().collect();
            world.import(&last, true);
            world.now += MASS_REMOVAL_HOLD;
            world.import(&last, true);
            let mut wanted: Vec<String> =
                last[0].endpoints.iter().map(ToString::to_string).collect();
            wanted.sort();
            prop_assert_eq!(world.places(), wanted);
        }
    }
}
