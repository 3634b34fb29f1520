//! portolan charts what serves here, where, and how well.

pub mod engine;
mod error;

pub use error::{Error, Result};
