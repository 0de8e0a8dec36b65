//! One thread for what waits.

use std::future::Future;

/// Runs a question to its end on a runtime of its own. Connections end with it: what shares them belongs into one question.
pub(crate) fn block_on<T>(question: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime needs a few descriptors");
    let answer = runtime.block_on(question);
    // Dropping the runtime would wait for a name server that does not answer.
    runtime.shutdown_background();
    answer
}
