//! The rules over several registrations, registries and listeners.

use super::tests::{codes, input, instance, listener, reasons, registered, reply, view, with};
use super::*;
use crate::model::{LocalDetail, Service};

#[test]
fn a_listener_without_a_registration_is_found_unless_it_is_allowed() {
    let mut input = with(registered("web", "a", "10.0.0.5", 80), vec![listener("0.0.0.0", 80, "x")]);
    input.listeners.extend([listener("10.0.0.5", 81, "y"), listener("127.0.0.1", 82, "z")]);
    assert_eq!(codes(&input), ["drift-unregistered"], "loopback needs none where none is registered");
    let item = compare(&input).into_iter().find(|item| item.finding.is_some()).unwrap();
    assert_eq!(item.finding.unwrap().text.to_string(), "y (pid 7) listens at 10.0.0.5:81, but no registry has it");
    assert_eq!(item.detail.command, Some("portolan register --from-listener 81".into()));

    input.registries[0].endpoints.push(registered("db", "b", "127.0.0.1", 83));
    input.listeners.push(listener("127.0.0.1", 83, "db"));
    reply(&mut input);
    assert_eq!(codes(&input).len(), 2, "loopback counts where some registration has it");

    input.allow = AllowList::parse("allow", "process y\n82").unwrap();
    assert_eq!(codes(&input), Vec::<String>::new());
}

#[test]
fn a_registry_that_is_down_makes_no_listener_unregistered() {
    let mut input = with(registered("web", "a", "10.0.0.5", 80), vec![listener("10.0.0.5", 81, "y")]);
    input.registries.push(RegistryView { complete: false, ..view("etcd") });
    assert_eq!(codes(&input), ["drift-not-listening"], "the other one is compared");
    assert_eq!(reasons(&input), ["a registry could not be read, and may have it"]);
}

/// A listener of Consul, in a process with the id 8.
fn consul_listener(address: &str, port: u16) -> Service<LocalDetail> {
    let mut service = listener(address, port, "consul");
    let mut process = (*service.detail.processes[0]).clone();
    process.pid = 8;
    service.detail.processes = vec![process.into()].into();
    service
}

#[test]
fn the_listeners_of_the_registry_itself_need_no_registration() {
    let mut input = with(registered("web", "a", "10.0.0.5", 80), vec![listener("10.0.0.5", 80, "x")]);
    input.listeners.extend([consul_listener("127.0.0.1", 8500), consul_listener("0.0.0.0", 8301)]);
    assert_eq!(codes(&input), ["drift-unregistered"]);
    input.registries[0].place = Some("http://127.0.0.1:8500".to_owned());
    assert_eq!(codes(&input), Vec::<String>::new());
}

#[test]
fn two_instances_of_one_address_are_duplicates_and_the_usable_one_is_kept() {
    let mut second = registered("web", "a-old", "10.0.0.5", 80);
    second.endpoint.ready = false;
    let mut input = with(second, vec![listener("10.0.0.5", 80, "x")]);
    input.registries[0].endpoints.push(registered("web", "web-1", "10.0.0.5", 80));
    assert_eq!(codes(&input), ["drift-duplicate"]);
    let item = compare(&input).into_iter().find(|item| item.finding.is_some()).unwrap();
    assert_eq!(item.finding.unwrap().text.to_string(), "a-old at 10.0.0.5:80 has the same address as web-1");
    assert!(item.removal.unwrap().automatic);

    input.registries[0].endpoints[0].service = "api".into();
    let item = compare(&input).into_iter().find(|item| item.finding.is_some()).unwrap();
    assert!(item.removal.is_none() && item.detail.command.is_none(), "an address of two services may be meant");
}

