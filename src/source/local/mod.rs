//! What listens on this machine, from the kernel's socket tables and the process table.

mod activation;
mod all_tables;
mod cgroup;
mod closings;
mod columns;
mod commands;
mod connections;
mod dump;
mod filters;
mod firewall;
mod hints;
mod holders;
mod host;
mod interfaces;
mod links;
mod list;
mod mounts;
mod namespace_number;
mod netlink;
mod netns;
mod noticed;
mod options;
mod owner_limits;
mod owner_search;
mod owners;
mod parents;
mod peers;
mod process;
mod procnet;
mod published;
mod ration;
mod rows;
mod runtimes;
mod select;
mod short_lived;
mod socket;
mod special;
mod table_read;
mod tables;
mod trace;
mod users;
mod vsock;
mod walk;
mod watch;
mod watcher;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "cli")]
pub(crate) use firewall::READ_RULES;
pub(super) use hints::{Purpose, for_permission as hint_for_permission};
pub(crate) use netns::others as other_namespaces;
pub use options::{Local, SortKey};
#[cfg(feature = "cli")]
pub(crate) use owner_limits::SEE_OWNERS;
#[cfg(feature = "cli")]
pub(crate) use peers::COLUMNS as CONNECTION_COLUMNS;
pub(crate) use trace::check_tracing;

use crate::error::{Result, plain};
use crate::model::{
    Column, Completeness, ConnectionDetail, Detail, DetailLevel, Filters, HostFacts, Listing, LocalDetail, RawDetail,
    Selector, UpdateSink,
};
use crate::source::blocking::list_blocking;
use crate::source::watch::poll;
use crate::source::{ItemSink, ListContext, ListFuture, Source, TypedSource, WatchFuture};

impl Local {
    /// Every connection of this machine that the options select, typed: as [`listing`](Self::listing) does for listeners.
    ///
    /// ```
    /// let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// let client = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
    /// let accepted = server.accept().unwrap();
    ///
    /// let port = server.local_addr().unwrap().port();
    /// let local = portolan::source::Local { ports: Some(port.to_string().parse()?), ..Default::default() };
    /// let connection = local.connection_listing()?.services.remove(0).detail;
    /// assert_eq!(connection.peer.port, client.local_addr().unwrap().port());
    /// assert_eq!(connection.peer.holder.unwrap().processes, connection.end.processes);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Filters that are only for listeners, and a user that this machine does not have.
    pub fn connection_listing(&self) -> Result<Listing<ConnectionDetail>> {
        let mut listing = Listing::default();
        let outcome = peers::list(self, DetailLevel::Full, &|| false, &mut |connection| {
            listing.services.push(connection);
            ControlFlow::Continue(())
        })?;
        listing.completeness = outcome.completeness;
        (listing.errors, listing.limits) = (outcome.errors, outcome.limits);
        Ok(listing)
    }

    /// Every listener of this machine that the options select, typed. Blocks for a few milliseconds and needs no runtime.
    ///
    /// ```
    /// let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    /// let port = server.local_addr().unwrap().port();
    ///
    /// let local = portolan::source::Local { ports: Some(port.to_string().parse()?), ..Default::default() };
    /// let listing = local.listing()?;
    /// let listener = &listing.services[0];
    /// assert_eq!(listener.detail.processes[0].pid, std::process::id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// A user or an interface that this machine does not have.
    pub fn listing(&self) -> Result<Listing<LocalDetail>> {
        self.listing_with_published().map(|(listing, _)| listing)
    }

    /// The same, and whether the ports that rules of the firewall publish are known.
    ///
    /// # Errors
    /// As [`listing`](Self::listing).
    pub(crate) fn listing_with_published(&self) -> Result<(Listing<LocalDetail>, bool)> {
        let mut listing = Listing::default();
        let outcome = list::list(self, DetailLevel::Full, &|| false, &mut |service| {
            listing.services.push(service);
            ControlFlow::Continue(())
        })?;
        listing.completeness = outcome.completeness;
        (listing.errors, listing.limits) = (outcome.errors, outcome.limits);
        Ok((listing, outcome.published_known))
    }
}

impl TypedSource for Local {
    type Detail = LocalDetail;
}

impl Source for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn columns(&self) -> &'static [Column] {
        if self.connections { peers::COLUMNS } else { columns::COLUMNS }
    }

    fn typed_detail(detail: &RawDetail) -> Option<Arc<dyn Detail>> {
        detail.read::<LocalDetail>().or_else(|| detail.read::<ConnectionDetail>())
    }

    fn of_filters(filters: &Filters) -> Self {
        filters::read(filters).unwrap_or_default()
    }

    fn noun(&self) -> Option<&'static str> {
        self.connections.then_some("connection")
    }

    /// With ports alone, it says something of them.
    fn nothing(&self) -> Option<String> {
        let is_alone = self.filters().keys().all(|key| matches!(key.as_str(), "ports" | "sockets" | "all_netns"));
        let ports = self.ports.as_ref().filter(|_| is_alone && !self.connections)?;
        if let Some(sockets) = &self.sockets {
            return Some(format!("nothing listens on {sockets}"));
        }
        let noun = if ports.len() == 1 { "port" } else { "ports" };
        Some(format!("nothing listens on {noun} {ports}"))
    }

    fn select(&mut self, _name: &str) {
        self.connections = false;
    }

    fn filters(&self) -> Filters {
        filters::of(self)
    }

    fn selector(&self, filters: &Filters) -> Option<Selector> {
        filters::selector(filters)
    }

    fn host(&self) -> Option<HostFacts> {
        Some(host::read())
    }

    /// For root, who may trace outside containers. Other users never may.
    fn watch_limit(&self) -> Option<String> {
        let may_expect_it = rustix::process::geteuid().is_root() && !self.connections;
        let error = check_tracing().err().filter(|_| may_expect_it)?;
        Some(format!("the kernel cannot be traced ({}): new sockets are noticed by polling", plain(&error)))
    }

    fn list<'a>(&'a self, context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        // Reading the kernel's tables takes milliseconds, which block.
        let query = self.clone();
        Box::pin(list_blocking(context, out, move |context, out| query.list_into(context, out)))
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(1)
    }

    fn watch<'a>(&'a self, interval: Option<Duration>, feed: &'a mut dyn UpdateSink) -> WatchFuture<'a> {
        let interval = interval.unwrap_or_else(|| self.interval());
        if self.connections {
            return Box::pin(poll(self, interval, feed));
        }
        Box::pin(watch::watch(self, interval, feed))
    }
}

impl Local {
    fn list_into(&self, context: &ListContext, out: &mut dyn ItemSink) -> Result<Completeness> {
        let (level, stop) = (context.detail_level, || context.cancel.is_set());
        let outcome = if self.connections {
            peers::list(self, level, &stop, &mut |connection| out.service(connection.erase()))?
        } else {
            list::list(self, level, &stop, &mut |service| out.service(service.erase()))?
        };
        if self.all_netns {
            out.note("a network namespace that only an open socket keeps alive cannot be found".to_owned());
        }

        outcome.errors.into_iter().for_each(|error| out.partial_error(error));
        outcome.limits.into_iter().for_each(|error| out.missing_permission(error));
        Ok(outcome.completeness)
    }
}
