//! Repeating a call until it has an outcome or its time is over: over another link at once where a node is suspected or
//! late, while the first may still answer. Knows nothing of what is called.

use std::borrow::Cow;
use std::rc::Rc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesUnordered;
use raftchat_schema::pause::Pause;
use raftchat_transport::{CallFailure, LinkFailure, lot};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::error::ClientError;
use crate::link::event::LinkCause;
use crate::link::node_link::NodeLink;
use crate::link::suspicion::hedge_after;
use crate::link::worker::Worker;
use crate::rpc::failure::{ConnectFailure, Failure, MostTelling, Next, after};
use crate::until::until;

/// How long one attempt may be without an answer before another node is asked.
pub(crate) const ATTEMPT_MAX: Duration = Duration::from_secs(4);

/// The same for what costs a password's hash: a node's own hashes wait in a queue for up to 12 s (`schema/src/budgets.rs`), and who
/// leaves earlier has waited for nothing.
const HASHING_ATTEMPT_MAX: Duration = Duration::from_secs(15);
const _: () = assert!(HASHING_ATTEMPT_MAX.as_millis() > raftchat_schema::budgets::HASH_WAIT_MS_MAX as u128 + 2_000);

/// What a timeout beyond all time is cut to.
const FOR_EVER: Duration = Duration::from_hours(365 * 24);

/// The pauses between attempts: a node that was lost is replaced in a moment, a cluster that is down is not hammered.
pub(crate) const PAUSE: Pause = Pause::between(Duration::from_millis(50), Duration::from_secs(1));
/// The pauses between two nodes that are asked as well while none has answered.
const ASIDE: Pause = Pause::between(Duration::from_millis(250), Duration::from_secs(2));

/// One call of the program, with the time it may take.
pub(crate) struct Call {
    worker: Rc<Worker>,
    deadline: Instant,
    advice: Cow<'static, str>,
    hedges: bool,
    attempt_max: Duration,
}

/// The link that an attempt went over, and what came of it.
type Attempt<T> = (Rc<NodeLink>, Result<T, Failure>);

/// Attempts that are under way at the same time, each over a link of its own.
struct Attempts<'a, T> {
    begun: Instant,
    over: Vec<Rc<NodeLink>>,
    running: FuturesUnordered<LocalBoxFuture<'a, Attempt<T>>>,
    /// One more node is being reached.
    aside: Option<LocalBoxFuture<'a, Option<Rc<NodeLink>>>>,
    /// When one more node is to be asked, if none has answered.
    hedge: Option<Instant>,
    pause: Pause,
}

impl<T> Attempts<'_, T> {
    fn go_over(&self, connected: &Rc<NodeLink>) -> bool {
        self.over.iter().any(|other| Rc::ptr_eq(other, connected))
    }
}

impl Call {
    /// A call that begins now. `advice` ends the sentence that says that time ran out.
    pub(crate) fn begin(worker: &Rc<Worker>, advice: impl Into<Cow<'static, str>>) -> Self {
        let now = Instant::now();
        let deadline = now.checked_add(worker.timeout()).unwrap_or(now + FOR_EVER);
        let advice = advice.into();
        Self { worker: Rc::clone(worker), deadline, advice, hedges: true, attempt_max: ATTEMPT_MAX }
    }

    /// The same, for what costs a password's hash: that a node has not answered yet says nothing. An answer may be lost all the
    /// same, so three tenths of the call's time are left for another node.
    pub(crate) fn hashing(self) -> Self {
        let attempt_max = HASHING_ATTEMPT_MAX.min(self.remaining() * 7 / 10);
        Self { hedges: false, attempt_max, ..self }
    }

    /// Repeats `attempt`, on this node and that, until it has an outcome.
    pub(crate) async fn repeat<T>(
        &self,
        attempt: impl AsyncFn(&Rc<NodeLink>) -> Result<T, Failure>,
    ) -> Result<T, ClientError> {
        let mut pause = PAUSE;
        let mut causes = MostTelling::default();
        let mut elsewhere = 0;
        loop {
            let failure = match self.attempt(&attempt, elsewhere, &mut causes).await {
                Ok(outcome) => return Ok(outcome),
                Err(failure) => failure,
            };
            let wait = match after(&failure) {
                Next::Stop => return Err(failure.into_error()),
                Next::Again(wait) => pause.grow_to(wait, lot()),
                Next::Elsewhere(wait) => {
                    elsewhere += 1;
                    // What one node asks for is no concern of those that were not asked yet.
                    let all_were_asked = elsewhere % self.worker.known_nodes().max(1) == 0;
                    pause.grow_to(if all_were_asked { wait } else { Duration::ZERO }, lot())
                }
            };
            tracing::debug!(cause = %failure.sentence(), ?wait, "a call is repeated");
            causes.note(failure);
            if self.remaining() <= wait {
                return Err(causes.out_of_time(&self.advice));
            }
            sleep(wait).await;
        }
    }

