//! The cryptography that all TLS of this program uses.

use std::sync::{Arc, LazyLock};

use rustls::crypto::{CryptoProvider, ring};

/// One provider for all handshakes; creating it would cost more than the rest of a configuration.
static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));

/// The cryptography provider of portolan, for code that configures TLS itself.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::clone(&PROVIDER)
}
