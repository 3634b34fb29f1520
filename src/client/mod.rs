//! What programs use most: find services, register, balance calls, watch, and wait until services are healthy.

mod administration;
#[cfg(test)]
mod fake;
#[cfg(feature = "grpc")]
mod grpc;
mod provider;
mod register;
#[cfg(test)]
mod register_tests;
mod registry;
mod resolve;
#[cfg(test)]
mod resolve_tests;
mod sync;
#[cfg(test)]
mod sync_tests;
mod wait;
mod watch;

#[cfg(feature = "grpc")]
pub use grpc::GrpcChannel;
pub use provider::{
    ActiveLease, AuditPart, AuditQuery, CertificateStatus, CheckHealth, ClusterMember, HealthReport, HealthRequest,
    ImportStatus, InstanceChange, InstanceCounts, InstanceHealth, LastCheckResult, PastCheckResult, Provider,
    ProviderFuture, RegistrationRules, Renewal, ServerStatus, StoreStatus,
};
#[cfg(feature = "registry")]
pub use provider::{
    BalancingState, ConfigContent, ConfigDiff, ConfigItem, DriftQuery, FleetDrift, FleetFinding, FleetHost,
    InstancePicks, RegistryServer, ShiftAction, ShiftOptions, ShiftState, TrafficShare, TrafficState, TrafficTarget,
    UnseenInstances,
};
pub use register::{RegistrationHandle, RegistrationState};
pub use registry::{Registry, RegistryBuilder};
pub use resolve::{
    AllUnhealthy, Call, CallbackGuard, EjectionOptions, EndpointCounts, PickError, Resolver, ResolverBuilder,
    ServiceEvent, ServiceEventKind, ServiceWatch,
};
pub use sync::{SYNCED_FROM, SkippedInstance, StaleCopy, SyncOutcome, SyncPlan};
pub(crate) use wait::{Readiness, readiness, retry};
pub use wait::{WaitOptions, wait};
pub use watch::{EventStream, TypedEventStream, watch, watch_typed};
