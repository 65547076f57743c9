//! Everything a conversation needs, on five devices of one person: whatever happens, and however often pages of the feed
//! are lost or come again, all of them count the same once they have settled.

use std::collections::{BTreeMap, BTreeSet};

use raftchat_schema::command::{
    AccountAct, Act, Command, ConversationAct, Delivered, Done, MemberRole, Profile, Recipient, Switch,
};
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, Stamp, UserId};
use raftchat_schema::view::{ChangedRow, Counts, MessageState, MessageView, PlaceView};
use raftchat_state::{
    HistoryRange, MemoryTables, PageLimits, apply, blocked_by, conversations_page, counts, feed_page, history,
    invariants,
};

use crate::world::{Person, World, mentioning, request};

const OPERATIONS: usize = 100_000;
const OPERATIONS_BETWEEN_CHECKS: usize = 10_000;
const DEVICES: usize = 5;
const GROUPS_MAX: usize = 6;

/// Chance, the same in every run.
struct Chance(u64);

impl Chance {
    /// A number below `end` (splitmix64).
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }

    fn of<V: Copy>(&mut self, values: &[V]) -> V {
        values[self.below(values.len())]
    }

    fn switch(&mut self) -> Switch {
        Switch::from_bool(self.below(2) == 0)
    }
}

/// A page as it was pushed.
#[derive(Clone, Default)]
struct Page {
    changes: Vec<(ChangeNumber, ChangedRow)>,
    counts: Vec<(ConversationId, Counts)>,
    upto: ChangeNumber,
    complete: bool,
}

fn page(tables: &MemoryTables, user: UserId, after: ChangeNumber, most: usize) -> Page {
    let limits = PageLimits { changes: most, bytes: usize::MAX };
    let page = feed_page(tables, user, after, limits).unwrap();
    let touched: BTreeSet<_> = page.changes.iter().filter_map(|change| change.row.conversation()).collect();
    let counted = |id: ConversationId| counts(tables, user, id).unwrap().map(|counts| (id, counts));
    Page {
        counts: touched.into_iter().filter_map(counted).collect(),
        changes: page.changes.into_iter().map(|change| (change.number, change.row)).collect(),
        upto: page.upto,
        complete: page.complete,
    }
}

/// What a device keeps of what it is pushed.
#[derive(Default)]
struct Device {
    cursor: ChangeNumber,
    held: BTreeMap<ConversationId, Held>,
    /// Came before, and may come again.
    old: Page,
}

#[derive(Default)]
struct Held {
    counts: Counts,
    place: PlaceView,
}

impl Device {
    fn take(&mut self, page: Page) {
        for (number, row) in &page.changes {
            // Doubles fall by number.
            if *number <= self.cursor {
                continue;
            }
            match row {
                ChangedRow::Left(conversation) => {
                    self.held.remove(conversation);
                }
                ChangedRow::Place(place) => {
                    let held = self.held.entry(place.conversation).or_default();
                    held.place = place.clone();
                    held.count(place.counts);
                }
                other => {
                    if let Some(conversation) = other.conversation() {
                        self.held.entry(conversation).or_default();
                    }
                }
            }
        }
        for (conversation, counts) in &page.counts {
            if let Some(held) = self.held.get_mut(conversation) {
                held.count(*counts);
            }
        }
        self.cursor = self.cursor.max(page.upto);
        self.old = page;
    }
}

impl Held {
    fn count(&mut self, counts: Counts) {
        if counts.as_of > self.counts.as_of {
            self.counts = counts;
        }
    }
}

/// Several people who do what comes to their minds.
struct Crowd {
    world: World,
    chance: Chance,
    people: Vec<Vec<Person>>,
    groups: Vec<ConversationId>,
    directs: BTreeSet<ConversationId>,
    last: BTreeMap<ConversationId, u64>,
    sent: Vec<(UserId, ConversationId, u64)>,
    /// What was said by somebody whom the person with the devices had blocked: it never counts.
    hidden: BTreeSet<(ConversationId, u64)>,
    joined: usize,
    number: u64,
}

impl Crowd {
    fn new() -> Self {
        let mut world = World::default();
        let names = ["bob", "alice", "carol", "dave", "erin"];
        let mut people: Vec<_> = names.map(|name| vec![world.register(name)]).into();
        let bob = people[0][0].user;
        people[0].extend((1..DEVICES).map(|_| world.login(bob)));
        let (groups, directs, last, sent) = <(Vec<_>, BTreeSet<_>, BTreeMap<_, _>, Vec<_>)>::default();
        let hidden = BTreeSet::new();
        Self { world, chance: Chance(4), people, groups, directs, last, sent, hidden, joined: 0, number: 0 }
    }

