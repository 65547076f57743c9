//! Repeating a call until it has an outcome or its time is over. Knows nothing of what is called.

use std::rc::Rc;
use std::time::Duration;

use raftchat_transport::{Backoff, CallFailure};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::call::{Failure, MostTelling, Next, after};
use crate::error::ClientError;
use crate::order::ConnectFailure;
use crate::worker::{Connected, Worker};

/// How long one attempt may be without an answer before another node is asked.
pub(crate) const ATTEMPT_MAX: Duration = Duration::from_secs(4);

/// What a timeout beyond all time is cut to.
const FOR_EVER: Duration = Duration::from_hours(365 * 24);

/// The waits between attempts: a node that was lost is replaced in a moment, a cluster that is down is not hammered.
pub(crate) fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(50), Duration::from_secs(1))
}

/// One call of the program, with the time it may take.
pub(crate) struct Call {
    worker: Rc<Worker>,
    deadline: Instant,
    advice: &'static str,
}

impl Call {
    /// A call that begins now. `advice` ends the sentence that says that time ran out.
    pub(crate) fn begin(worker: &Rc<Worker>, advice: &'static str) -> Self {
        let now = Instant::now();
        let deadline = now.checked_add(worker.timeout()).unwrap_or(now + FOR_EVER);
        Self { worker: Rc::clone(worker), deadline, advice }
    }

    /// Repeats `attempt`, on this node and that, until it has an outcome.
    pub(crate) async fn repeat<T>(
        &self,
        attempt: impl AsyncFn(&Rc<Connected>) -> Result<T, Failure>,
    ) -> Result<T, ClientError> {
        let mut backoff = backoff();
        let mut causes = MostTelling::default();
        loop {
            let failure = match self.attempt(&attempt).await {
                Ok(outcome) => return Ok(outcome),
                Err(failure) => failure,
            };
            let wait = match after(&failure) {
                Next::Stop => return Err(failure.into_error()),
                Next::Again(wait) | Next::Elsewhere(wait) => wait.max(backoff.next_wait()),
            };
            tracing::debug!(cause = %failure.sentence(), ?wait, "a call is repeated");
            causes.note(failure);
            if self.remaining() <= wait {
                return Err(causes.out_of_time(self.advice));
            }
            sleep(wait).await;
        }
    }

    async fn attempt<T>(&self, attempt: &impl AsyncFn(&Rc<Connected>) -> Result<T, Failure>) -> Result<T, Failure> {
        let Ok(connected) = timeout_at(self.deadline, self.worker.connected()).await else {
            let cause = format!("no node has answered within {:.1} s", self.worker.timeout().as_secs_f64());
            return Err(Failure::Connect(ConnectFailure::Unreachable(cause)));
        };
        let connected = connected.map_err(Failure::Connect)?;
        bounded(&self.worker, &connected, self.remaining().min(ATTEMPT_MAX), attempt(&connected)).await
    }

    fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// Awaits an attempt over `connected` for at most `limit`, finds the cause of its failure, and leaves the link where
/// another node should be asked next.
pub(crate) async fn bounded<T>(
    worker: &Worker,
    connected: &Rc<Connected>,
    limit: Duration,
    attempt: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let failure = match timeout(limit, attempt).await {
        Ok(Ok(outcome)) => return Ok(outcome),
        Ok(Err(Failure::Exception(error))) => match connected.link.explain(error).await {
            CallFailure::Link(failure) => Failure::Link(failure),
            CallFailure::Remote(error) => Failure::Exception(error),
        },
        Ok(Err(failure)) => failure,
        Err(_) => Failure::NoAnswer(limit),
    };
    // A link that works is kept where there is no other node to turn to.
    let is_of_use = matches!(failure, Failure::Refused(_)) && !worker.knows_other_nodes();
    if matches!(after(&failure), Next::Elsewhere(_)) && !is_of_use {
        worker.leave(connected, &failure.sentence());
    }
    Err(failure)
}
