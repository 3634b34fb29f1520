//! A runtime for a future that may be polled without one.

use std::future::poll_fn;
use std::pin::pin;

use tokio::runtime::{Handle, Runtime};

use crate::error::Result;
use crate::net::runtime;

/// Runs a future in the runtime that it is polled in, or in one of its own: only who asks a server pays for it.
///
/// # Errors
/// What the future says; no runtime.
pub(super) async fn with_runtime<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    if Handle::try_current().is_ok() {
        return future.await;
    }
    // Its thread moves bytes; what is made of them is made here.
    let runtime = OwnRuntime(Some(runtime(1)?));
    let mut future = pin!(future);
    poll_fn(|context| {
        let _entered = runtime.0.as_ref().map(Runtime::enter);
        future.as_mut().poll(context)
    })
    .await
}

/// Ends without waiting: a runtime must not be waited for within another's.
struct OwnRuntime(Option<Runtime>);

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
