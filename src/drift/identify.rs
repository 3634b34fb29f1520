//! Identifies what replies where a registration declares its protocol.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use super::identified::wants_identity;
use super::{ConnectionEnd, DriftInput};
use crate::error::Result;
use crate::identify::{IdentifiedSource, IdentifyOptions};
use crate::model::{Address, Column, Completeness, DeclaredDetail, Endpoint, Identity, Service, Transport};
use crate::source::{ItemSink, ListContext, ListFuture, Source, collect};

/// Identifies what accepted a connection and has a declared protocol to compare with.
pub(super) async fn identify(input: &mut DriftInput) -> Result<()> {
    let wanted = input.registered().filter(|(_, registered)| wants_identity(registered));
    let sockets = wanted.flat_map(|(_, registered)| registered.sockets()).map(|(ip, port, _)| (ip, port));
    let accepted = sockets
        .filter(|socket| input.replies.get(socket).is_some_and(|reply| reply.connection == ConnectionEnd::Accepted));

    let sockets: BTreeSet<(IpAddr, u16)> = accepted.collect();
    if sockets.is_empty() {
        return Ok(());
    }

    let identified = IdentifiedSource::new(Arc::new(Sockets(sockets)), IdentifyOptions::default());
    for service in collect(&identified).await?.services {
        for endpoint in service.endpoints {
            if let (Address::Ip(ip), Some(port)) = (endpoint.address, endpoint.port)
                && let Some(reply) = input.replies.get_mut(&(ip, port))
            {
                reply.identity = endpoint.identity.filter(|identity| **identity != Identity::default());
            }
        }
    }
    Ok(())
}

/// The addresses to identify.
struct Sockets(BTreeSet<(IpAddr, u16)>);

impl Source for Sockets {
    fn name(&self) -> &'static str {
        "drift"
    }

    fn columns(&self) -> &'static [Column] {
        &[]
    }

    fn list<'a>(&'a self, _context: &'a ListContext, out: &'a mut dyn ItemSink) -> ListFuture<'a> {
        Box::pin(async move {
            for (ip, port) in &self.0 {
                let endpoint = Endpoint::new(Address::Ip(*ip), Some(*port), Transport::Tcp);
                let detail = DeclaredDetail::default();
                let service = Service::new(format!("{endpoint}"), self.name(), vec![endpoint], detail);
                if out.service(service.erase()).is_break() {
                    break;
                }
            }
            Ok(Completeness::Complete)
        })
    }
}
