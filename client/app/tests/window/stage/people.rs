//! Who plays in the tests, and what they have said. Knows nothing of windows.

use raftchat_model::{
    Body, Bubble, ChatId, ChatSummary, Connection, Delivery, Happening, Item, Notice, Original, Person, PinnedMessage,
    Preview, Quote, ReactionSummary, Run, Shown, TimelineChange, TimelineState,
};
use raftchat_schema::command::{GroupProfile, MemberRole};
use raftchat_schema::id::{ConversationId, MessageId, NodeId, Position, Stamp, UserId};
use raftchat_schema::view::ConversationKind;

pub(crate) const ALICE: UserId = UserId(1001);
pub(crate) const BOB: UserId = UserId(2002);
pub(crate) const CAROL: UserId = UserId(3003);
pub(crate) const DAVE: UserId = UserId(4004);
pub(crate) const ERIN: UserId = UserId(5005);
pub(crate) const FRANK: UserId = UserId(6006);

/// Tuesday, 12 May 2026, 18:55 UTC.
pub(crate) const NOW: Stamp = Stamp(1_778_612_100_000);
pub(crate) const MINUTE: u64 = 60 * 1000;

pub(crate) const WITH_BOB: ChatId = ChatId::Known(ConversationId(7));
pub(crate) const TRIP: ChatId = ChatId::Known(ConversationId(8));

pub(crate) fn name(user: UserId) -> &'static str {
    match user.0 {
        1001 => "Alice Arendt",
        2002 => "Bob Baker",
        3003 => "Carol Cohen",
        4004 => "Dave Diaz",
        5005 => "Erin Eriksen",
        _ => "Frank Fischer",
    }
}

pub(crate) fn ago(minutes: u64) -> Stamp {
    Stamp(NOW.0 - minutes * MINUTE)
}

pub(crate) fn person(user: UserId) -> Shown {
    let first = name(user).split(' ').next().unwrap().to_lowercase();
    Shown::Person(Box::new(Person {
        user,
        username: first.parse().unwrap(),
        display_name: name(user).to_owned(),
        me: user == ALICE,
        online: [BOB, ERIN].contains(&user),
        last_seen: Some(ago(95)),
        deleted: false,
        blocked: false,
        presence_hidden: false,
        receipts_off: false,
    }))
}

/// A message, to be changed as needed.
pub(crate) fn says(sender: UserId, position: u64, minutes_ago: u64, text: &str) -> Bubble {
    Bubble {
        message_id: MessageId(u128::from(position).to_be_bytes()),
        position: Some(Position(position)),
        sender,
        sender_name: name(sender).to_owned(),
        own: sender == ALICE,
        at: ago(minutes_ago),
        body: Body::Text(text.to_owned()),
        reply: None,
        forwarded_from: None,
        edited: false,
        reactions: Vec::new(),
        mentions_me: false,
        pinned: false,
        delivery: None,
        hidden_blocked: false,
        run: Run { first: true, last: true },
        outbox: None,
    }
}

/// The messages with their runs, as the model gives them.
pub(crate) fn in_runs(mut bubbles: Vec<Bubble>) -> Vec<Item> {
    let close = |one: &Bubble, other: &Bubble| one.sender == other.sender && other.at.0 - one.at.0 < 5 * MINUTE;
    for at in 0..bubbles.len() {
        let first = at == 0 || !close(&bubbles[at - 1], &bubbles[at]);
        let last = at + 1 == bubbles.len() || !close(&bubbles[at], &bubbles[at + 1]);
        bubbles[at].run = Run { first, last };
    }
    bubbles.into_iter().map(|bubble| Item::Bubble(Box::new(bubble))).collect()
}

pub(crate) fn summary(chat: ChatId, title: &str, last: Option<Preview>) -> ChatSummary {
    ChatSummary {
        chat,
        kind: ConversationKind::Group,
        title: title.to_owned(),
        profile: GroupProfile::titled(title),
        other: None,
        online: false,
        member_count: 4,
        role: MemberRole::Member,
        active: last.as_ref().map_or(Stamp(0), |last| last.at),
        last,
        unread: 0,
        mentions: 0,
        marked_unread: false,
        first_unread: None,
        last_position: Position(40),
        muted: false,
        muted_until: Stamp(0),
        pinned: false,
        draft: None,
        pinned_messages: Vec::new(),
    }
}