    fn anybody(&mut self) -> Person {
        let person = self.chance.below(self.people.len());
        let devices = self.people[person].clone();
        self.chance.of(&devices)
    }

    fn anywhere(&mut self) -> ConversationId {
        let all: Vec<_> = self.groups.iter().chain(&self.directs).copied().collect();
        if all.is_empty() { ConversationId(1) } else { self.chance.of(&all) }
    }

    /// One of the newest messages there.
    fn position(&mut self, conversation: ConversationId) -> Position {
        let last = self.last.get(&conversation).copied().unwrap_or(0);
        Position(last.saturating_sub(self.chance.below(30) as u64))
    }

    fn act(&mut self) {
        self.number += 1;
        let person = self.anybody();
        let command = match self.chance.below(100) {
            0..50 => self.send(person),
            50..52 => {
                let (user, conversation) = (self.anybody().user, self.anywhere());
                let position = self.position(conversation);
                Command::NoteDelivered(vec![Delivered { user, conversation, position }])
            }
            52..54 => Command::Erase,
            _ => {
                let act = self.other(person);
                request(person.session, self.number, self.number, act)
            }
        };
        self.world.now += 10;
        let (outcome, effects) = apply(&mut self.world.tables, Stamp(self.world.now), &command).unwrap();
        self.joined += effects.joined.len();
        self.learn(person, outcome.as_ref().ok());
    }

    fn send(&mut self, person: Person) -> Command {
        let other = self.anybody().user;
        let to =
            if self.chance.below(4) == 0 { Recipient::Direct(other) } else { Recipient::Conversation(self.anywhere()) };
        let mentions: Vec<_> = (0..self.chance.below(3)).map(|_| self.anybody().user).collect();
        mentioning(person.session, to, self.number, b"so it is", &mentions)
    }

    fn other(&mut self, person: Person) -> Act {
        let conversation = self.anywhere();
        let position = self.position(conversation);
        let (user, switch) = (self.anybody().user, self.chance.switch());
        let own = match self.sent.len() {
            0 => (conversation, position),
            sent => {
                let back = self.chance.below(sent.min(200)) + 1;
                let (_, conversation, position) = self.sent[sent - back];
                (conversation, Position(position))
            }
        };
        match self.chance.below(46) {
            0..14 => Act::In(conversation, ConversationAct::MarkRead { position }),
            14..24 => Act::In(own.0, ConversationAct::DeleteMessage { position: own.1 }),
            24..28 => {
                let payload = vec![b'e'; 1 + self.chance.below(9)];
                Act::In(own.0, ConversationAct::EditMessage { position: own.1, payload })
            }
            28..31 => Act::In(
                conversation,
                ConversationAct::React { position, emoji: self.chance.of(&["⛵", "👍"]).to_owned(), switch },
            ),
            31 => Act::In(conversation, ConversationAct::PinMessage { position, switch }),
            32 => Act::In(self.chance.of(&[conversation, ConversationId(self.number % 64)]), ConversationAct::Leave),
            33..37 => Act::In(conversation, ConversationAct::AddMembers { members: vec![user, self.anybody().user] }),
            37 => Act::In(conversation, ConversationAct::RemoveMember { user }),
            38 => Act::In(
                conversation,
                ConversationAct::SetRole { user, role: self.chance.of(&[MemberRole::Admin, MemberRole::Member]) },
            ),
            39 => {
                let title = "the boat".to_owned();
                let members = self.people.iter().map(|devices| devices[0].user).collect();
                if self.groups.len() < GROUPS_MAX {
                    Act::Account(AccountAct::CreateGroup { title, members })
                } else {
                    Act::In(conversation, ConversationAct::Rename { title })
                }
            }
            40 => Act::Account(AccountAct::SetProfile(Profile { receipts: Some(switch), ..Profile::default() })),
            41..43 => Act::In(conversation, ConversationAct::MarkUnread),
            43 => Act::In(conversation, ConversationAct::SaveDraft { draft: vec![b'd'; self.chance.below(3)] }),
            44 => Act::In(conversation, ConversationAct::Mute { until: Stamp(self.chance.below(2) as u64) }),
            _ => {
                // A block now and then, and most of the time none.
                let switch = Switch::from_bool(self.chance.below(8) == 0);
                let user = if user == person.user { UserId(1 << 40) } else { user };
                Act::Account(AccountAct::Block { user, switch })
            }
        }
    }

