//! portolan charts what serves here, where, and how well.

mod error;

pub use error::{Error, Result};