pub(crate) fn direct(number: u64, other: UserId, last: Option<Preview>) -> ChatSummary {
    let chat = ChatId::Known(ConversationId(number));
    ChatSummary {
        kind: ConversationKind::Direct,
        other: Some(other),
        online: [BOB, ERIN].contains(&other),
        member_count: 2,
        ..summary(chat, name(other), last)
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a conversation may have none")]
pub(crate) fn preview(sender: UserId, minutes_ago: u64, text: &str) -> Option<Preview> {
    Some(Preview {
        sender,
        sender_name: name(sender).to_owned(),
        own: sender == ALICE,
        body: Body::Text(text.to_owned()),
        at: ago(minutes_ago),
        delivery: (sender == ALICE).then_some(Delivery::Read),
        hidden_blocked: false,
    })
}

/// A list as one has it on a Tuesday evening.
pub(crate) fn chats() -> Vec<Shown> {
    let mut trip = summary(TRIP, "Hiking in June 🥾", preview(CAROL, 3, "@alice the hut has four beds left, shall I?"));
    (trip.unread, trip.mentions, trip.pinned) = (3, 1, true);
    let bob = direct(7, BOB, preview(ALICE, 1, "Perfect. See you at seven!"));
    let mut dave = direct(9, DAVE, preview(DAVE, 130, "Did you see the new build times?"));
    dave.unread = 12;
    let mut ship = summary(
        ChatId::Known(ConversationId(10)),
        "Deck crew",
        preview(FRANK, 400, "Watch change at 04:00, coffee is on me"),
    );
    (ship.muted, ship.unread) = (true, 48);
    let mut erin = direct(11, ERIN, preview(ERIN, 1600, "thank you!!"));
    erin.draft = Some("I wanted to ask whether".to_owned());
    let mut frank = direct(12, FRANK, preview(ALICE, 3 * 1440, "Let me know when you are back"));
    frank.last.as_mut().unwrap().delivery = Some(Delivery::Delivered);
    let mut carol = direct(13, CAROL, preview(CAROL, 20 * 1440, "https://example.org/photos"));
    carol.marked_unread = true;
    [trip, bob, dave, ship, erin, frank, carol].into_iter().map(|chat| Shown::Chat(Box::new(chat))).collect()
}

pub(crate) fn everybody() -> Vec<Shown> {
    [ALICE, BOB, CAROL, DAVE, ERIN, FRANK].into_iter().map(person).collect()
}

/// A direct conversation with most of what a message can have.
pub(crate) fn with_bob() -> Vec<Item> {
    let heart = |mine, names: &[&str]| ReactionSummary {
        emoji: "❤️".to_owned(),
        count: names.len(),
        mine,
        names: names.iter().map(|&name| name.to_owned()).collect(),
    };
    let mut photos = says(BOB, 3, 26 * 60 + 8, "The photos are up, the third one is **so** good");
    photos.reactions = vec![heart(true, &["Alice Arendt"])];
    let mut answer = says(ALICE, 8, 4, "Yes! I booked the table by the window");
    answer.reply = Some(Quote {
        position: Position(6),
        original: Original::Said {
            sender: BOB,
            sender_name: name(BOB).to_owned(),
            body: Body::Text("Are we still on for tonight?".to_owned()),
        },
    });
    let mut edited = says(BOB, 9, 3, "Great, I will bring the book you lent me");
    edited.edited = true;
    let mut last = says(ALICE, 11, 1, "Perfect. See you at seven!");
    last.delivery = Some(Delivery::Read);
    in_runs(vec![
        says(BOB, 1, 26 * 60 + 12, "Morning! Back from the coast 🌊"),
        says(ALICE, 2, 26 * 60 + 10, "Welcome home! How was it?"),
        photos,
        says(ALICE, 4, 26 * 60 + 2, "Wow"),
        says(ALICE, 5, 26 * 60 + 2, "😍"),
        says(BOB, 6, 9, "Are we still on for tonight?"),
        says(
            BOB,
            7,
            8,
            "Otherwise I could also do Thursday, there is a talk about how lighthouses were automated and I would not mind going",
        ),
        answer,
        edited,
        says(BOB, 10, 2, "See you at 7?"),
        last,
    ])
}

/// The messages of a group that plans a trip.
pub(crate) fn trip() -> Vec<Item> {
    let mut items = in_runs(vec![
        says(CAROL, 1, 190, "I made a list of what we need:\n- tent\n- stove\n- *two* maps"),
        says(DAVE, 2, 188, "I have a stove. Does `route.gpx` open for you?"),
        says(DAVE, 3, 187, "```\nkm  0  Station\nkm 11  Hut\nkm 19  Lake\n```"),
        says(ALICE, 4, 60, "Opens fine here. The forecast: https://weather.example.org/june"),
        says(ERIN, 5, 12, "> km 19  Lake\n\nCan we swim there?"),
        says(CAROL, 6, 3, "@alice the hut has four beds left, shall I?"),
    ]);
    if let Item::Bubble(bubble) = &mut items[3] {
        bubble.delivery = Some(Delivery::Delivered);
        bubble.reactions = vec![
            ReactionSummary {
                emoji: "👍".into(),
                count: 3,
                mine: false,
                names: vec!["Bob".into(), "Carol".into(), "Erin".into()],
            },
            ReactionSummary { emoji: "☀️".into(), count: 1, mine: true, names: vec!["Alice".into()] },
        ];
    }
    if let Item::Bubble(bubble) = &mut items[5] {
        bubble.mentions_me = true;
        bubble.pinned = true;
    }
    let joined = Notice {
        user: ERIN,
        name: name(ERIN).to_owned(),
        me: false,
        what: Happening::Joined { by: name(CAROL).to_owned(), by_me: false },
        at: ago(61),
    };
    items.insert(3, Item::Notice(joined));
    items
}

pub(crate) fn timeline(chat: ChatId, items: Vec<Item>) -> Shown {
    Shown::Timeline { chat, changes: vec![TimelineChange::Reset(items)] }
}

/// So many are pinned there, of these.
pub(crate) fn pins(chat: ChatId, count: usize) -> Shown {
    let of = |position, sender, text: &str| PinnedMessage {
        position: Position(position),
        original: Original::Said { sender, sender_name: name(sender).to_owned(), body: Body::Text(text.to_owned()) },
        hidden_blocked: false,
    };
    let known = [of(6, CAROL, "@alice the hut has four beds left, shall I?"), of(2, DAVE, "I have a stove.")];
    Shown::Pinned { chat, messages: known.into_iter().take(count).collect() }
}

pub(crate) fn at_end(chat: ChatId) -> TimelineState {
    TimelineState { chat, at_start: true, at_end: true, below: 0, unread_line: None, jumped_to: None, loading: false }
}

pub(crate) fn online() -> Shown {
    Shown::Connection(Connection::Online { node: NodeId(3), rtt_ms: 12 })
}
