//! What there is to do to a node, by the numbers under which the faults were found, and what the attacks share: doing it again
//! when the link is gone, and keeping so many calls in flight.

mod crowds;
mod door;
mod floods;
mod losses;
mod malformed;
mod unread;

use std::time::Duration;

use clap::ValueEnum;

use crate::account::{self, Account};
use crate::frames::{self, Heard, Message, Question};
use crate::line::{Line, ending};
use crate::report::Report;
use crate::{Plan, Trouble};

/// Between the end of a link and the next: an attack on the door is another one.
const BREATH: Duration = Duration::from_millis(100);

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

/// Does something over a link of the first device, and over another when that ends, until the time is over.
async fn over_and_over(
    plan: &Plan,
    report: &mut Report,
    mut deed: impl AsyncFnMut(Line, &mut Report) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    while plan.goes_on() {
        match Line::to(plan).await {
            Ok(line) => {
                report.count("links", 1);
                let connection = line.connection.clone();
                let done = deed(line, report).await;
                match (connection.close_reason(), done) {
                    (Some(end), _) => report.note("ended", &ending(&end)),
                    (None, Err(trouble)) => report.note("trouble", &trouble),
                    (None, Ok(())) => {}
                }
                connection.close(0_u32.into(), b"");
            }
            Err(trouble) => report.note("not_let_in", &trouble),
        }
        tokio::time::sleep(BREATH).await;
    }
    Ok(())
}

/// The same with an account that is made once.
async fn as_somebody(
    plan: &Plan,
    report: &mut Report,
    mut deed: impl AsyncFnMut(Line, Account, &mut Report) -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let mut known: Option<Account> = None;
    over_and_over(plan, report, async |mut line, report| {
        let account = match &known {
            Some(account) => account.again(&mut line).await?,
            None => Account::new(&mut line).await?,
        };
        known = Some(account.clone());
        deed(line, account, report).await
    })
    .await
}

/// What keeps so many calls in flight.
struct Flood {
    /// How many.
    in_flight: usize,
    /// Whether what an answer brings is given back with its number.
    gives_back: bool,
    /// The code of the refusal in an answer, if it is one.
    refusal: fn(&Message) -> Option<String>,
}

impl Flood {
    const fn of(in_flight: usize, refusal: fn(&Message) -> Option<String>) -> Self {
        Self { in_flight, gives_back: true, refusal }
    }

    /// Calls what `make` makes, and calls again for each answer.
    async fn run(
        self,
        plan: &Plan,
        report: &mut Report,
        line: &mut Line,
        mut make: impl FnMut(Question) -> Vec<u8>,
    ) -> Result<(), Trouble> {
        let mut first = Vec::new();
        for _ in 0..self.in_flight {
            first.extend(make(line.question()));
        }
        line.say(&first).await?;
        report.count("calls", self.in_flight as u64);
        while plan.goes_on() {
            let said = match line.hear().await? {
                // The first capability, through which all go, is not given back.
                Heard::Answer(0, _) | Heard::Call | Heard::Other => continue,
                Heard::Answer(question, answer) => {
                    match answer {
                        Ok(answer) => self.judge(&answer, report),
                        Err(exception) => report.note("exceptions", &exception),
                    }
                    let mut said = frames::finish(question, self.gives_back);
                    said.extend(make(line.question()));
                    report.count("calls", 1);
                    said
                }
                Heard::Abort(reason) => return Err(format!("the node ended it: {reason}").into()),
            };
            line.say(&said).await?;
        }
        Ok(())
    }

    fn judge(&self, answer: &Message, report: &mut Report) {
        match (self.refusal)(answer) {
            Some(code) => report.note("refused", &code),
            None => report.count("answered", 1),
        }
    }
}

/// Reads the refusal of one kind of results.
macro_rules! refusal_of {
    ($results:path) => {
        |answer: &$crate::frames::Message| {
            let results = answer.results::<$results>().ok()?;
            results.has_refused().then(|| results.get_refused().map_or_else(|e| e.to_string(), $crate::account::told))
        }
    };
}
use refusal_of;

/// For methods that refuse nothing.
fn never(_answer: &Message) -> Option<String> {
    None
}

/// Asks one thing and notes what came of it.
async fn ask(
    line: &mut Line,
    report: &mut Report,
    what: &str,
    refusal: fn(&Message) -> Option<String>,
    make: impl FnOnce(Question) -> Vec<u8>,
) -> Result<(), Trouble> {
    let question = line.question();
    line.say(&make(question)).await?;
    let outcome = match line.answer(question).await {
        Ok(answer) => refusal(&answer).unwrap_or_else(|| "done".to_owned()),
        Err(trouble) => trouble.to_string(),
    };
    report.note("outcomes", &format!("{what}: {outcome}"));
    Ok(())
}

/// Another name than the last one.
fn another_name() -> String {
    account::fresh_name()
}
