//! A state machine and the people who use it.

use raftchat_schema::command::{
    AccountAct, Act, Command, ConversationAct, Done, InSession, OpenSession, Outcome, Recipient, Register, SendMessage,
    SessionAct, Verifier,
};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{
    ChangeNumber, ConversationId, DeviceId, MessageId, Position, RequestNumber, SessionId, Stamp, TokenHash, UserId,
};
use raftchat_schema::limits::AGE_NOTE_MS;
use raftchat_schema::limits::GROUPS_AN_HOUR_MAX;
use raftchat_schema::view::{ChangedRow, MessageView};
use raftchat_state::{
    Applied, HistoryRange, MemoryTables, PageLimits, apply_batch, change_number, counts, erasure_pending, feed_page,
    history, invariants,
};

/// Somebody on one of their devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
}

/// The state, the time, and the last numbers that clients chose.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) tables: MemoryTables,
    pub(crate) now: u64,
    request: u64,
    message: u64,
    device: u64,
}

pub(crate) fn digest(number: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes
}

pub(crate) fn message_id(number: u64) -> MessageId {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    MessageId(bytes)
}

pub(crate) fn registration(name: &str, device: u64) -> Register {
    Register {
        username: name.parse().unwrap(),
        display_name: String::new(),
        verifier: Verifier::Argon2id(format!("$argon2id$of-{name}")),
        device: DeviceId(digest(device)),
        device_name: "desk".to_owned(),
        token: TokenHash(digest(device)),
        address: String::new(),
    }
}

pub(crate) fn opening(user: UserId, device: u64) -> OpenSession {
    OpenSession {
        user,
        verifier_version: 1,
        device: DeviceId(digest(device)),
        device_name: "boat".to_owned(),
        token: TokenHash(digest(device)),
        address: String::new(),
    }
}

pub(crate) fn request(
    session: SessionId,
    request: u64,
    acknowledged_below: u64,
    act: impl Into<SessionAct>,
) -> Command {
    Command::InSession(InSession {
        session,
        request: RequestNumber(request),
        acknowledged_below: RequestNumber(acknowledged_below),
        act: act.into(),
    })
}

pub(crate) fn sending(session: SessionId, to: Recipient, id: u64, payload: &[u8]) -> Command {
    mentioning(session, to, id, payload, &[])
}

pub(crate) fn mentioning(session: SessionId, to: Recipient, id: u64, payload: &[u8], mentions: &[UserId]) -> Command {
    let (payload, mentions) = (payload.to_vec(), mentions.to_vec());
    request(session, 0, 0, Act::Send(SendMessage { to, message_id: message_id(id), payload, mentions }))
}

pub(crate) fn code(outcome: Outcome) -> ErrorCode {
    outcome.unwrap_err().code
}

pub(crate) fn position(outcome: Outcome) -> (ConversationId, u64) {
    match outcome {
        Ok(Done::Sent { conversation, position, .. }) => (conversation, position.0),
        other => panic!("not sent: {other:?}"),
    }
}

impl World {
    /// Alice, bob and carol with ids far apart, so that a swapped one is nobody's.
    pub(crate) fn of_three() -> (Self, Person, Person, Person) {
        let mut world = Self { now: 1_000_000, ..Self::default() };
        let stranger = world.register("stranger");
        let (busy, also) = (world.login(stranger.user), world.register_after_strangers("also", 20));
        for _ in 0..30 {
            world.login(also.user);
        }
        let greetings: Vec<_> = (stranger.user.0 + 1..=also.user.0)
            .map(|user| sending(busy.session, Recipient::Direct(UserId(user)), 1_000_000 + user, b"hello"))
            .collect();
        world.apply(&greetings);
        let alice = world.register_after_strangers("alice", 100);
        let bob = world.register_after_strangers("bob", 900);
        let carol = world.register_after_strangers("carol", 300);
        (world, alice, bob, carol)
    }

    fn register_after_strangers(&mut self, name: &str, strangers: u64) -> Person {
        let named = |n| Command::Register(registration(&format!("{name}.{n}"), 1_000_000 + self.device + n));
        let crowd: Vec<_> = (1..=strangers).map(named).collect();
        self.device += strangers;
        self.apply(&crowd);
        self.register(name)
    }

    /// Applies one log entry a second later.
    pub(crate) fn apply(&mut self, commands: &[Command]) -> Applied {
        self.now += 1000;
        let applied = apply_batch(&self.tables, Stamp(self.now), commands).unwrap();
        self.tables.commit(applied.writes.clone());
        applied
    }

    /// Lets time pass in which somebody else is heard of every few hours, as in any cluster that is on.
    pub(crate) fn pass(&mut self, ms: u64) {
        let until = self.now + ms;
        while self.now < until {
            self.now = until.min(self.now + AGE_NOTE_MS);
            let applied = apply_batch(&self.tables, Stamp(self.now), &[]).unwrap();
            self.tables.commit(applied.writes);
        }
    }

