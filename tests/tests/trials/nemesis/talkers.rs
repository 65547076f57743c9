//! People who do things one after the other, each again until it is acknowledged. Knows nothing of what happens to nodes.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use raftchat_client::{Client, ClientError, Target};
use raftchat_schema::command::{ConversationAct, Switch};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_tests::draw::Draw;
use raftchat_tests::people::{Person, fresh_id, says};
use tokio::sync::watch;
use tokio::time::sleep;

use super::ledger::Ledger;

/// Between two acts of a person there is at most so long, in milliseconds.
const PAUSE_MS_MAX: u64 = 80;
/// How long somebody waits before they try the same again; twice as long each time, up to the second figure.
const AGAIN: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));
const EMOJI: [&str; 3] = ["👍", "❤️", "😂"];

/// What a person does with a message that is there.
enum Deed {
    Edit(String),
    Delete,
    React(&'static str, Switch),
}

/// Somebody who talks.
pub(super) struct Talker {
    pub(super) person: Person,
    /// Where they speak. The last is the group of all.
    pub(super) places: Vec<ConversationId>,
    /// Who is taken into the group and put out again, by whoever owns it.
    pub(super) guest: Option<UserId>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) draw: Draw,
}

/// Whether it is no more than a matter of time.
fn is_passing(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { .. } | ClientError::NotAccepted(_) => true,
        ClientError::Refused(refusal) => matches!(
            refusal.code,
            ErrorCode::Busy | ErrorCode::NoLeader | ErrorCode::Behind | ErrorCode::RateLimited | ErrorCode::StorageFull
        ),
        _ => false,
    }
}

impl Talker {
    /// Goes on until `over`, on a thread of their own.
    pub(super) fn starts(self, over: watch::Receiver<bool>) -> JoinHandle<Person> {
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(self.talks(over))
        })
    }

    async fn talks(mut self, over: watch::Receiver<bool>) -> Person {
        for number in 0_u64.. {
            if *over.borrow() {
                break;
            }
            self.acts(number).await;
            self.ledger.told(&self.person.name);
            // People pause between words; nothing depends on how long this is.
            sleep(Duration::from_millis(self.draw.below(PAUSE_MS_MAX))).await;
        }
        self.person
    }

    async fn acts(&mut self, number: u64) {
        let at = usize::try_from(self.draw.below(self.places.len() as u64)).unwrap();
        let place = *self.places.get(at).unwrap();
        let name = self.person.name.clone();
        let own = self.ledger.any(&mut self.draw, place, Some(&name));
        match (self.draw.below(16), own) {
            (7..=9, Some(position)) => self.does(place, position, Deed::Edit(format!("{name} edited {number}"))).await,
            (10, Some(position)) => self.does(place, position, Deed::Delete).await,
            (11..=13, _) => {
                let switch = Switch::from_bool(self.draw.below(3) > 0);
                let emoji = EMOJI.get(usize::try_from(self.draw.below(3)).unwrap()).unwrap();
                if let Some(position) = self.ledger.any(&mut self.draw, place, None) {
                    self.does(place, position, Deed::React(emoji, switch)).await;
                }
            }
            (14, _) => self.reads(place).await,
            (15, _) if self.guest.is_some() => self.manages(number).await,
            _ => self.says(place, format!("{name} {number}")).await,
        }
    }

    /// Does something again and again until it is acknowledged; whether it was refused because the message is gone.
    async fn until_done<T>(&self, act: impl AsyncFn(&Client) -> Result<T, ClientError>) -> Result<T, ErrorCode> {
        let mut pause = AGAIN.0;
        loop {
            let error = match act(&self.person.client).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            self.ledger.put_off(error.code());
            match error {
                error if is_passing(&error) => {}
                ClientError::Refused(refusal) => return Err(refusal.code),
                error => panic!("{} can do nothing more: {error}", self.person.name),
            }
            sleep(pause).await;
            pause = AGAIN.1.min(pause * 2);
        }
    }

    async fn says(&self, place: ConversationId, text: String) {
        let (target, id) = (Target::Conversation(place), fresh_id());
        let sent = self.until_done(async |client| client.send(&target, id, says(&text)).await).await.unwrap();
        self.ledger.said(&self.person.name, place, sent.position.0, text);
    }

    async fn does(&self, place: ConversationId, position: u64, deed: Deed) {
        let (target, at, name) = (Target::Conversation(place), Position(position), self.person.name.clone());
        let done = self
            .until_done(async |client| match &deed {
                Deed::Edit(text) => {
                    client.act(&target, ConversationAct::EditMessage { position: at, payload: says(text) }).await
                }
                Deed::Delete => client.act(&target, ConversationAct::DeleteMessage { position: at }).await,
                Deed::React(emoji, switch) => {
                    client
                        .act(
                            &target,
                            ConversationAct::React { position: at, emoji: (*emoji).to_owned(), switch: *switch },
                        )
                        .await
                }
            })
            .await;
        match (done, deed) {
            (Ok(()), Deed::Edit(text)) => self.ledger.change(place, position, |word| {
                (word.text, word.edits) = (Some(text), word.edits + 1);
            }),
            (Ok(()), Deed::Delete) => self.ledger.change(place, position, |word| word.text = None),
            (Ok(()), Deed::React(emoji, switch)) => self.ledger.change(place, position, |word| {
                let reaction = (emoji.to_owned(), name);
                if switch.is_on() {
                    word.reactions.insert(reaction)
                } else {
                    word.reactions.remove(&reaction)
                };
            }),
            // Its sender was faster, or it has been edited as often as can be.
            (Err(ErrorCode::NoSuchMessage), Deed::React(..)) | (Err(ErrorCode::TooMany), Deed::Edit(_)) => {}
            (Err(code), _) => panic!("{name} is refused: {code:?}"),
        }
    }

    async fn reads(&self, place: ConversationId) {
        let target = Target::Conversation(place);
        self.until_done(async |client| {
            client.act(&target, ConversationAct::MarkRead { position: Position(u64::MAX) }).await
        })
        .await
        .unwrap();
    }

    /// Of whoever owns the group: gives it another title, or takes somebody in or puts them out.
    async fn manages(&mut self, number: u64) {
        let (group, guest) = (*self.places.last().unwrap(), self.guest.unwrap());
        if self.draw.below(2) == 0 {
            let title = format!("Crew {number}");
            self.until_done(async |client| {
                client.act(&Target::Conversation(group), ConversationAct::Rename { title: title.clone() }).await
            })
            .await
            .unwrap();
            self.ledger.titled(&title);
            return;
        }
        let is_in = self.ledger.has_erin();
        let done = self
            .until_done(async |client| {
                if is_in {
                    client.act(&Target::Conversation(group), ConversationAct::RemoveMember { user: guest }).await
                } else {
                    client.act(&Target::Conversation(group), ConversationAct::AddMembers { members: vec![guest] }).await
                }
            })
            .await;
        // Done by the call whose answer was lost.
        assert!(matches!(done, Ok(()) | Err(ErrorCode::NotAMember)), "{done:?}");
        self.ledger.erin_is_in(!is_in);
    }
}
