//! What a client has to know of each act besides doing it: one place for all of them. Where it waits, what it makes pointless
//! that waits there, the row that will show it, how a wish becomes it, and what a person is told if it is refused. Knows
//! nothing of the queue, and of what is drawn.

use raftchat_schema::command::{AccountAct, Act, ConversationAct, Recipient, Switch};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{Position, Stamp, UserId};

use crate::interface::rows::{ChatId, Lane};
use crate::interface::shown::Undone;

/// The rules of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules<'a> {
    /// The lane that it waits in, behind what was entered there before.
    pub lane: Lane,
    /// The word that a list of the outbox has for it.
    pub word: &'static str,
    /// What it says in a person's own words, for the same list.
    pub says: Says<'a>,
    /// Refusals of a repeat which say that another attempt, whose outcome was unknown, has done it.
    pub echoes: &'static [ErrorCode],
    /// What it sets: of two waiting acts that set the same only the later is done.
    pub(crate) slot: Option<Slot<'a>>,
    /// What it changes in a view before the nodes have answered.
    pub(crate) drawn: Option<Drawn<'a>>,
    /// How a wish becomes the act.
    pub(crate) wish: Wish,
    /// What was not done if it is refused.
    pub(crate) undone: Undone,
    /// What becomes of it if it is refused.
    pub(crate) refused: Refused,
    /// What becomes of it if its conversation is gone.
    pub(crate) gone: Gone,
    /// Whether it has an effect of its own under each number.
    pub(crate) renewal: Renewal,
}

/// What a person has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says<'a> {
    /// Nothing.
    Nothing,
    /// A payload, whose text it is.
    Payload(&'a [u8]),
    /// The text itself.
    Text(&'a str),
}

/// Something that one act sets, and a later one sets anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Slot<'a> {
    /// What a message says.
    Text(Position),
    /// One's reaction of a kind to a message.
    Reaction(Position, &'a str),
    /// That a message is pinned.
    MessagePin(Position),
    /// How far one has read. An earlier position sets nothing that a later one has set.
    ReadMark(Position),
    /// That the conversation is marked as unread.
    UnreadMark,
    /// Until when it is silent.
    Silence,
    /// Whether it is on top of the list.
    ConversationPin,
    /// What is not to be sent yet.
    Draft,
    /// A group's title.
    Title,
    /// Who may send to a group.
    AdminsOnly,
    /// Whether somebody is blocked.
    Block(UserId),
}

/// A row of a conversation that acts change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    /// The person's own settings and counts of it.
    Place,
    /// Its title and pins.
    Head,
    /// The text of a message.
    Message(Position),
    /// The reactions to it.
    Reactions(Position),
}

/// What a view shows as done before the nodes have answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drawn<'a> {
    /// Something of the person's own place in the conversation.
    Place(PlaceChange<'a>),
    /// A pin for all members.
    Pin(Position, Switch),
    /// Something of a message.
    Message(Position, MessageChange<'a>),
}

/// What is changed of a person's own place in a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlaceChange<'a> {
    /// It is read up to there.
    Read(Position),
    /// It is marked as unread.
    Unread,
    /// It is silent until then.
    Silent(Stamp),
    /// It is on top of the list, or no longer.
    OnTop(Switch),
    /// That is not to be sent yet.
    Draft(&'a [u8]),
}

/// What is changed of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageChange<'a> {
    /// It says something else.
    Said(&'a [u8]),
    /// It is gone, and its pin with it.
    Deleted,
    /// The person reacts to it with that emoji, or no longer.
    Reaction(&'a str, Switch),
}

impl Drawn<'_> {
    /// The row that will show it.
    fn row(self) -> Object {
        match self {
            Self::Place(_) => Object::Place,
            Self::Pin(..) => Object::Head,
            Self::Message(position, MessageChange::Reaction(..)) => Object::Reactions(position),
            Self::Message(position, MessageChange::Said(_) | MessageChange::Deleted) => Object::Message(position),
        }
    }
}

/// How what a person wants becomes an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// It is entered as it is.
    Entered,
    /// It is entered unless the rows show it as done: then only what waits to make it otherwise goes.
    Toggled,
    /// It is entered if the message there is the person's own, as far as is known.
    OwnMessage(Position),
    /// It is entered if there is anything unread up to there.
    ReadUpTo(Position),
}

/// What becomes of an act that is refused for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It goes, and the person is told.
    Told,
    /// It stays where it shows, for the person to try again or to discard.
    Kept,
}

/// What becomes of an act when the person is no longer in its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    /// The person is told that it was not done.
    Told,
    /// It goes: nobody misses it.
    Unsaid,
}

/// What another number makes of an act that was done already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Renewal {
    /// Nothing: it is as good done twice.
    Harmless,
    /// It is done once more.
    Doubles,
}

/// The rules of `act`.
pub fn rules(act: &Act) -> Rules<'_> {
    match act {
        Act::Send(send) => {
            let chat = match send.to {
                Recipient::Conversation(conversation) => ChatId::Known(conversation),
                Recipient::Direct(user) => ChatId::Direct(user),
            };
            let rules = Rules::of(Lane::Chat(chat), "message", Undone::Send);
            Rules { refused: Refused::Kept, says: Says::Payload(&send.payload), ..rules }
        }
        Act::In(conversation, act) => Rules { lane: Lane::Chat(ChatId::Known(*conversation)), ..in_conversation(act) },
        Act::Account(act) => of_account(act),
    }
}

