//! The metadata of an object without its largest fields.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference, Time};
use serde::{Deserialize, Deserializer};

/// Reads the metadata that portolan needs. Annotations and managed fields, which are often larger than the rest of the object,
/// are skipped.
///
/// # Errors
/// Those of the deserializer.
pub(super) fn slim_metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct MetadataFields {
        name: Option<String>,
        namespace: Option<String>,
        labels: Option<BTreeMap<String, String>>,
        owner_references: Option<Vec<OwnerReference>>,
        deletion_timestamp: Option<Time>,
        resource_version: Option<String>,
    }

    let fields = MetadataFields::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name: fields.name,
        namespace: fields.namespace,
        labels: fields.labels,
        owner_references: fields.owner_references,
        deletion_timestamp: fields.deletion_timestamp,
        resource_version: fields.resource_version,
        ..ObjectMeta::default()
    })
}
