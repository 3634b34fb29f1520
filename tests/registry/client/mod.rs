//! What programs do with registries: register, and call over a resolver.

#[cfg(all(feature = "registry", feature = "serve"))]
mod announce;
mod examples;
#[cfg(feature = "grpc")]
mod grpc;
#[cfg(feature = "grpc")]
pub(super) mod grpc_servers;
#[cfg(feature = "serve")]
mod logs;
#[cfg(feature = "serve")]
mod migration;
mod operator;
mod registration;
#[cfg(feature = "serve")]
mod sync;