fn in_conversation(act: &ConversationAct) -> Rules<'_> {
    let of = |word, undone| Rules::of(Lane::Account, word, undone);
    match act {
        ConversationAct::EditMessage { position, payload } => of("edit", Undone::Edit)
            .saying(Says::Payload(payload))
            .sets(Slot::Text(*position))
            .drawn_as(Drawn::Message(*position, MessageChange::Said(payload))),
        ConversationAct::DeleteMessage { position } => of("delete", Undone::Delete)
            .drawn_as(Drawn::Message(*position, MessageChange::Deleted))
            .wished(Wish::OwnMessage(*position)),
        ConversationAct::React { position, emoji, switch } => of("reaction", Undone::React)
            .saying(Says::Text(emoji))
            .sets(Slot::Reaction(*position, emoji))
            .drawn_as(Drawn::Message(*position, MessageChange::Reaction(emoji, *switch)))
            .wished(Wish::Toggled),
        ConversationAct::PinMessage { position, switch } => of("pin", Undone::PinMessage)
            .sets(Slot::MessagePin(*position))
            .drawn_as(Drawn::Pin(*position, *switch))
            .wished(Wish::Toggled),
        ConversationAct::MarkRead { position } => of("mark", Undone::Place)
            .sets_own(Slot::ReadMark(*position), PlaceChange::Read(*position))
            .wished(Wish::ReadUpTo(*position)),
        ConversationAct::MarkUnread => of("mark", Undone::Place).sets_own(Slot::UnreadMark, PlaceChange::Unread),
        ConversationAct::Mute { until } => {
            of("setting", Undone::Place).sets_own(Slot::Silence, PlaceChange::Silent(*until)).wished(Wish::Toggled)
        }
        ConversationAct::PinConversation { switch } => of("setting", Undone::Place)
            .sets_own(Slot::ConversationPin, PlaceChange::OnTop(*switch))
            .wished(Wish::Toggled),
        ConversationAct::SaveDraft { draft } => {
            of("draft", Undone::Place).saying(Says::Payload(draft)).sets_own(Slot::Draft, PlaceChange::Draft(draft))
        }
        ConversationAct::AddMembers { .. } | ConversationAct::RemoveMember { .. } | ConversationAct::SetRole { .. } => {
            of("group", Undone::ChangeGroup)
        }
        ConversationAct::Rename { title } => {
            of("group", Undone::ChangeGroup).saying(Says::Text(title)).sets(Slot::Title)
        }
        ConversationAct::SetAdminsOnly { .. } => of("group", Undone::ChangeGroup).sets(Slot::AdminsOnly),
        ConversationAct::Leave => Rules {
            gone: Gone::Unsaid,
            echoes: &[ErrorCode::NotAMember, ErrorCode::NoSuchConversation],
            ..of("group", Undone::Leave)
        },
    }
}

fn of_account(act: &AccountAct) -> Rules<'_> {
    let of = |word, undone| Rules::of(Lane::Account, word, undone);
    match act {
        AccountAct::Block { user, .. } => of("block", Undone::Account).sets(Slot::Block(*user)),
        AccountAct::CreateGroup { title, .. } => {
            let says = Says::Text(title);
            Rules { renewal: Renewal::Doubles, says, ..of("group", Undone::CreateGroup) }
        }
        AccountAct::SetProfile(_) | AccountAct::EndOtherSessions => of("account", Undone::Account),
        #[cfg(feature = "next-level")]
        AccountAct::Wave => of("wave", Undone::Account),
        AccountAct::EndSession(_) => Rules { echoes: &[ErrorCode::SessionEnded], ..of("account", Undone::Account) },
    }
}

/// True if nothing is lost if `older` is never done because `newer` is.
pub(crate) fn replaces(newer: &Act, older: &Act) -> bool {
    let (newer, older) = (rules(newer), rules(older));
    let same = match (newer.slot, older.slot) {
        (Some(Slot::ReadMark(to)), Some(Slot::ReadMark(before))) => to >= before,
        (Some(newer), Some(older)) => newer == older,
        (None, _) | (_, None) => false,
    };
    same && newer.lane == older.lane
}

impl<'a> Rules<'a> {
    /// Those of an act that waits in `lane`, sets nothing that another sets anew, shows when the nodes have done it, and is told
    /// if it is refused.
    fn of(lane: Lane, word: &'static str, undone: Undone) -> Self {
        Self {
            lane,
            word,
            says: Says::Nothing,
            echoes: &[],
            slot: None,
            drawn: None,
            wish: Wish::Entered,
            undone,
            refused: Refused::Told,
            gone: Gone::Told,
            renewal: Renewal::Harmless,
        }
    }

    fn saying(self, says: Says<'a>) -> Self {
        Self { says, ..self }
    }

    fn sets(self, slot: Slot<'a>) -> Self {
        Self { slot: Some(slot), ..self }
    }

    fn drawn_as(self, drawn: Drawn<'a>) -> Self {
        Self { drawn: Some(drawn), ..self }
    }

    fn wished(self, wish: Wish) -> Self {
        Self { wish, ..self }
    }

    /// Of what the person alone has of a conversation: who is no longer in it misses nothing.
    fn sets_own(self, slot: Slot<'a>, change: PlaceChange<'a>) -> Self {
        Self { gone: Gone::Unsaid, ..self.sets(slot).drawn_as(Drawn::Place(change)) }
    }

    /// The row that will show it, if a view shows it before.
    pub(crate) fn row(&self) -> Option<Object> {
        self.drawn.map(Drawn::row)
    }
}
