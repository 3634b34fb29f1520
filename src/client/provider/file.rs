//! `file:services.toml`: services that a file declares. Nothing can register there.

use std::path::PathBuf;
use std::sync::Arc;

use super::Provider;
use super::inline;
use super::url::RegistryUrl;
use crate::error::{Error, Result};
use crate::source::{File, Source, Variable};

/// A services file.
#[derive(Debug)]
struct FileProvider(File);

pub(super) fn open(url: &RegistryUrl, variable: Option<Variable>) -> Result<Arc<dyn Provider>> {
    let path = format!("{}{}", url.authority, url.path);
    if path.is_empty() && !url.parameters.is_empty() {
        return inline::open(url);
    }
    url.parameters("", |_, _| false)?;
    if path.is_empty() {
        let why = "the file is missing";
        return Err(Error::usage(
            format!("registry '{}'", url.shown()),
            why,
            "write file:services.toml, or static:?NAME=HOST:PORT",
        ));
    }
    Ok(Arc::new(FileProvider(File { file: PathBuf::from(path), variable })))
}

impl Provider for FileProvider {
    fn name(&self) -> &'static str {
        "file"
    }

    fn source(&self, _service: &str) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(self.0.clone()))
    }

    fn all_services(&self) -> Result<Arc<dyn Source>> {
        Ok(Arc::new(self.0.clone()))
    }

    fn place(&self) -> Option<String> {
        Some(self.0.file.to_string_lossy().into_owned())
    }
}
