//! A runtime for a future that may be polled without one.

use std::future::poll_fn;
use std::io;
use std::pin::pin;

use tokio::runtime::{Builder, Handle, Runtime};

/// Runs a future in the runtime that it is polled in, or in one of its own: only who asks a server pays for it.
pub(super) async fn with_runtime<T>(future: impl Future<Output = T>) -> io::Result<T> {
    if Handle::try_current().is_ok() {
        return Ok(future.await);
    }
    // Its thread moves bytes; what is made of them is made here.
    let runtime = OwnRuntime(Some(Builder::new_multi_thread().worker_threads(1).enable_all().build()?));
    let mut future = pin!(future);
    Ok(poll_fn(|context| {
        let _entered = runtime.0.as_ref().map(Runtime::enter);
        future.as_mut().poll(context)
    })
    .await)
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