    /// Makes attempts over one link, and over another for each time that the first is late or suspected; the first outcome
    /// counts, and where there is none the last failure. The others are noted: what one says is of that one alone.
    async fn attempt<T>(
        &self,
        attempt: &impl AsyncFn(&Rc<NodeLink>) -> Result<T, Failure>,
        elsewhere: usize,
        causes: &mut MostTelling,
    ) -> Result<T, Failure> {
        let first = self.first_link(elsewhere).await?;
        let (begun, mut changes) = (Instant::now(), self.worker.link_changes());
        let hedge = self.hedges.then(|| begun + hedge_after(first.link.rtt()));
        let (over, running) = (Vec::new(), FuturesUnordered::new());
        let mut attempts = Attempts { begun, over, running, aside: None, hedge, pause: ASIDE };
        self.start(&mut attempts, first, attempt);
        loop {
            tokio::select! {
                Some((over, outcome)) = attempts.running.next() => match outcome {
                    Err(failure) if after(&failure) != Next::Stop && !attempts.running.is_empty() => {
                        tracing::debug!(cause = %failure.sentence(), "the other attempt is waited for");
                        causes.note(failure);
                    }
                    outcome => {
                        if outcome.is_ok() {
                            self.worker.prefer(&over, &attempts.over, attempts.begun);
                        }
                        return outcome;
                    }
                },
                Ok(()) = changes.changed() => {
                    if let Some(active) = self.worker.active().filter(|active| !attempts.go_over(active)) {
                        self.start(&mut attempts, active, attempt);
                    }
                }
                () = until(attempts.hedge) => self.hedge(&mut attempts, attempt),
                reached = arrives(&mut attempts.aside) => {
                    attempts.aside = None;
                    attempts.hedge = Some(Instant::now() + attempts.pause.grow(lot()));
                    if let Some(reached) = reached {
                        tracing::debug!(node = %reached.node, "a call that is late is also made here");
                        self.start(&mut attempts, reached, attempt);
                    }
                }
            }
        }
    }

    /// A call is late: it is also made over the link that stands by. Where there is none, or that one is late too, it is made
    /// over links to the others, one after the other.
    fn hedge<'a, T: 'a>(
        &'a self,
        attempts: &mut Attempts<'a, T>,
        attempt: &'a impl AsyncFn(&Rc<NodeLink>) -> Result<T, Failure>,
    ) {
        let late = attempts.begun + self.worker.late_after();
        attempts.hedge = (Instant::now() < late).then_some(late);
        if let Some(standby) = self.worker.standby().filter(|standby| !attempts.go_over(standby)) {
            tracing::debug!(node = %standby.node, "a call that is late is also made over the link that stands by");
            self.start(attempts, standby, attempt);
        } else if attempts.hedge.is_none() && attempts.over.len() < self.worker.known_nodes() {
            attempts.aside = Some(Box::pin(self.worker.reach_aside(&attempts.over)));
        }
    }

    /// Over which link to begin: the one that serves; then the one that stands by, where it is; then, as both have sent the call
    /// elsewhere and are kept all the same, one to another node.
    async fn first_link(&self, elsewhere: usize) -> Result<Rc<NodeLink>, Failure> {
        if let Some(standby) = self.worker.standby() {
            match elsewhere % 3 {
                1 => return Ok(standby),
                2 => {
                    let aside = self.worker.reach_aside(&self.worker.all_links());
                    if let Ok(Some(aside)) = timeout_at(self.deadline, aside).await {
                        return Ok(aside);
                    }
                }
                _ => {}
            }
        }
        let Ok(connected) = timeout_at(self.deadline, self.worker.connected()).await else {
            let cause = format!("no node has answered within {:.1} s", self.worker.timeout().as_secs_f64());
            return Err(Failure::Connect(ConnectFailure::Unreachable(cause)));
        };
        connected.map_err(Failure::Connect)
    }

    fn start<'a, T: 'a>(
        &'a self,
        attempts: &mut Attempts<'a, T>,
        connected: Rc<NodeLink>,
        attempt: &'a impl AsyncFn(&Rc<NodeLink>) -> Result<T, Failure>,
    ) {
        attempts.over.push(Rc::clone(&connected));
        let limit = self.remaining().min(self.attempt_max);
        let one = async move {
            let begun = Instant::now();
            let outcome = bounded(&self.worker, &connected, limit, attempt(&connected)).await;
            if self.hedges && outcome.is_ok() {
                self.worker.answered_after(begun.elapsed());
            }
            (connected, outcome)
        };
        attempts.running.push(Box::pin(one));
    }

    fn remaining(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// Awaits an attempt over `connected` for at most `limit`, finds the cause of its failure, and leaves the link where
/// another node should be asked next and none stands by.
pub(crate) async fn bounded<T>(
    worker: &Rc<Worker>,
    connected: &Rc<NodeLink>,
    limit: Duration,
    attempt: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let failure = match timeout(limit, attempt).await {
        Ok(Ok(outcome)) => {
            worker.arrived(connected);
            return Ok(outcome);
        }
        Ok(Err(Failure::Exception(error))) => match connected.link.explain(error).await {
            CallFailure::Link(failure @ LinkFailure::Refused { .. }) => worker.judge_refusal(connected, failure),
            CallFailure::Link(failure) => Failure::Link(failure),
            CallFailure::Remote(error) => Failure::Exception(error),
        },
        Ok(Err(failure)) => failure,
        Err(_) => Failure::NoAnswer(limit),
    };
    let refused = matches!(failure, Failure::Refused(_));
    if refused {
        worker.arrived(connected);
    }
    // A link that works is kept where there is no other node to turn to, or where one can be asked without leaving it.
    let is_of_use = refused && (worker.known_nodes() < 2 || worker.standby().is_some());
    if matches!(after(&failure), Next::Elsewhere(_)) && !is_of_use {
        let cause = match &failure {
            Failure::Link(failure) => LinkCause::of(failure),
            _ => LinkCause::Hedge,
        };
        worker.leave(connected, &failure.sentence(), cause);
    }
    Err(failure)
}

/// Waits until a node is reached that is to be asked as well; for ever, if none is.
async fn arrives(aside: &mut Option<LocalBoxFuture<'_, Option<Rc<NodeLink>>>>) -> Option<Rc<NodeLink>> {
    match aside {
        Some(aside) => aside.await,
        None => std::future::pending().await,
    }
}
