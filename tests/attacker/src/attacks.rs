//! What there is to do to a node, by the numbers under which the faults were found.

mod again;
mod crowds;
mod door;
mod floods;
mod losses;
mod malformed;
mod unread;

use clap::ValueEnum;

use crate::plan::Plan;
use crate::report::{Report, Trouble};

/// One attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Attack {
    /// A1: links with ten thousand calls in progress are closed.
    LossByClose,
    /// A1: the same, and the device falls silent.
    LossBySilence,
    /// A1: the same, and the stream is reset.
    LossByReset,
    /// A1: the same, and the stream ends.
    LossByEnd,
    /// A2: passwords are hashed for nobody.
    CancelledHashes,
    /// A3: `hello` without end, answers unread.
    HelloUnread,
    /// A3: `hello` without end, answers read and never finished.
    HelloUnfinished,
    /// A3: the first capability again and again under new numbers.
    Bootstraps,
    /// A3: pages of long messages, unread.
    HistoryUnread,
    /// A4: groups of everybody.
    Groups,
    /// B1: `resume` that waits for what is far.
    Resumes,
    /// B1: `hello`.
    Hellos,
    /// B1: `status`.
    Statuses,
    /// B1: `catchUp`.
    CatchUps,
    /// B1: `attend`.
    Attends,
    /// B2: subscriptions without end.
    Subscriptions,
    /// B3: forged lines as reasons.
    ForgedReasons,
    /// B4: coming and going.
    Flapping,
    /// B5: handshakes that hang.
    HangingHandshakes,
    /// B5: first packets of handshakes that are over.
    StaleInitials,
    /// B6: guesses at somebody's password.
    Guesses,
    /// B7: logins to an account of one's own.
    Logins,
    /// B7, B8: accounts without end.
    Registrations,
    /// B7: changes of one's own password.
    PasswordChanges,
    /// B8: the largest messages.
    BigSends,
    /// C2: the highest number a request can have.
    RequestNumbers,
    /// Frames begun and not finished on 300 links.
    BegunFrames,
    /// Frames that are none.
    Malformed,
}

impl Attack {
    /// Does it until its time is over.
    pub(crate) async fn run(self, plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
        use losses::Loss;
        match self {
            Self::LossByClose => losses::losses(plan, report, Loss::Close).await,
            Self::LossBySilence => losses::losses(plan, report, Loss::Silence).await,
            Self::LossByReset => losses::losses(plan, report, Loss::Reset).await,
            Self::LossByEnd => losses::losses(plan, report, Loss::End).await,
            Self::CancelledHashes => losses::cancelled_hashes(plan, report).await,
            Self::HelloUnread => unread::hello_unread(plan, report).await,
            Self::HelloUnfinished => unread::hello_unfinished(plan, report).await,
            Self::Bootstraps => unread::bootstraps(plan, report).await,
            Self::HistoryUnread => unread::history_unread(plan, report).await,
            Self::Groups => crowds::groups(plan, report).await,
            Self::Resumes => floods::resumes(plan, report).await,
            Self::Hellos => floods::hellos(plan, report).await,
            Self::Statuses => floods::statuses(plan, report).await,
            Self::CatchUps => floods::catch_ups(plan, report).await,
            Self::Attends => floods::attends(plan, report).await,
            Self::Subscriptions => crowds::subscriptions(plan, report).await,
            Self::ForgedReasons => door::forged_reasons(plan, report).await,
            Self::Flapping => crowds::flapping(plan, report).await,
            Self::HangingHandshakes => door::hanging_handshakes(plan, report).await,
            Self::StaleInitials => door::stale_initials(plan, report).await,
            Self::Guesses => floods::guesses(plan, report).await,
            Self::Logins => floods::logins(plan, report).await,
            Self::Registrations => floods::registrations(plan, report).await,
            Self::PasswordChanges => floods::password_changes(plan, report).await,
            Self::BigSends => crowds::big_sends(plan, report).await,
            Self::RequestNumbers => crowds::request_numbers(plan, report).await,
            Self::BegunFrames => malformed::begun_frames(plan, report).await,
            Self::Malformed => malformed::all(plan, report).await,
        }
    }
}