    pub(crate) fn one(&mut self, command: Command) -> Outcome {
        self.apply(&[command]).outcomes.pop().unwrap()
    }

    pub(crate) fn next_device(&mut self) -> u64 {
        self.device += 1;
        self.device
    }

    pub(crate) fn register(&mut self, name: &str) -> Person {
        let device = self.next_device();
        Self::person(self.one(Command::Register(registration(name, device))))
    }

    pub(crate) fn login(&mut self, user: UserId) -> Person {
        let device = self.next_device();
        Self::person(self.one(Command::OpenSession(opening(user, device))))
    }

    fn person(outcome: Outcome) -> Person {
        match outcome {
            Ok(Done::SessionOpened { session, user }) => Person { user, session },
            other => panic!("no session: {other:?}"),
        }
    }

    /// Says something new to the other, directly.
    pub(crate) fn say(&mut self, from: Person, to: Person, text: &str) -> (ConversationId, u64) {
        self.message += 1;
        let command = sending(from.session, Recipient::Direct(to.user), self.message, text.as_bytes());
        position(self.one(command))
    }

    /// Makes a group of which the first person is the owner.
    pub(crate) fn group(&mut self, owner: Person, others: &[Person]) -> ConversationId {
        let members = others.iter().map(|person| person.user).collect();
        // As often as an account may.
        self.now += 3_600_000 / GROUPS_AN_HOUR_MAX;
        match self.act(owner, Act::Account(AccountAct::CreateGroup { title: "the boat".to_owned(), members })) {
            Ok(Done::GroupCreated { conversation }) => conversation,
            other => panic!("no group: {other:?}"),
        }
    }

    /// Says something new in a conversation.
    pub(crate) fn tell(&mut self, from: Person, conversation: ConversationId, text: &str) -> u64 {
        self.call(from, conversation, text, &[])
    }

    /// Says something new in a conversation, and asks for attention.
    pub(crate) fn call(&mut self, from: Person, conversation: ConversationId, text: &str, whom: &[UserId]) -> u64 {
        self.message += 1;
        let to = Recipient::Conversation(conversation);
        position(self.one(mentioning(from.session, to, self.message, text.as_bytes(), whom))).1
    }

    /// Makes a request that was never made before.
    pub(crate) fn act(&mut self, person: Person, act: impl Into<SessionAct>) -> Outcome {
        self.request += 1;
        self.one(request(person.session, self.request, 0, act))
    }

    pub(crate) fn delete(&mut self, person: Person, conversation: ConversationId, position: u64) -> Outcome {
        self.act(person, Act::In(conversation, ConversationAct::DeleteMessage { position: Position(position) }))
    }

    pub(crate) fn read(&mut self, person: Person, conversation: ConversationId, position: u64) -> Outcome {
        self.act(person, Act::In(conversation, ConversationAct::MarkRead { position: Position(position) }))
    }

    pub(crate) fn messages(&self, person: Person, conversation: ConversationId) -> Vec<MessageView> {
        let newest = HistoryRange::Below(Position(0));
        history(&self.tables, person.user, conversation, newest, 100).unwrap().unwrap()
    }

    pub(crate) fn unread(&self, person: Person, conversation: ConversationId) -> u64 {
        counts(&self.tables, person.user, conversation).unwrap().unwrap().unread
    }

    pub(crate) fn mentions(&self, person: Person, conversation: ConversationId) -> u64 {
        counts(&self.tables, person.user, conversation).unwrap().unwrap().mentions
    }

    /// What the person's devices are shown that were up to date at `after`.
    pub(crate) fn shown(&self, person: Person, after: ChangeNumber) -> Vec<ChangedRow> {
        let limits = PageLimits { changes: usize::MAX, bytes: usize::MAX };
        let page = feed_page(&self.tables, person.user, after, limits).unwrap();
        page.changes.into_iter().map(|change| change.row).collect()
    }

    pub(crate) fn changes(&self) -> ChangeNumber {
        change_number(&self.tables).unwrap()
    }

    /// Erases until there is nothing left to erase; says in how many pieces.
    pub(crate) fn erase(&mut self) -> usize {
        let mut pieces = 0;
        while erasure_pending(&self.tables).unwrap() {
            assert_eq!(self.one(Command::Erase), Ok(Done::Nothing));
            self.check();
            pieces += 1;
        }
        pieces
    }

    /// Everything but the counters and the hash.
    pub(crate) fn rows(&self) -> MemoryTables {
        rows_but_system(&self.tables)
    }

    pub(crate) fn check(&self) {
        assert_eq!(invariants::check(&self.tables).unwrap(), []);
    }
}

pub(crate) fn rows_but_system(tables: &MemoryTables) -> MemoryTables {
    const SYSTEM: u8 = 1;
    let rows = tables.0.iter().filter(|(key, _)| key.first() != Some(&SYSTEM));
    MemoryTables(rows.map(|(key, row)| (key.clone(), row.clone())).collect())
}
