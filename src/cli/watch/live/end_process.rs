//! `K` in the live view: ends the process behind a row, with the care of `portolan kill`.

use crate::cli::kill::{HeldProcess, SignalName, all_hold, hold, question, send};
use crate::model::{LocalDetail, Ports, Service, ServiceId, SocketState};
use crate::source::Local;

/// A process that is held while the user is asked about it.
pub(super) struct KillPlan {
    held: Vec<HeldProcess>,
    pub(super) question: String,
}

const SIGNAL: SignalName = SignalName::Term;

/// Identifies the process and holds it. Reads this machine's listeners twice, so it takes a moment.
///
/// # Errors
/// No process of this machine is behind the row, or it cannot be identified beyond doubt.
pub(super) fn prepare(service: &Service) -> Result<KillPlan, String> {
    let Some(detail) = service.detail.downcast_ref::<LocalDetail>() else {
        return Err("cannot end a process: only `local` lists those of this machine".to_owned());
    };
    if detail.is_published() {
        return Err(
            "cannot end a process: none listens here; a firewall rule forwards connections elsewhere".to_owned()
        );
    }
    let port = service.endpoints.first().and_then(|endpoint| endpoint.port);
    let ports: Ports = [port.ok_or("cannot end the process: this row has no port")?].into_iter().collect();

    let listed = listed(&ports, &service.id)?;
    let held = hold(std::slice::from_ref(&listed)).map_err(|refusal| text(&refusal.why, refusal.hint))?;
    // The process is held from here on. If it still has its socket now, it is the one that was named.
    let again = self::listed(&ports, &service.id)?;
    all_hold(&held, &[again]).map_err(|refusal| text(&refusal.why, refusal.hint))?;

    let addresses = listed.endpoints.iter().map(|endpoint| format!("{} {endpoint}", endpoint.transport.as_str()));
    let question = question(SIGNAL, &listed, &addresses.collect::<Vec<_>>());
    Ok(KillPlan { held, question })
}

/// Sends the signal; returns what was done.
///
/// # Errors
/// Why the process did not get it.
pub(super) fn carry_out(plan: KillPlan) -> Result<String, String> {
    let held = send(plan.held, SIGNAL).map_err(|refusal| text(&refusal.why, refusal.hint))?;
    Ok(held.first().map(|held| format!("sent SIGTERM to {held}")).unwrap_or_default())
}

/// The listener as it is now, without what rules of the firewall lead to.
fn listed(ports: &Ports, id: &ServiceId) -> Result<Service<LocalDetail>, String> {
    let state = vec![SocketState::Listen, SocketState::Unconnected];
    let local = Local { ports: Some(ports.clone()), state, ..Local::default() };
    let listing = local.listing().map_err(|error| text(&error.to_string(), ""))?;
    let service = listing.services.into_iter().find(|service| service.id == *id);
    service.ok_or_else(|| text("nothing listens there now, or it is in another network namespace", ""))
}

fn text(why: &str, hint: &str) -> String {
    let hint = if hint.is_empty() { String::new() } else { format!("; {hint}") };
    format!("cannot end the process: {why}{hint}")
}
