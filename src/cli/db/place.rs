//! Which database a command means.

use std::path::PathBuf;

use super::fault::fault;
use crate::clean::clean;
use crate::cli::serve::{self, DataPlace};
use crate::error::{Error, Result};
#[cfg(feature = "postgres")]
use crate::store::{Postgres, PostgresUrl};
use crate::store::{StoreStatus, status};

/// A database.
#[derive(Clone, Debug)]
pub(super) enum DatabasePlace {
    File(PathBuf),
    #[cfg(feature = "postgres")]
    Postgres(Box<PostgresUrl>),
}

/// A database, and the cluster of the servers with these settings.
#[derive(Clone, Debug)]
pub(super) struct Database {
    pub(super) place: DatabasePlace,
    pub(super) cluster: String,
}

impl Database {
    /// The database that is named, or that of a server with these settings.
    ///
    /// # Errors
    /// It is none, or the settings cannot be read.
    pub(super) fn choose(named: Option<&str>, config: Option<&PathBuf>) -> Result<Self> {
        let (data, cluster) = serve::database(config, named)?;
        Self::of(data, cluster)
    }

    /// The database of a server that keeps its registry there.
    ///
    /// # Errors
    /// It is none.
    pub(super) fn of(data: DataPlace, cluster: String) -> Result<Self> {
        let place = match data {
            DataPlace::File(path) => DatabasePlace::File(path),
            #[cfg(feature = "postgres")]
            DataPlace::Postgres(url) => DatabasePlace::Postgres(url),
            DataPlace::Memory => {
                let hint = "name a file, or postgresql://HOST/NAME";
                return Err(Error::usage(":memory:", "a server without a database keeps nothing", hint));
            }
        };
        Ok(Self { place, cluster })
    }

    /// The database, for people.
    pub(super) fn shown(&self) -> String {
        match &self.place {
            DatabasePlace::File(path) => format!("the database {}", clean(&path.to_string_lossy())),
            #[cfg(feature = "postgres")]
            DatabasePlace::Postgres(url) => format!("the database {}", clean(&url.to_string())),
        }
    }

    /// What it is and holds.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) async fn status(&self) -> Result<StoreStatus> {
        let status = match &self.place {
            DatabasePlace::File(path) => status(path),
            #[cfg(feature = "postgres")]
            DatabasePlace::Postgres(url) => Postgres::status(url).await,
        };
        status.map_err(|error| fault(&self.shown(), &error))
    }
}
