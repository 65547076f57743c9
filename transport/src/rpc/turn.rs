//! How long one conversation may keep the thread that it shares with others: what came over its link may be a thousand messages, and
//! to take them is always possible at once. Knows nothing of what they are.

use std::cell::Cell;
use std::task::{Context, Poll};

use raftchat_schema::budgets::LINK_MESSAGES_A_TURN_MAX;

/// The turn of one conversation.
#[derive(Debug, Default)]
pub(super) struct Turn {
    taken: Cell<u32>,
}

impl Turn {
    /// Lets one message more be taken in this turn; else the turn is over, and the next begins once others have had theirs.
    pub(super) fn poll_go_on(&self, cx: &Context<'_>) -> Poll<()> {
        if self.taken.get() < LINK_MESSAGES_A_TURN_MAX {
            self.taken.set(self.taken.get().saturating_add(1));
            return Poll::Ready(());
        }
        self.end();
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Nothing is there to be taken: the turn is over by itself.
    pub(super) fn end(&self) {
        self.taken.set(0);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// How many are taken between two turns of somebody else.
    #[tokio::test(flavor = "current_thread")]
    async fn who_sends_a_thousand_messages_takes_turns_with_others() {
        let (turn, taken) = (Turn::default(), Cell::new(0_u32));
        let take_all = async {
            for _ in 0..1_000 {
                poll_fn(|cx| turn.poll_go_on(cx)).await;
                taken.set(taken.get() + 1);
            }
        };
        let mut seen = vec![0];
        let others = async {
            while taken.get() < 1_000 {
                seen.push(taken.get());
                tokio::task::yield_now().await;
            }
        };
        tokio::join!(take_all, others);
        let most = seen.windows(2).map(|two| two.iter().max().unwrap_or(&0) - two.iter().min().unwrap_or(&0)).max();
        // `join!` asks now the one and now the other first: two turns may follow on each other.
        assert!(most.is_some_and(|most| most <= 2 * LINK_MESSAGES_A_TURN_MAX), "{most:?}");
    }
}
