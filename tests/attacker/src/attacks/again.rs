//! What attacks share: doing it again when the link is gone, keeping so many calls in flight, and what came of a call. Knows no
//! attack.

use std::time::Duration;

use crate::account::{self, Account};
use crate::frames::{self, Heard, Message, Question};
use crate::line::{Line, ending};
use crate::plan::Plan;
use crate::report::{Report, Trouble};

/// Between the end of a link and the next: an attack on the door is another one.
pub(super) const BREATH: Duration = Duration::from_millis(100);

/// Does something over a link of the first device, and over another when that ends, until the time is over.
pub(super) async fn over_and_over(
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
pub(super) async fn as_somebody(
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
pub(super) struct Flood {
    /// How many.
    in_flight: usize,
    /// Whether what an answer brings is given back with its number.
    gives_back: bool,
    /// The code of the refusal in an answer, if it is one.
    refusal: fn(&Message) -> Option<String>,
}

impl Flood {
    pub(super) const fn of(in_flight: usize, refusal: fn(&Message) -> Option<String>) -> Self {
        Self { in_flight, gives_back: true, refusal }
    }

    /// Calls what `make` makes, and calls again for each answer.
    pub(super) async fn run(
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

    pub(super) fn judge(&self, answer: &Message, report: &mut Report) {
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
pub(super) use refusal_of;

/// For methods that refuse nothing.
pub(super) fn never(_answer: &Message) -> Option<String> {
    None
}

/// Asks one thing and notes what came of it.
pub(super) async fn ask(
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
pub(super) fn another_name() -> String {
    account::fresh_name()
}
