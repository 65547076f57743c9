//! Each kind of row as bytes and back. Knows nothing of keys, tables and checksums.
//!
//! What nodes send is kept in the schema's own encoding; what only this device has, in CBOR with numbered fields.

use minicbor::{Decode, Encode};
use raftchat_model::{
    ChatId, Completeness, ConversationRow, CursorRow, DepartureRow, EntryState, Lane, MemberRow, OutboxEntry, OutboxId,
    PlaceRow,
};
use raftchat_schema::command::{GroupProfile, MemberRole};
use raftchat_schema::error::Refusal;
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, RequestNumber, Stamp, UserId};
use raftchat_schema::view::{ConversationKind, MessageView, UserView};
use raftchat_schema::wire;

/// Something that is kept.
pub(super) trait Row: Sized {
    /// As bytes.
    fn encode(&self) -> Vec<u8>;

    /// The row in `bytes`; none if there is none in them.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

impl Row for UserView {
    fn encode(&self) -> Vec<u8> {
        wire::encode_user(self)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        wire::decode_user(bytes).ok()
    }
}

impl Row for MessageView {
    fn encode(&self) -> Vec<u8> {
        wire::encode_message(self)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        wire::decode_message(bytes).ok()
    }
}

/// Whose the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(super) struct Origin {
    #[n(0)]
    pub(super) format: u32,
    #[n(1)]
    pub(super) me: UserId,
}

impl Row for Origin {
    fn encode(&self) -> Vec<u8> {
        cbor(self)
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        minicbor::decode(bytes).ok()
    }
}

