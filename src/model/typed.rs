//! Services and listings with the detail of their source.

use super::{Completeness, Detail, Listing, PartialError, Service};

impl Service {
    /// The same service with its detail typed, which is copied.
    ///
    /// # Errors
    /// Its detail is of another type.
    pub fn typed<D: Detail + Clone>(&self) -> Result<Service<D>, PartialError> {
        let detail = self.detail.downcast_ref::<D>().ok_or_else(|| PartialError {
            operation: format!("read the detail of {}", self.id),
            cause: "it is of another type".to_owned(),
            hint: "use its erased form, which has any detail".to_owned(),
        })?;

        Ok(Service {
            id: self.id.clone(),
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            source: self.source.clone(),
            endpoints: self.endpoints.clone(),
            health: self.health.clone(),
            findings: self.findings.clone(),
            detail: detail.clone(),
        })
    }
}

impl Listing {
    /// The same listing with typed services. A service whose detail is of another type is an error of the listing instead.
    pub fn typed<D: Detail + Clone>(self) -> Listing<D> {
        let Self { services, completeness, errors, limits, filters } = self;
        let mut typed = Listing { services: Vec::with_capacity(services.len()), completeness, errors, limits, filters };

        for service in &services {
            match service.typed() {
                Ok(service) => typed.services.push(service),
                Err(error) => {
                    typed.errors.push(error);
                    typed.completeness = Completeness::Incomplete;
                }
            }
        }
        typed
    }
}