#[test]
fn registries_that_have_a_service_have_the_same_instances_and_versions() {
    let mut input = with(registered("web", "a", "10.0.0.5", 80), vec![listener("0.0.0.0", 80, "x")]);
    input.listeners.push(listener("0.0.0.0", 81, "x"));
    let mut etcd = view("etcd");
    etcd.endpoints.push(registered("web", "b", "10.0.0.5", 80));
    etcd.endpoints.push(registered("web", "c", "10.0.0.5", 81));
    etcd.endpoints.push(registered("other", "d", "10.0.0.5", 81));
    input.registries.push(etcd);
    reply(&mut input);
    let expected = ["drift-duplicate", "drift-registries-differ"];
    assert_eq!(codes(&input), expected, "of a service that one registry alone has, nothing is missing");

    input.registries[0].complete = false;
    assert_eq!(codes(&input), ["drift-duplicate"], "what a registry lacks that was not read is unknown");

    instance(&mut input.registries[0].endpoints[0]).version = Some("1.2".into());
    instance(&mut input.registries[1].endpoints[0]).version = Some("1.3".into());
    assert_eq!(codes(&input), ["drift-duplicate", "drift-version-differs"]);
}

/// The findings of an instance at 10.0.0.5 whose service has these addresses in DNS.
fn codes_of_dns(in_dns: &[&str]) -> Vec<String> {
    let mut input = with(registered("web", "a", "10.0.0.5", 80), vec![listener("0.0.0.0", 80, "x")]);
    let mut dns = view("dns");
    dns.looked_up = Some(["web".to_owned()].into());
    dns.endpoints = in_dns.iter().map(|address| registered("web", address, address, 80)).collect();

    input.registries.push(dns);
    codes(&input)
}

#[test]
fn dns_has_the_addresses_of_the_registry() {
    assert_eq!(codes_of_dns(&["10.0.0.5"]), Vec::<String>::new());
    assert_eq!(codes_of_dns(&[]), Vec::<String>::new(), "DNS need not have every service");
    assert_eq!(codes_of_dns(&["10.0.0.5", "10.0.0.6"]), ["drift-dns-differs"]);
    assert_eq!(codes_of_dns(&["10.0.0.6"]).len(), 2);
    assert_eq!(codes_of_dns(&["10.0.0.6", "10.0.0.7", "10.0.0.8"]).len(), 3, "a shortened reply may lack an address");
}

#[test]
fn only_the_hosts_that_are_asked_for_are_compared() {
    let mut input = with(registered("web", "a", "10.0.0.5", 80), vec![listener("10.0.0.5", 81, "x")]);
    input.registries[0].endpoints.push(registered("web", "b", "10.0.0.9", 80));
    reply(&mut input);
    assert_eq!(codes(&input), ["drift-health-differs", "drift-not-listening", "drift-unregistered"]);
    input.hosts = vec![HostFilter::of("local")];
    assert_eq!(codes(&input), ["drift-not-listening", "drift-unregistered"]);
    input.hosts = vec![HostFilter::of("10.0.0.9")];
    assert_eq!(codes(&input), ["drift-health-differs"]);
}

#[test]
fn at_most_a_fifth_of_a_service_is_removed() {
    for (count, dead, permitted) in [(1, 1, 0), (4, 4, 0), (5, 2, 1), (10, 10, 2), (20, 3, 3)] {
        let mut input = input();
        for at in 0..count {
            let port = 100 + at;
            input.registries[0].endpoints.push(registered("web", &format!("web-{at:02}"), "10.0.0.5", port));
            if at >= dead {
                input.listeners.push(listener("10.0.0.5", port, "x"));
            }
        }
        reply(&mut input);
        let plan = plan_removals(&input, &compare(&input));
        assert_eq!(plan.permitted.len(), permitted, "{dead} of {count}");
        assert_eq!(plan.withheld.len(), usize::from(dead) - permitted, "{dead} of {count}");
    }
}

/// A route without an interface that has the address (AnyIP) can lead to a listener: what is bound to it is where the
/// registration leads.
#[test]
fn a_listener_on_an_address_without_an_interface_is_registered_there() {
    let input = with(registered("web", "a", "10.0.0.9", 80), vec![listener("10.0.0.9", 80, "x")]);
    assert!(!codes(&input).contains(&"drift-unregistered".to_owned()), "{:?}", codes(&input));
}
