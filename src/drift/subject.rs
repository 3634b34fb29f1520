//! One registered endpoint, against what listens and what replies.

use super::command;
use super::identified;
use super::item::DriftItem;
use super::kinds;
use super::listeners::{ListenerTable, Listening};
use super::location::{AddressLocation, OTHER_HOST};
use super::owner::{OwnerMatch, owner};
use super::registered::FailedCheck;
use super::{ConnectionEnd, DriftInput, DriftVerdict, RegisteredEndpoint, RegistryHealth, RegistryView, verdict};
use crate::model::{Certainty, FindingKind, Transport};

/// A registered endpoint under comparison.
pub(super) struct Subject<'a> {
    input: &'a DriftInput,
    table: &'a ListenerTable<'a>,
    view: &'a RegistryView,
    registered: &'a RegisteredEndpoint,
    place: AddressLocation,
    listening: Listening<'a>,
    item: DriftItem,
}

impl<'a> Subject<'a> {
    pub(super) fn new(
        input: &'a DriftInput,
        table: &'a ListenerTable<'a>,
        (index, view): (usize, &'a RegistryView),
        registered: &'a RegisteredEndpoint,
    ) -> Self {
        let place = input.place(view, registered);
        let listening = listening(table, place, registered);
        let mut item = DriftItem::of_registered((index, view), registered);
        item.detail.listening = listening.certainty;
        item.detail.replying = replying(input, place, registered);
        if let Some(socket) = listening.socket {
            item.set_holder(socket);
        }

        Self { input, table, view, registered, place, listening, item }
    }

    /// The findings of the endpoint, or one item that says that there is none.
    pub(super) fn items(&self) -> Vec<DriftItem> {
        if self.place == AddressLocation::Foreign {
            return vec![self.foreign()];
        }

        let verdict = self.verdict();
        if verdict == DriftVerdict::NotListening {
            // Everything else that is wrong with it follows from that.
            return vec![self.not_listening()];
        }

        let mut findings: Vec<DriftItem> = self.health(verdict).into_iter().collect();
        let owner = self.owner();
        findings.extend(owner.clone().into_iter().filter(|item| item.finding.is_some()));
        findings.extend(self.stale());
        findings.extend(self.no_check());
        if self.place != AddressLocation::Foreign && self.item.detail.replying == Certainty::Yes {
            findings.extend(identified::findings(self.input, self.registered, &self.item));
        }
        if findings.is_empty() { vec![self.without_finding(verdict, owner)] } else { findings }
    }

    /// A connection of this machine may take another way than those of others, whom a rule leads elsewhere.
    fn verdict(&self) -> DriftVerdict {
        if self.listening.published.is_some() {
            return DriftVerdict::CannotTell;
        }
        verdict(Certainty::Yes, self.item.detail.listening, self.item.detail.replying)
    }

    fn without_finding(&self, verdict: DriftVerdict, owner: Option<DriftItem>) -> DriftItem {
        let is_failing = matches!(self.registered.health, RegistryHealth::Failing(_));

        match (verdict, self.place) {
            (_, AddressLocation::Unknown(reason)) => self.item.cannot_tell(reason),
            _ if let Some(reason) = self.listening.published => self.item.cannot_tell(reason),
            (DriftVerdict::Agrees, _) if is_failing => {
                self.item.cannot_tell("its check fails, and examines more than a connection")
            }
            (DriftVerdict::Agrees | DriftVerdict::NotReplying, _) => owner.unwrap_or_else(|| self.item.agrees()),
            (_, AddressLocation::Elsewhere) => self.item.cannot_tell(OTHER_HOST),
            (_, _) if self.registered.endpoint.transport != Transport::Tcp => {
                self.item.cannot_tell("it listens, but only TCP shows whether it replies")
            }
            (_, _) if self.item.detail.listening == Certainty::No => {
                self.item.cannot_tell("no socket of this network namespace listens there, but something replies")
            }
            _ => self.item.cannot_tell("whether it replies is unknown"),
        }
    }

    fn foreign(&self) -> DriftItem {
        let mut item = self.item.clone();
        item.detail.listening = Certainty::No;
        let node = self.registered.node().unwrap_or("this machine").to_owned();
        let text = format!("{} is registered for {node}, which does not have the address", self.at());
        item.with(&kinds::FOREIGN_ADDRESS, text).command(command::deregister(self.view, self.registered))
    }

    fn not_listening(&self) -> DriftItem {
        let registered = self.registered;
        let outside = !registered.addresses.iter().any(std::net::IpAddr::is_loopback);
        let port = registered.endpoint.port.unwrap_or_default();
        let on_loopback = self.table.on_loopback(registered.endpoint.transport, port).filter(|_| outside);

        if let Some(socket) = on_loopback {
            let mut item = self.item.clone();
            item.set_holder(socket);
            item.detail.since = socket.detail.main_process().and_then(|process| process.started);
            let bound = socket.endpoints.first().map(ToString::to_string).unwrap_or_default();
            let text = format!("{} is registered, but its port is bound to {bound} only", self.at());
            return item.with(&kinds::LOOPBACK_ONLY, text).command(command::who(&registered.endpoint));
        }

        let text = format!("{} is registered, but nothing listens there", self.at());
        let item = self.item.with(&kinds::NOT_LISTENING, text);
        let mut item = item.command(command::deregister(self.view, registered));
        if let Some(removal) = &mut item.removal {
            removal.automatic = item.detail.command.is_some();
        }
        item
    }

    /// What the registry says of the health, against the connection.
    fn health(&self, verdict: DriftVerdict) -> Option<DriftItem> {
        let registered = self.registered;

        match (verdict, &registered.health) {
            (DriftVerdict::NotReplying, _) if registered.manual => {
                let text = format!("{} was configured by hand, but {}", self.at(), self.connection().as_str());
                Some(self.connection_finding(&kinds::MANUAL_ENDPOINT_DEAD, text))
            }
            (DriftVerdict::NotReplying, _) if registered.endpoint.is_usable() => {
                let text =
                    format!("{} gets calls from {}, but {}", self.at(), self.view.name, self.connection().as_str());
                Some(self.connection_finding(&kinds::HEALTH_DIFFERS, text))
            }
            (DriftVerdict::Agrees, RegistryHealth::Failing(FailedCheck::Connect(check))) => {
                let text =
                    format!("{} accepts connections, but the check '{check}' of {} fails", self.at(), self.view.name);
                Some(self.connection_finding(&kinds::HEALTH_DIFFERS, text))
            }
            _ => None,
        }
    }

    /// A finding about the connection, with the command that checks the endpoint.
    fn connection_finding(&self, kind: &'static FindingKind, text: String) -> DriftItem {
        self.item.with(kind, text).command(Some(command::validate(&self.registered.endpoint)))
    }

    fn connection(&self) -> ConnectionEnd {
        let port = self.registered.endpoint.port.unwrap_or_default();
        let replies = self.registered.addresses.iter().filter_map(|ip| self.input.replies.get(&(*ip, port)));
        replies.map(|reply| reply.connection).next().unwrap_or_default()
    }

    /// A registration whose heartbeat stopped.
    fn stale(&self) -> Option<DriftItem> {
        let instance = self.registered.instance()?;
        // The registry's own clock decides whether the lease has ended; this one may be wrong.
        let ended = instance.lease.filter(|lease| lease.expired);
        let stopped = self.registered.health == RegistryHealth::Failing(FailedCheck::Heartbeat);
        if ended.is_none() && !stopped {
            return None;
        }

        let text = format!("{} was not renewed in time, but {} still lists it", self.at(), self.view.name);
        let mut item = self.item.with(&kinds::STALE, text).command(command::deregister(self.view, self.registered));
        item.detail.since = ended.map(|lease| lease.expires);
        Some(item)
    }

    fn no_check(&self) -> Option<DriftItem> {
        (self.registered.judged == Some(false)).then(|| {
            let text = format!("{} has neither a check nor a lease in {}", self.at(), self.view.name);
            let name = self.registered.service.as_raw();
            let command = command::discover(&self.view.provider, name);
            self.item.with(&kinds::NO_CHECK, text).command(Some(command))
        })
    }

    /// The holder of the socket, against what the registration declares.
    fn owner(&self) -> Option<DriftItem> {
        let socket = self.listening.socket.filter(|_| self.listening.certainty == Certainty::Yes)?;
        match owner(&self.registered.declared, &socket.detail) {
            OwnerMatch::Same => None,
            OwnerMatch::Hidden(reason) => Some(self.item.cannot_tell(reason)),
            OwnerMatch::Other(what) => {
                let text = format!("{} is registered as {}, but {}", self.at(), what.declared, what.found);
                let mut item = self.item.with(&kinds::WRONG_PROCESS, text);
                item.detail.since = socket.detail.main_process().and_then(|process| process.started);
                Some(item.command(command::who(&self.registered.endpoint)))
            }
        }
    }

    /// `web-1 at 10.0.0.5:8080`
    fn at(&self) -> String {
        self.registered.at()
    }
}

impl RegisteredEndpoint {
    /// `n1/web-1 at 10.0.0.5:8080`
    pub(super) fn at(&self) -> String {
        let (id, place) = (self.id(), self.endpoint.to_string());
        if id == place { place } else { format!("{id} at {place}") }
    }
}

fn listening<'a>(table: &ListenerTable<'a>, place: AddressLocation, registered: &RegisteredEndpoint) -> Listening<'a> {
    let port = registered.endpoint.port.unwrap_or_default();
    let mut found = Listening { certainty: Certainty::Unknown, socket: None, published: None };
    if place != AddressLocation::Here {
        return found;
    }

    for (at, ip) in registered.addresses.iter().enumerate() {
        let one = table.at(*ip, registered.endpoint.transport, port);
        if one.certainty == Certainty::Yes {
            return one;
        }
        let is_sure = at == 0 || found.certainty == Certainty::No;
        if is_sure {
            found = one;
        }
    }
    found
}

fn replying(input: &DriftInput, place: AddressLocation, registered: &RegisteredEndpoint) -> Certainty {
    let is_here = match place {
        AddressLocation::Here => true,
        AddressLocation::Elsewhere | AddressLocation::Foreign => false,
        AddressLocation::Unknown(_) => return Certainty::Unknown,
    };
    if registered.endpoint.transport != Transport::Tcp {
        return Certainty::Unknown;
    }

    let port = registered.endpoint.port.unwrap_or_default();
    let ends = registered.addresses.iter().map(|ip| input.replies.get(&(*ip, port)).map(|reply| reply.connection));
    let certainties: Vec<Certainty> = ends.map(|end| end.unwrap_or_default().replying(is_here)).collect();
    if certainties.contains(&Certainty::Yes) {
        Certainty::Yes
    } else if certainties.contains(&Certainty::Unknown) {
        Certainty::Unknown
    } else {
        Certainty::No
    }
}
