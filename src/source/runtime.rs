//! A runtime for a future that may be polled outside a runtime.

use std::future::poll_fn;
use std::pin::pin;

use tokio::runtime::Handle;

use crate::error::Result;
use crate::net::BackgroundRuntime;

/// Runs a future in the current runtime, or in a new one if there is none.
///
/// # Errors
/// The future's error; no runtime.
pub(crate) async fn with_runtime<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    if Handle::try_current().is_ok() {
        return future.await;
    }
    // The runtime's thread only moves bytes; this thread does the rest.
    let runtime = BackgroundRuntime::start()?;
    let mut future = pin!(future);
    poll_fn(|context| {
        let _entered = runtime.enter();
        future.as_mut().poll(context)
    })
    .await
}
