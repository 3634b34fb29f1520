//! What programs do with registries: register, and call over a resolver.

mod examples;
#[cfg(feature = "grpc")]
mod grpc;
mod operator;
mod registration;