impl Row for u64 {
    fn encode(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

impl Row for Vec<u8> {
    fn encode(&self) -> Vec<u8> {
        self.clone()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        Some(bytes.to_vec())
    }
}

#[derive(Encode, Decode)]
struct StoredCursor {
    #[cbor(n(0), with = "minicbor::bytes")]
    bytes: Vec<u8>,
    #[n(1)]
    change: ChangeNumber,
}

impl Row for CursorRow {
    fn encode(&self) -> Vec<u8> {
        cbor(&StoredCursor { bytes: self.bytes.clone(), change: self.change })
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let StoredCursor { bytes, change } = minicbor::decode(bytes).ok()?;
        Some(Self { bytes, change })
    }
}

#[derive(Encode, Decode)]
struct StoredConversation {
    #[n(0)]
    id: ConversationId,
    #[n(1)]
    group: bool,
    #[n(2)]
    profile: GroupProfile,
    #[n(3)]
    member_count: u32,
    #[n(4)]
    last_position: Position,
    #[n(5)]
    pinned_messages: Vec<Position>,
    #[n(6)]
    created: Stamp,
    #[n(7)]
    changed: ChangeNumber,
    #[n(8)]
    complete: bool,
}

impl Row for ConversationRow {
    fn encode(&self) -> Vec<u8> {
        cbor(&StoredConversation {
            id: self.id,
            group: self.kind == ConversationKind::Group,
            profile: self.profile.clone(),
            member_count: self.member_count,
            last_position: self.last_position,
            pinned_messages: self.pinned_messages.clone(),
            created: self.created,
            changed: self.changed,
            complete: self.complete == Completeness::Complete,
        })
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let stored: StoredConversation = minicbor::decode(bytes).ok()?;
        Some(Self {
            id: stored.id,
            kind: if stored.group { ConversationKind::Group } else { ConversationKind::Direct },
            profile: stored.profile,
            member_count: stored.member_count,
            last_position: stored.last_position,
            pinned_messages: stored.pinned_messages,
            created: stored.created,
            changed: stored.changed,
            complete: if stored.complete { Completeness::Complete } else { Completeness::Partial },
        })
    }
}

#[derive(Encode, Decode)]
struct StoredMember {
    #[n(0)]
    user: UserId,
    #[n(1)]
    role: MemberRole,
    #[n(2)]
    joined: Stamp,
    #[n(3)]
    since: Position,
    #[n(4)]
    added_by: UserId,
    #[n(5)]
    read_position: Position,
    #[n(6)]
    delivered_position: Position,
    #[n(7)]
    changed: ChangeNumber,
}

impl Row for MemberRow {
    fn encode(&self) -> Vec<u8> {
        let Self { user, role, joined, since, added_by, read_position, delivered_position, changed } = *self;
        cbor(&StoredMember { user, role, joined, since, added_by, read_position, delivered_position, changed })
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let StoredMember { user, role, joined, since, added_by, read_position, delivered_position, changed } =
            minicbor::decode(bytes).ok()?;
        Some(Self { user, role, joined, since, added_by, read_position, delivered_position, changed })
    }
}

#[derive(Encode, Decode)]
struct StoredDeparture {
    #[n(0)]
    user: UserId,
    #[n(1)]
    by: UserId,
    #[n(2)]
    after: Position,
    #[n(3)]
    at: Stamp,
    #[n(4)]
    changed: ChangeNumber,
}

impl Row for DepartureRow {
    fn encode(&self) -> Vec<u8> {
        let Self { user, by, after, at, changed } = *self;
        cbor(&StoredDeparture { user, by, after, at, changed })
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let StoredDeparture { user, by, after, at, changed } = minicbor::decode(bytes).ok()?;
        Some(Self { user, by, after, at, changed })
    }
}

#[derive(Encode, Decode)]
struct StoredPlace {
    #[cbor(n(0), with = "minicbor::bytes")]
    view: Vec<u8>,
    #[n(1)]
    settings_as_of: ChangeNumber,
    #[cbor(n(2), with = "minicbor::bytes")]
    unsaved_draft: Option<Vec<u8>>,
}

impl Row for PlaceRow {
    fn encode(&self) -> Vec<u8> {
        cbor(&StoredPlace {
            view: wire::encode_place(&self.view),
            settings_as_of: self.settings_as_of,
            unsaved_draft: self.unsaved_draft.clone(),
        })
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let StoredPlace { view, settings_as_of, unsaved_draft } = minicbor::decode(bytes).ok()?;
        Some(Self { view: wire::decode_place(&view).ok()?, settings_as_of, unsaved_draft })
    }
}

#[derive(Encode, Decode)]
struct StoredEntry {
    #[n(0)]
    id: u64,
    #[n(1)]
    number: RequestNumber,
    #[n(2)]
    lane: StoredLane,
    #[cbor(n(3), with = "minicbor::bytes")]
    act: Vec<u8>,
    #[n(4)]
    entered: Stamp,
    #[n(5)]
    refused: Option<Refusal>,
}

#[derive(Encode, Decode)]
enum StoredLane {
    #[n(0)]
    Account,
    #[n(1)]
    Known(#[n(0)] ConversationId),
    #[n(2)]
    Direct(#[n(0)] UserId),
}

impl Row for OutboxEntry {
    fn encode(&self) -> Vec<u8> {
        cbor(&StoredEntry {
            id: self.id.0,
            number: self.number,
            lane: match self.lane {
                Lane::Account => StoredLane::Account,
                Lane::Chat(ChatId::Known(conversation)) => StoredLane::Known(conversation),
                Lane::Chat(ChatId::Direct(user)) => StoredLane::Direct(user),
            },
            act: wire::encode_act(&self.act),
            entered: self.entered,
            refused: match &self.state {
                EntryState::Waiting => None,
                EntryState::Failed(refusal) => Some(refusal.clone()),
            },
        })
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let stored: StoredEntry = minicbor::decode(bytes).ok()?;
        Some(Self {
            id: OutboxId(stored.id),
            number: stored.number,
            lane: match stored.lane {
                StoredLane::Account => Lane::Account,
                StoredLane::Known(conversation) => Lane::Chat(ChatId::Known(conversation)),
                StoredLane::Direct(user) => Lane::Chat(ChatId::Direct(user)),
            },
            act: wire::decode_act(&stored.act).ok()?,
            entered: stored.entered,
            state: stored.refused.map_or(EntryState::Waiting, EntryState::Failed),
        })
    }
}

fn cbor(row: &impl Encode<()>) -> Vec<u8> {
    // A vector takes everything; only the type says that it could fail.
    minicbor::to_vec(row).unwrap_or_default()
}
