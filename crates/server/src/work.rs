//! Work that goes on after whoever asked for it has gone.
//!
//! hyper drops a request's future when its connection ends. That is right for all that only reads, and wrong for what was begun: an
//! invitation that is used, an object that lies in the store and nobody was told of, a guess that is not counted.

use http::StatusCode;
use imagepic_api::Code;

use crate::answer::Refusal;

/// Does it to its end, whether or not anybody still waits for the answer.
pub(crate) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, Refusal>> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::spawn(work).await {
        Ok(done) => done,
        // What a panic of a route becomes is decided in one place.
        Err(broken) => match broken.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, Code::Busy, "the server stops")),
        },
    }
}