    fn learn(&mut self, person: Person, done: Option<&Done>) {
        match done {
            Some(Done::Sent { conversation, position, .. }) => {
                let (conversation, position) = (*conversation, *position);
                self.last.insert(conversation, position.0);
                self.sent.push((person.user, conversation, position.0));
                let blocked = blocked_by(&self.world.tables, self.people[0][0].user).unwrap();
                if blocked.iter().any(|user| user.id == person.user) {
                    self.hidden.insert((conversation, position.0));
                }
                if !self.groups.contains(&conversation) {
                    self.directs.insert(conversation);
                }
            }
            Some(Done::GroupCreated { conversation }) => self.groups.push(*conversation),
            _ => {}
        }
        if self.number.is_multiple_of(100) {
            let tables = &self.world.tables;
            self.groups.retain(|group| raftchat_state::conversation_exists(tables, *group).unwrap());
        }
    }
}

/// What there is to read for the user, by its definition.
fn defined(
    tables: &MemoryTables,
    user: UserId,
    hidden: &BTreeSet<(ConversationId, u64)>,
) -> BTreeMap<ConversationId, (u64, u64, Position)> {
    let (all, more) = conversations_page(tables, user, ConversationId(0), usize::MAX, usize::MAX).unwrap();
    assert!(!more);
    let mut defined = BTreeMap::new();
    for shown in all {
        let read = shown.place.counts.read_position;
        let (mut unread, mut mentions, mut after) = (0, 0, read);
        loop {
            let page = history(tables, user, shown.id, HistoryRange::Above(after), 100).unwrap().unwrap();
            let Some(last) = page.last() else { break };
            after = last.position;
            let counts = |m: &&MessageView| m.sender != user && !hidden.contains(&(shown.id, m.position.0));
            for message in page.iter().filter(counts).filter(|m| m.state != MessageState::Deleted) {
                unread += 1;
                mentions += u64::from(message.mentions.contains(&user));
            }
        }
        defined.insert(shown.id, (unread, mentions, read));
    }
    defined
}

#[test]
fn everything_a_conversation_needs_counts_the_same_on_five_devices() {
    let mut crowd = Crowd::new();
    let user = crowd.people[0][0].user;
    let mut devices: [Device; DEVICES] = Default::default();
    let (mut unread_met, mut mentions_met) = (0, 0);
    for operation in 1..=OPERATIONS {
        crowd.act();
        if crowd.chance.below(8) == 0 {
            let device = &mut devices[crowd.chance.below(DEVICES)];
            let most = 1 + crowd.chance.below(64);
            let pushed = page(&crowd.world.tables, user, device.cursor, most);
            match crowd.chance.below(10) {
                // Lost on the way.
                0 => {}
                // Followed by the one before, which came again over another link.
                1 => {
                    let old = std::mem::take(&mut device.old);
                    device.take(pushed);
                    device.take(old);
                }
                _ => device.take(pushed),
            }
        }
        if !operation.is_multiple_of(OPERATIONS_BETWEEN_CHECKS) {
            continue;
        }
        let defined = defined(&crowd.world.tables, user, &crowd.hidden);
        unread_met += defined.values().map(|(unread, ..)| unread).sum::<u64>();
        mentions_met += defined.values().map(|(_, mentions, _)| mentions).sum::<u64>();
        for (number, device) in devices.iter_mut().enumerate() {
            settle(device, &crowd.world.tables, user);
            check(number, device, &crowd.world.tables, user, &defined);
        }
    }
    assert!(crowd.sent.len() > 20_000 && crowd.joined > 100, "{} {}", crowd.sent.len(), crowd.joined);
    assert!(unread_met > 100 && mentions_met > 10, "there was something to count: {unread_met} {mentions_met}");
    assert_eq!(invariants::check(&crowd.world.tables).unwrap(), []);
}

fn settle(device: &mut Device, tables: &MemoryTables, user: UserId) {
    loop {
        let pushed = page(tables, user, device.cursor, 64);
        let complete = pushed.complete;
        device.take(pushed);
        if complete {
            return;
        }
    }
}

fn check(
    number: usize,
    device: &Device,
    tables: &MemoryTables,
    user: UserId,
    defined: &BTreeMap<ConversationId, (u64, u64, Position)>,
) {
    let kept: BTreeMap<_, _> = device
        .held
        .iter()
        .map(|(id, held)| (*id, (held.counts.unread, held.counts.mentions, held.counts.read_position)))
        .collect();
    assert_eq!(&kept, defined, "device {number}");
    for (id, held) in &device.held {
        let place = raftchat_state::conversation(tables, user, *id).unwrap().unwrap().place;
        let of = |place: &PlaceView| (place.marked_unread, place.muted_until, place.draft.clone(), place.pinned);
        assert_eq!(of(&held.place), of(&place), "device {number} in {id}");
    }
}
