//! One user of the load: registers, opens a conversation, sends one message after the other, and notes what arrives.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use capnp::capability::Rc as CapnpRc;
use raftchat_schema::generated::client_capnp::{conversation, receiver, subscription};
use raftchat_schema::generated::types_capnp::change;
use raftchat_schema::id::UserId;
use raftchat_schema::wire::{decode_payload, read_refusal};
use raftchat_transport::lot;
use tokio::time::sleep;

use super::{Afterwards, Phase, Shared};
use crate::bench::door::{Door, PAUSE, Token, Trouble, Visit, patiently, random, say};
use crate::bench::stamp::{sent_at, stamped};
use crate::bench::tally::{Tally, record};

/// One of the crowd.
pub(super) struct User {
    /// The user's number, from 0.
    pub(super) number: usize,
    /// The way into the cluster.
    pub(super) door: Rc<Door>,
    /// The figures of the user's thread.
    pub(super) tally: Rc<RefCell<Tally>>,
    /// What all users share.
    pub(super) shared: Shared,
}

impl User {
    /// From registering to the end of the measurement.
    pub(super) async fn live(self) {
        let registered = self.register().await;
        let Some(visit) = self.report(registered) else { return };
        self.reaches(Phase::Opening).await;
        let opened = self.open(&visit).await;
        let Some((conversation, _subscription)) = self.report(opened) else { return };
        self.reaches(Phase::WarmingUp).await;
        if self.number < self.shared.crowd.senders {
            self.send_steadily(&conversation).await;
        }
        self.reaches(Phase::Over).await;
        if self.shared.crowd.afterwards == Afterwards::Deleted
            && let Err(trouble) = self.in_turn(async || visit.delete_account(&self.shared.crowd.password).await).await
        {
            self.tally.borrow_mut().error(&format!("an account was not deleted: {trouble}"));
        }
    }

    fn report<T>(&self, result: Result<T, Trouble>) -> Option<T> {
        let told = result.as_ref().map(drop).map_err(ToString::to_string);
        // Nobody listens once the measurement was given up.
        let _ = self.shared.reports.send(told);
        result.ok()
    }

    /// Waits for a phase; one that was passed over counts.
    async fn reaches(&self, wanted: Phase) {
        let mut phase = self.shared.phase.clone();
        // Where nobody enters phases any more, the thread is about to end.
        let _ = phase.wait_for(|phase| *phase >= wanted).await;
    }

    fn name(&self, number: usize) -> String {
        format!("{}-{number}", self.shared.crowd.name)
    }

    async fn register(&self) -> Result<Visit, Trouble> {
        let (token, name): (Token, _) = (random()?, self.name(self.number));
        let register = async || self.door.register(self.number, &name, &self.shared.crowd.password, &token).await;
        self.in_turn(register).await
    }

    /// Does what costs a password's hash: a few users at a time, and again where the node is busy.
    async fn in_turn<T>(&self, attempt: impl AsyncFnMut() -> Result<T, Trouble>) -> Result<T, Trouble> {
        // The semaphore is never closed.
        let _turn = self.shared.turns.acquire().await;
        patiently(attempt).await
    }

    async fn open(&self, visit: &Visit) -> Result<(conversation::Client, Option<subscription::Client>), Trouble> {
        // The partner may have registered over another node a moment ago.
        visit.catch_up().await?;
        // 0 and 1, 2 and 3 … are partners.
        let conversation = visit.direct(&self.name(self.number ^ 1)).await?;
        if self.number >= self.shared.crowd.receivers {
            return Ok((conversation, None));
        }
        let ear = Ear {
            me: visit.user,
            tally: Rc::clone(&self.tally),
            phase: self.shared.phase.clone(),
            clock: self.shared.clock,
        };
        let subscription = visit.subscribe(capnp_rpc::new_client(ear)).await?;
        Ok((conversation, Some(subscription)))
    }

    async fn send_steadily(&self, conversation: &conversation::Client) {
        let mut pause = PAUSE;
        while *self.shared.phase.borrow() < Phase::Over {
            let began = Instant::now();
            let sent = tokio::select! {
                sent = say(conversation, stamped(self.shared.clock.elapsed(), self.shared.crowd.size)) => sent,
                () = self.reaches(Phase::Over) => return,
            };
            if sent.is_ok() {
                pause.reset();
            }
            match sent {
                Ok(()) if *self.shared.phase.borrow() == Phase::Measuring => {
                    record(&mut self.tally.borrow_mut().acks, began.elapsed());
                }
                Ok(()) => {}
                Err(trouble) => {
                    self.tally.borrow_mut().error(&trouble.to_string());
                    let Some(ms) = trouble.retry_after_ms() else { return };
                    sleep(pause.grow_to(Duration::from_millis(ms), lot())).await;
                }
            }
        }
    }
}

/// Hears what others say.
struct Ear {
    me: UserId,
    tally: Rc<RefCell<Tally>>,
    phase: tokio::sync::watch::Receiver<Phase>,
    clock: Instant,
}

impl Ear {
    fn hear(&self, params: &receiver::ChangesParams) -> Result<(), capnp::Error> {
        if *self.phase.borrow() != Phase::Measuring {
            return Ok(());
        }
        let now = self.clock.elapsed();
        for changed in params.get()?.get_changes()? {
            let Ok(change::Message(message)) = changed.which() else { continue };
            let message = message?;
            if UserId(message.get_sender()) == self.me {
                continue;
            }
            if let Some(sent) = decode_payload(message.get_payload()?).ok().and_then(|payload| sent_at(&payload.text)) {
                record(&mut self.tally.borrow_mut().deliveries, now.saturating_sub(sent));
            }
        }
        Ok(())
    }
}

impl receiver::Server for Ear {
    async fn changes(
        self: CapnpRc<Self>,
        params: receiver::ChangesParams,
        _: receiver::ChangesResults,
    ) -> Result<(), capnp::Error> {
        self.hear(&params)
    }

    async fn presence(
        self: CapnpRc<Self>,
        _: receiver::PresenceParams,
        _: receiver::PresenceResults,
    ) -> Result<(), capnp::Error> {
        Ok(())
    }

    async fn ended(
        self: CapnpRc<Self>,
        params: receiver::EndedParams,
        _: receiver::EndedResults,
    ) -> Result<(), capnp::Error> {
        let refusal = read_refusal(params.get()?.get_refusal()?);
        self.tally.borrow_mut().error(&format!("a subscription ended: {refusal}"));
        Ok(())
    }
}
