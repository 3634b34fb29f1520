//! Registrations over a registry in memory. Time is paused.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::fake::FakeRegistry;
use super::{RegistrationHandle, RegistrationState, Registry};
use crate::model::Registration;

const TTL: Duration = Duration::from_secs(30);
const LONG: Duration = Duration::from_mins(10);

fn open() -> (FakeRegistry, Registry) {
    let fake = FakeRegistry::default();
    let registry = Registry::with_provider(fake.clone()).build();
    (fake, registry)
}

fn registration() -> Registration {
    Registration::new("user-service", "10.0.0.7:8080".parse().unwrap()).ttl(TTL)
}

/// Waits for a state.
async fn reach(handle: &RegistrationHandle, is_it: impl FnMut(&RegistrationState) -> bool) {
    timeout(LONG, handle.states().wait_for(is_it)).await.expect("the state comes").unwrap();
}

fn is_active(times: u32) -> impl Fn(&RegistrationState) -> bool {
    move |state| *state == RegistrationState::Active { registrations: times }
}

/// H1: registered, renewed three times in its life, and removed at the end.
#[tokio::test(start_paused = true)]
async fn heartbeats_renew_a_registration_until_it_is_removed() {
    let (fake, registry) = open();
    let me = registry.register(registration()).await.unwrap();
    assert_eq!(fake.take_log(), ["register"]);
    assert_eq!(fake.held(), [me.registration().id.clone().unwrap()]);
    sleep(TTL * 10).await;
    let renewals = fake.take_log().len();
    assert!((30..=34).contains(&renewals), "{renewals} in ten times the lease");

    me.deregister().await.unwrap();
    assert_eq!((fake.take_log(), fake.held()), (vec!["deregister".to_owned()], vec![]));
    sleep(LONG).await;
    assert!(fake.take_log().is_empty(), "the end is the end");
}

/// A registry that forgot it gets it again, with the same id.
#[tokio::test(start_paused = true)]
async fn a_lost_registration_is_made_again() {
    let (fake, registry) = open();
    let me = registry.register(registration()).await.unwrap();
    let held = fake.held();
    fake.forget();
    let lost = Instant::now();
    reach(&me, is_active(2)).await;
    assert!(lost.elapsed() <= TTL / 3, "{:?}", lost.elapsed());
    assert_eq!(fake.held(), held);
    assert_eq!(fake.take_log(), ["register", "renew", "register"]);
}

/// While the registry is away the state says so; it is found again within a third of the lease and a second.
#[tokio::test(start_paused = true)]
async fn a_registry_that_was_away_has_the_registration_soon_after_its_return() {
    let (fake, registry) = open();
    let me = registry.register(registration()).await.unwrap();
    fake.set_away(true);
    reach(&me, |state| matches!(state, RegistrationState::Failing { error, .. } if error.ends_with("it is away")))
        .await;
    sleep(TTL * 20).await;
    let failures = fake.take_log().len();
    assert!((60..=150).contains(&failures), "{failures} attempts in 600 s: no storm, and no silence");

    fake.forget();
    fake.set_away(false);
    let back = Instant::now();
    reach(&me, is_active(2)).await;
    assert!(back.elapsed() <= TTL / 3 + Duration::from_secs(1), "{:?}", back.elapsed());
}

/// E10: a dropped handle removes its registration.
#[tokio::test(start_paused = true)]
async fn a_dropped_handle_is_deregistered() {
    let (fake, registry) = open();
    let me = registry.register(registration()).await.unwrap();
    let mut states = me.states();
    drop(me);
    timeout(LONG, states.wait_for(|state| *state == RegistrationState::Ended)).await.unwrap().unwrap();
    assert!(fake.held().is_empty());
    assert_eq!(fake.take_log(), ["register", "deregister"]);
}

/// H4: `close` removes everything, and refuses what comes later. With a registry that does not reply it says how many are
/// left.
#[tokio::test(start_paused = true)]
async fn close_removes_all_registrations() {
    let (fake, registry) = open();
    let mut handles = Vec::new();
    for _ in 0..20 {
        handles.push(registry.register(registration()).await.unwrap());
    }
    assert_eq!(fake.held().len(), 20);
    registry.close(Duration::from_secs(5)).await.unwrap();
    assert!(fake.held().is_empty());
    assert!(handles.iter().all(|handle| handle.state() == RegistrationState::Ended));

    let error = registry.register(registration()).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot register user-service: the registry was closed");
}

/// `announce` goes on until the registry is there; `register` says at once that it is not.
#[tokio::test(start_paused = true)]
async fn announce_waits_for_the_registry_and_register_does_not() {
    let (fake, registry) = open();
    fake.set_away(true);
    let error = registry.register(registration()).await.unwrap_err();
    assert_eq!(error.to_string(), "cannot ask the fake registry: it is away");

    let me = registry.announce(registration()).unwrap();
    assert_eq!(me.state(), RegistrationState::Pending);
    reach(&me, |state| matches!(state, RegistrationState::Failing { .. })).await;
    sleep(LONG).await;
    fake.set_away(false);
    reach(&me, is_active(1)).await;
    assert_eq!(fake.held().len(), 1);
}

/// A registration that is stopped while it is being made leaves nothing behind.
#[tokio::test(start_paused = true)]
async fn an_announcement_that_ends_at_once_leaves_nothing() {
    let (fake, registry) = open();
    let mut ends = Vec::new();
    for _ in 0..200 {
        let me = registry.announce(registration()).unwrap();
        ends.push(me.states());
        if ends.len() % 2 == 0 {
            tokio::task::yield_now().await;
        }
        drop(me);
    }
    for mut end in ends {
        timeout(LONG, end.wait_for(|state| *state == RegistrationState::Ended)).await.unwrap().unwrap();
    }
    assert!(fake.held().is_empty());
}

/// Without a lease nothing is renewed; an invalid registration is refused before anything is sent.
#[tokio::test(start_paused = true)]
async fn a_registration_without_a_lease_needs_no_heartbeat() {
    let (fake, registry) = open();
    let me = registry.register(registration().ttl(Duration::ZERO)).await.unwrap();
    sleep(LONG).await;
    assert_eq!(fake.take_log(), ["register"]);
    me.deregister().await.unwrap();
    assert_eq!(fake.take_log(), ["deregister"]);

    let error = registry.register(Registration::new("", "10.0.0.7:8080".parse().unwrap())).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot use registration of '': name: "), "{error}");
    assert!(fake.take_log().is_empty());
}

/// The tasks of this runtime.
fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// 10,000 registrations come and go: no task is left.
#[tokio::test(start_paused = true)]
async fn ten_thousand_registrations_leave_no_task() {
    let (fake, registry) = open();
    let before = tasks();
    for round in 0..100 {
        for number in 0..100 {
            let me = registry.register(registration()).await.unwrap();
            match (round + number) % 3 {
                0 => drop(me),
                1 => me.deregister().await.unwrap(),
                _ => {
                    tokio::task::yield_now().await;
                    drop(me);
                }
            }
        }
    }
    let ended = async {
        while tasks() > before {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, ended).await.expect("all tasks end");
    assert!(fake.held().is_empty());
}
