//! A cluster as a device meets it: the real state machine over tables in memory. Whatever a node's services add, who is
//! online, is added here.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use raftchat_model::{Codec, Content};
use raftchat_schema::command::{
    AccountAct, Act, Command, Delivered, Done, InSession, OpenSession, Outcome, OwnMessages, Recipient, Register,
    SendMessage, SessionAct, Verifier,
};
use raftchat_schema::id::{
    ChangeNumber, ConversationId, DeviceId, MessageId, Position, RequestNumber, SessionId, Stamp, TokenHash, UserId,
    Username,
};
use raftchat_schema::payload::Payload;
use raftchat_schema::view::{Change, ConversationView, Counts, MemberView, MessageView, PlaceView, UserView};
use raftchat_state::{HistoryRange, MemoryTables, PageLimits, apply_batch};

pub(crate) const ALICE: UserId = UserId(3);
pub(crate) const BOB: UserId = UserId(11);
pub(crate) const CAROL: UserId = UserId(24);

/// Payloads as text: `reply|forwarded|text`. What begins with `!` is from the future.
pub(crate) const CODEC: Codec = Codec { encode, decode };

pub(crate) fn encode(payload: &Payload) -> Vec<u8> {
    let reply = payload.reply_to.map_or(String::new(), |position| position.0.to_string());
    let forwarded = payload.forwarded_from.as_ref().map_or("", Username::as_str);
    format!("{reply}|{forwarded}|{}", payload.text).into_bytes()
}

fn decode(bytes: &[u8]) -> Content {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let mut parts = text.splitn(3, '|');
    let (Some(reply), Some(forwarded), Some(text)) = (parts.next(), parts.next(), parts.next()) else {
        return Content::Newer;
    };
    Content::Said(Payload {
        text: text.to_owned(),
        reply_to: reply.parse().ok().map(Position),
        forwarded_from: forwarded.parse().ok(),
    })
}

pub(crate) fn says(text: &str) -> Vec<u8> {
    encode(&Payload::text(text))
}

