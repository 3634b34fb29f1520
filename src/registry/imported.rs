//! Instances of other registries, which the server imports: clients read them and change nothing.

use super::state::State;
use super::{CatalogCommand, Command, CommandRejection};
use crate::model::{IMPORTED_FROM, Problem};

impl State {
    /// Checks whether a client may give a command: an imported instance changes only where it is registered, and a client
    /// cannot register one.
    ///
    /// # Errors
    /// It may not.
    pub fn check_client(&self, command: &Command) -> Result<(), CommandRejection> {
        let registration = match command {
            Command::Register(registration) | Command::Catalog(CatalogCommand::Register { registration, .. }) => {
                Some(registration)
            }
            _ => None,
        };
        if let Some(id) = command.subject()
            && let Some(from) = self.view.record(&id).and_then(|record| record.registration.imported_from())
        {
            return Err(CommandRejection::Imported { id, from: from.into() });
        }

        match registration.and_then(|registration| registration.imported_from()) {
            Some(_) => Err(reserved_key().into()),
            None => Ok(()),
        }
    }
}

fn reserved_key() -> Problem {
    let message = format!("only the server writes {IMPORTED_FROM}");
    Problem::new("metadata", message, "use another key")
}
