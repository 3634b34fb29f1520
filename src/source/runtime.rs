//! A runtime for a future that may be polled outside a runtime.

use std::future::poll_fn;
use std::pin::pin;

use tokio::runtime::{Handle, Runtime};

use crate::error::Result;
use crate::net::runtime;

/// Runs a future in the current runtime, or in a new one if there is none.
///
/// # Errors
/// The future's error; no runtime.
pub(crate) async fn with_runtime<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    if Handle::try_current().is_ok() {
        return future.await;
    }
    // The runtime's thread only moves bytes; this thread does the rest.
    let runtime = OwnRuntime(Some(runtime(1)?));
    let mut future = pin!(future);
    poll_fn(|context| {
        let _entered = runtime.0.as_ref().map(Runtime::enter);
        future.as_mut().poll(context)
    })
    .await
}

/// Shuts down without waiting: blocking on a runtime is not allowed within another.
struct OwnRuntime(Option<Runtime>);

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
