//! What all nodes of these tests know: alice, bob, their conversation and carol, who stands by. Every message is a change
//! of its own, numbered as its position.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use raftchat_schema::command::{Act, GroupProfile, MemberRole};
use raftchat_schema::id::{ChangeNumber, ConversationId, Cursor, MessageId, Position, Stamp, UserId};
use raftchat_schema::payload::Payload;
use raftchat_schema::view::{
    ConversationKind, ConversationView, Counts, MemberView, MessageState, MessageView, Notice, PlaceView, UserView,
};
use raftchat_schema::wire::encode_payload;
use tokio::sync::{broadcast, watch};

pub(crate) const ALICE: UserId = UserId(1001);
pub(crate) const BOB: UserId = UserId(2001);
pub(crate) const TOGETHER: ConversationId = ConversationId(1);

/// What no node is willing to do, whoever asks and however often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unwilling {
    /// Links are closed as soon as they are made.
    Link,
    TakeSessions,
    Push,
    /// Subscriptions are granted, and dropped.
    KeepPushing,
    Store,
}

/// What all nodes know.
pub(crate) struct World {
    state: Mutex<State>,
    pub(crate) count: watch::Sender<usize>,
    /// The highest change that a device has acknowledged.
    pub(crate) acknowledged: watch::Sender<u64>,
    /// What a node is to say to its receivers.
    pub(crate) notices: broadcast::Sender<(u64, Notice)>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) messages: Vec<MessageView>,
    pub(crate) tokens: BTreeSet<Vec<u8>>,
    pub(crate) leaderless: BTreeSet<u64>,
    pub(crate) silent: BTreeSet<u64>,
    pub(crate) keeps_history: bool,
    /// How often somebody called `send`.
    pub(crate) sends: usize,
    /// How often somebody called `login`, and how long a node takes for one.
    pub(crate) logins: usize,
    pub(crate) login_takes: Duration,
    /// Other acts, as they came.
    pub(crate) acts: Vec<Act>,
    /// How often the cluster was restored from a backup.
    pub(crate) restored: u32,
    /// How many sends are refused for being too many.
    pub(crate) too_many: usize,
    /// What nodes were asked to beat.
    pub(crate) attended: Vec<(u64, u32)>,
    /// How far armed nodes were told that devices are.
    pub(crate) advanced: Vec<(u64, u64)>,
    /// What nodes were told that devices were shown elsewhere, up to which change.
    pub(crate) shown_elsewhere: Vec<(u64, u64)>,
    /// No node answers a greeting.
    pub(crate) greets_nobody: bool,
    /// Subscriptions that were armed, by node, and whether they push.
    armed: Vec<(u64, watch::Sender<bool>)>,
    /// What no node does, and how often that was asked for.
    unwilling: Option<Unwilling>,
    in_vain: usize,
    /// Nodes that refuse sessions as ones that are behind do.
    pub(crate) behind: BTreeSet<u64>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
            count: watch::Sender::new(0),
            acknowledged: watch::Sender::new(0),
            notices: broadcast::Sender::new(16),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// From now on this node takes nothing.
    pub(crate) fn lose_majority(&self, node: u64) {
        self.lock().leaderless.insert(node);
    }

    /// From now on this node stores what it is sent, and says nothing.
    pub(crate) fn fall_silent(&self, node: u64) {
        self.lock().silent.insert(node);
    }

    /// From now on no node does that.
    pub(crate) fn be_unwilling(&self, to: Unwilling) {
        self.lock().unwilling = Some(to);
    }

    /// Somebody asks for that. Whether it is not done.
    pub(crate) fn is_unwilling(&self, to: Unwilling) -> bool {
        let mut state = self.lock();
        let unwilling = state.unwilling == Some(to);
        state.in_vain += usize::from(unwilling);
        unwilling
    }

    /// How often somebody has asked in vain.
    pub(crate) fn asked_in_vain(&self) -> usize {
        self.lock().in_vain
    }

    /// All nodes take everything and answer again.
    pub(crate) fn recover(&self) {
        {
            let mut state = self.lock();
            state.leaderless.clear();
            state.silent.clear();
            state.keeps_history = false;
        }
        // Whoever waits for the end of the silence looks again.
        self.count.send_modify(|_| {});
    }

    /// A subscription that is armed on this node.
    pub(crate) fn armed(&self, node: u64) -> watch::Sender<bool> {
        let armed = watch::Sender::new(false);
        self.lock().armed.push((node, armed.clone()));
        armed
    }

    /// Whether something armed on this node pushes now.
    pub(crate) fn is_activated(&self, node: u64) -> bool {
        self.lock().armed.iter().any(|(armed, pushes)| *armed == node && *pushes.borrow())
    }

    /// This node says something to those who listen to it.
    pub(crate) fn notify(&self, node: u64, notice: Notice) {
        self.notices.send((node, notice)).unwrap();
    }

    /// From now on no node answers who asks for history.
    pub(crate) fn keep_history(&self) {
        self.lock().keeps_history = true;
    }

    /// Ends every session.
    pub(crate) fn end_sessions(&self) {
        self.lock().tokens.clear();
    }

    /// The cluster is restored from a backup: cursors of before are of no use.
    pub(crate) fn restore(&self) {
        self.lock().restored += 1;
    }

    /// Bob says something.
    pub(crate) fn say(&self, id: u16) {
        let payload = encode_payload(&Payload::text(format!("number {id}")));
        self.store(BOB, MessageId(u128::from(id).to_be_bytes()), &payload);
    }

    pub(crate) fn stored(&self) -> usize {
        self.lock().messages.len()
    }

    /// What alice has said, in order of position.
    pub(crate) fn said_by_alice(&self) -> Vec<MessageId> {
        let state = self.lock();
        state.messages.iter().filter(|message| message.sender == ALICE).map(|message| message.message_id).collect()
    }

    pub(crate) fn store(&self, sender: UserId, message_id: MessageId, payload: &[u8]) -> Position {
        let mut state = self.lock();
        if let Some(known) = state.messages.iter().find(|message| message.message_id == message_id) {
            return known.position;
        }
        let position = Position(state.messages.len() as u64 + 1);
        state.messages.push(MessageView {
            conversation: TOGETHER,
            position,
            message_id,
            sender,
            sender_name: if sender == ALICE { "alice" } else { "bob" }.parse().unwrap(),
            sent_at: Stamp(1_700_000_000_000 + position.0),
            state: MessageState::Original,
            revision: 0,
            payload: payload.to_vec(),
            edited: None,
            mentions: Vec::new(),
            reactions: Vec::new(),
            changed: ChangeNumber(position.0),
            reactions_changed: ChangeNumber(0),
        });
        let stored = state.messages.len();
        // Who waits for the count looks at the state meanwhile: never both at once.
        drop(state);
        self.count.send_modify(|count| *count = stored.max(*count));
        position
    }

    pub(crate) fn cursor(&self, change: u64) -> [u8; 21] {
        let epoch = 1 + self.lock().restored;
        Cursor { cluster: 7, epoch, change: ChangeNumber(change) }.to_bytes()
    }

    /// Whether a cursor is of this history; an empty one is of any.
    pub(crate) fn knows(&self, cursor: &[u8]) -> bool {
        let epoch = 1 + self.lock().restored;
        Cursor::from_bytes(cursor).is_none_or(|cursor| cursor.epoch == epoch)
    }

    pub(crate) fn together(&self) -> ConversationView {
        let messages = self.stored() as u64;
        let counts = Counts { as_of: ChangeNumber(messages), ..Counts::default() };
        ConversationView {
            id: TOGETHER,
            kind: ConversationKind::Direct,
            profile: GroupProfile::default(),
            members: vec![member(ALICE, "alice"), member(BOB, "bob")],
            member_count: 2,
            last_position: Position(messages),
            pinned_messages: Vec::new(),
            created: Stamp(1),
            changed: ChangeNumber(1),
            place: PlaceView { conversation: TOGETHER, counts, ..PlaceView::default() },
        }
    }
}

pub(crate) fn people() -> [UserView; 3] {
    [person(ALICE, "alice"), person(BOB, "bob"), person(UserId(3001), "carol")]
}

pub(crate) fn person(id: UserId, name: &str) -> UserView {
    UserView {
        id,
        username: name.parse().unwrap(),
        display_name: name.to_owned(),
        deleted: false,
        last_seen: None,
        online: true,
        presence_hidden: false,
        receipts_off: false,
        changed: ChangeNumber(1),
    }
}

fn member(id: UserId, name: &str) -> MemberView {
    MemberView {
        user: person(id, name),
        role: MemberRole::Member,
        joined: Stamp(1),
        since: Position(0),
        added_by: ALICE,
        read_position: Position(0),
        delivered_position: Position(0),
        changed: ChangeNumber(1),
    }
}