/// A message id out of a number.
pub(crate) fn fresh_id(number: u64) -> MessageId {
    let mut bytes = [0; 16];
    bytes.iter_mut().skip(8).zip(number.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
    MessageId(bytes)
}

fn digest(number: u64) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(number.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
    bytes
}

#[derive(Clone, Debug)]
pub(crate) struct Cluster {
    tables: MemoryTables,
    pub(crate) now: Stamp,
    /// The users whom nodes say to be here.
    pub(crate) online: BTreeSet<UserId>,
    devices: u64,
    requests: u64,
}

/// Alice, bob and carol with strangers between them, so that an id that is mistaken for another's is somebody else's.
static THREE: LazyLock<Cluster> = LazyLock::new(|| {
    let (tables, now, online) = (MemoryTables::default(), Stamp(1_000_000), BTreeSet::new());
    let mut cluster = Cluster { tables, now, online, devices: 0, requests: 0 };
    let mut last = UserId(0);
    for (id, name) in [(ALICE, "alice"), (BOB, "bob"), (CAROL, "carol")] {
        cluster.strangers(id.0 - last.0 - 1);
        assert_eq!(cluster.register(name), id);
        last = id;
    }
    cluster
});

impl Cluster {
    /// With alice, bob and carol.
    pub(crate) fn new() -> Self {
        THREE.clone()
    }

    /// Registers so many more.
    pub(crate) fn strangers(&mut self, count: u64) -> Vec<UserId> {
        (0..count).map(|_| self.register(&format!("stranger.{}", self.devices))).collect()
    }

    fn register(&mut self, name: &str) -> UserId {
        self.devices += 1;
        let command = Command::Register(Register {
            username: name.parse().unwrap(),
            display_name: String::new(),
            verifier: Verifier::Argon2id(format!("$argon2id$of-{name}")),
            device: DeviceId(digest(self.devices)),
            device_name: "elsewhere".to_owned(),
            token: TokenHash(digest(self.devices)),
            address: String::new(),
        });
        match self.apply(command) {
            Ok(Done::SessionOpened { user, .. }) => user,
            other => panic!("{name}: {other:?}"),
        }
    }

    /// A session of a device of the user's.
    pub(crate) fn new_session(&mut self, user: UserId) -> SessionId {
        self.devices += 1;
        let command = Command::OpenSession(OpenSession {
            user,
            verifier_version: 1,
            device: DeviceId(digest(self.devices)),
            device_name: "here".to_owned(),
            token: TokenHash(digest(self.devices)),
            address: String::new(),
        });
        match self.apply(command) {
            Ok(Done::SessionOpened { session, .. }) => session,
            other => panic!("{other:?}"),
        }
    }

    fn apply(&mut self, command: Command) -> Outcome {
        self.now = Stamp(self.now.0 + 10);
        let mut applied = apply_batch(&self.tables, self.now, &[command]).unwrap();
        self.tables.commit(applied.writes);
        applied.outcomes.pop().unwrap()
    }

    /// Does an act, once.
    pub(crate) fn perform(&mut self, session: SessionId, request: RequestNumber, act: Act) -> Outcome {
        self.in_session(session, request, SessionAct::Asked(act))
    }

    fn in_session(&mut self, session: SessionId, request: RequestNumber, act: SessionAct) -> Outcome {
        self.apply(Command::InSession(InSession { session, request, acknowledged_below: RequestNumber(0), act }))
    }

    fn elsewhere(&mut self, user: UserId, act: SessionAct) -> Done {
        let sessions = raftchat_state::sessions_of(&self.tables, user).unwrap();
        self.requests += 1;
        self.in_session(sessions.first().unwrap().id, RequestNumber(self.requests), act).unwrap()
    }

    /// Somebody does something by another program.
    pub(crate) fn act(&mut self, user: UserId, act: &Act) -> Done {
        self.elsewhere(user, SessionAct::Asked(act.clone()))
    }

    /// Somebody deletes their account and leaves what they have said.
    pub(crate) fn delete_account(&mut self, user: UserId) {
        self.elsewhere(user, SessionAct::DeleteAccount { verifier_version: 1, messages: OwnMessages::Keep });
    }

    /// Somebody says something by another program.
    pub(crate) fn say(&mut self, user: UserId, conversation: ConversationId, text: &str) -> Position {
        self.say_to(user, Recipient::Conversation(conversation), text, Vec::new()).1
    }

    /// Somebody counts from one.
    pub(crate) fn count(&mut self, user: UserId, conversation: ConversationId, upto: u64) {
        for number in 1..=upto {
            self.say(user, conversation, &number.to_string());
        }
    }

    pub(crate) fn say_to(
        &mut self,
        user: UserId,
        to: Recipient,
        text: &str,
        mentions: Vec<UserId>,
    ) -> (ConversationId, Position) {
        let message_id = fresh_id(self.requests + 1_000_000);
        match self.act(user, &Act::Send(SendMessage { to, message_id, payload: says(text), mentions })) {
            Done::Sent { conversation, position, .. } => (conversation, position),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn group(&mut self, owner: UserId, title: &str, members: &[UserId]) -> ConversationId {
        let members = members.to_vec();
        match self.act(owner, &Act::Account(AccountAct::CreateGroup { title: title.to_owned(), members })) {
            Done::GroupCreated { conversation } => conversation,
            other => panic!("{other:?}"),
        }
    }

    /// A device of the user's holds the conversation up to there.
    pub(crate) fn delivered(&mut self, user: UserId, conversation: ConversationId, position: Position) {
        self.apply(Command::NoteDelivered(vec![Delivered { user, conversation, position }])).unwrap();
    }

    /// The number of the last change.
    pub(crate) fn change(&self) -> u64 {
        raftchat_state::change_number(&self.tables).unwrap().0
    }

    /// The changes after `after` that `user` may see.
    pub(crate) fn feed(&self, user: UserId, after: u64) -> Vec<Change> {
        let limits = PageLimits { changes: usize::MAX, bytes: usize::MAX };
        let page = raftchat_state::feed_page(&self.tables, user, ChangeNumber(after), limits).unwrap();
        let seen = |change: Change| Change {
            row: raftchat_state::change_seen_by(&self.tables, user, change.row).unwrap(),
            ..change
        };
        page.changes.into_iter().map(seen).collect()
    }

    /// Everybody who has an account, as `viewer` sees them.
    pub(crate) fn users(&self, viewer: UserId) -> Vec<UserView> {
        let users = raftchat_state::users_page(&self.tables, UserId(0), usize::MAX).unwrap();
        users.into_iter().map(|user| self.seen(viewer, user)).collect()
    }

    fn seen(&self, viewer: UserId, user: UserView) -> UserView {
        let user = UserView { online: self.online.contains(&user.id), ..user };
        raftchat_state::seen_by(&self.tables, viewer, user).unwrap()
    }

    /// Those whom the user has blocked.
    pub(crate) fn blocked_by(&self, user: UserId) -> Vec<UserView> {
        raftchat_state::blocked_by(&self.tables, user).unwrap()
    }

    /// From which position on the user sees messages there; none if they are not in it.
    pub(crate) fn since(&self, id: ConversationId, user: UserId) -> Option<Position> {
        raftchat_state::is_member(&self.tables, id, user).unwrap()
    }

    pub(crate) fn is_member(&self, id: ConversationId, user: UserId) -> bool {
        self.since(id, user).is_some()
    }

    pub(crate) fn members(&self, id: ConversationId, viewer: UserId) -> Vec<MemberView> {
        let page = raftchat_state::members_page(&self.tables, viewer, id, UserId(0), usize::MAX - 1).unwrap();
        page.unwrap().0.into_iter().map(|member| self.member_seen(viewer, member)).collect()
    }

    fn member_seen(&self, viewer: UserId, member: MemberView) -> MemberView {
        let user = UserView { online: self.online.contains(&member.user.id), ..member.user };
        raftchat_state::member_seen_by(&self.tables, viewer, MemberView { user, ..member }).unwrap()
    }

    pub(crate) fn view(&self, id: ConversationId, viewer: UserId) -> ConversationView {
        let view = raftchat_state::conversation(&self.tables, viewer, id).unwrap().unwrap();
        let members = view.members.into_iter().map(|member| self.member_seen(viewer, member)).collect();
        ConversationView { members, ..view }
    }

    pub(crate) fn place(&self, id: ConversationId, user: UserId) -> PlaceView {
        self.view(id, user).place
    }

    pub(crate) fn counts(&self, id: ConversationId, user: UserId) -> Counts {
        raftchat_state::counts(&self.tables, user, id).unwrap().unwrap()
    }

    pub(crate) fn history(
        &self,
        id: ConversationId,
        user: UserId,
        first: Position,
        last: Position,
    ) -> Vec<MessageView> {
        let mut messages = Vec::new();
        let mut after = Position(first.0.saturating_sub(1));
        while after < last {
            let (range, wanted) = (HistoryRange::Above(after), u32::try_from(last.0 - after.0).unwrap_or(u32::MAX));
            let page = raftchat_state::history(&self.tables, user, id, range, wanted).unwrap();
            let Some(end) = page.iter().flatten().last().map(|message| message.position) else { break };
            messages.extend(page.into_iter().flatten().filter(|message| message.position <= last));
            after = end;
        }
        messages
    }

    /// Whoever has been in it longest sees all of it.
    fn eldest(&self, id: ConversationId) -> Option<UserId> {
        let everybody = (1..=self.devices).map(UserId);
        everybody.filter_map(|user| Some((self.since(id, user)?, user))).min().map(|(_, user)| user)
    }

    /// All that was ever said there.
    pub(crate) fn messages(&self, id: ConversationId) -> Vec<MessageView> {
        self.eldest(id).map_or(Vec::new(), |user| self.history(id, user, Position(1), Position(u64::MAX)))
    }

    pub(crate) fn message(&self, id: ConversationId, position: Position) -> Option<MessageView> {
        self.history(id, self.eldest(id)?, position, position).pop()
    }

    /// The position of the last message there.
    pub(crate) fn last(&self, id: ConversationId) -> Position {
        self.eldest(id).map_or(Position(0), |user| self.view(id, user).last_position)
    }

    pub(crate) fn of(&self, user: UserId) -> Vec<ConversationId> {
        let page =
            raftchat_state::conversations_page(&self.tables, user, ConversationId(0), usize::MAX - 1, usize::MAX);
        page.unwrap().0.into_iter().map(|view| view.id).collect()
    }

    /// The direct conversation of two.
    pub(crate) fn direct(&self, one: UserId, other: UserId) -> Option<ConversationId> {
        raftchat_state::direct(&self.tables, one, other).unwrap()
    }
}
