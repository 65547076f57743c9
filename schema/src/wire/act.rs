//! Acts: the one form of them that outbox, wire and log share. Knows nothing of who asks.

use super::command::{high_half, join_halves, low_half};
use super::{WireError, count, decode, encode, text, write_numbers};
use crate::command::{
    AccountAct, Act, ConversationAct, Done, GroupProfile, MemberRole, Profile, Recipient, SendMessage, Switch,
};
use crate::generated::act_capnp::conversation_act::Role;
use crate::generated::act_capnp::{account_act, act, conversation_act, done, group_profile, send_message};
use crate::id::{ConversationId, MessageId, Position, SessionId, Stamp, UserId};

/// An act as bytes, for a client's outbox.
pub fn encode_act(plain: &Act) -> Vec<u8> {
    encode::<act::Owned>(|builder| write_act(builder, plain))
}

/// The act in `bytes`; [`WireError::UnknownKind`] if a newer program wrote it.
pub fn decode_act(bytes: &[u8]) -> Result<Act, WireError> {
    decode::<act::Owned, _>(bytes, read_act)
}

/// Fills in an act.
pub fn write_act(builder: act::Builder<'_>, plain: &Act) {
    match plain {
        Act::Send(send) => write_send(builder.init_send(), send),
        Act::In(conversation, plain) => {
            let mut builder = builder.init_in_conversation();
            builder.set_conversation(conversation.0);
            write_in_conversation(builder, plain);
        }
        Act::Account(plain) => write_account(builder.init_account(), plain),
    }
}

/// Reads an act. One of a kind that this program does not know is [`WireError::UnknownKind`].
pub fn read_act(reader: act::Reader<'_>) -> Result<Act, WireError> {
    Ok(match reader.which()? {
        act::Unknown(()) => return Err(WireError::UnknownKind("an act")),
        act::Send(send) => Act::Send(read_send(send?)?),
        act::InConversation(reader) => {
            let reader = reader?;
            Act::In(ConversationId(reader.get_conversation()), read_in_conversation(reader)?)
        }
        act::Account(reader) => Act::Account(read_account(reader?)?),
    })
}

fn write_in_conversation(mut builder: conversation_act::Builder<'_>, plain: &ConversationAct) {
    match plain {
        ConversationAct::EditMessage { position, payload } => {
            let mut edit = builder.init_edit_message();
            edit.set_position(position.0);
            edit.set_payload(payload);
        }
        ConversationAct::DeleteMessage { position } => builder.set_delete_message(position.0),
        ConversationAct::React { position, emoji, switch } => {
            let mut react = builder.init_react();
            react.set_position(position.0);
            react.set_emoji(emoji.as_str());
            react.set_on(switch.is_on());
        }
        ConversationAct::PinMessage { position, switch } => {
            let mut pin = builder.init_pin_message();
            pin.set_position(position.0);
            pin.set_on(switch.is_on());
        }
        ConversationAct::MarkRead { position } => builder.set_mark_read(position.0),
        ConversationAct::MarkUnread => builder.set_mark_unread(()),
        ConversationAct::Mute { until } => builder.set_mute_until_ms(until.0),
        ConversationAct::PinConversation { switch } => builder.set_pin_conversation(switch.is_on()),
        ConversationAct::SaveDraft { draft } => builder.set_save_draft(draft),
        ConversationAct::AddMembers { members } => write_users(builder.init_add_members(count(members.len())), members),
        ConversationAct::RemoveMember { user } => builder.set_remove_member(user.0),
        ConversationAct::SetRole { user, role } => {
            let mut set = builder.init_set_role();
            set.set_user(user.0);
            set.set_role(write_role(*role));
        }
        ConversationAct::Leave => builder.set_leave(()),
        ConversationAct::Rename { title } => builder.set_rename(title.as_str()),
        ConversationAct::SetAdminsOnly { switch } => builder.set_admins_only(switch.is_on()),
    }
}

fn read_in_conversation(reader: conversation_act::Reader<'_>) -> Result<ConversationAct, WireError> {
    Ok(match reader.which()? {
        conversation_act::Unknown(()) => return Err(WireError::UnknownKind("an act in a conversation")),
        conversation_act::EditMessage(edit) => ConversationAct::EditMessage {
            position: Position(edit.get_position()),
            payload: edit.get_payload()?.to_vec(),
        },
        conversation_act::DeleteMessage(position) => ConversationAct::DeleteMessage { position: Position(position) },
        conversation_act::React(react) => ConversationAct::React {
            position: Position(react.get_position()),
            emoji: text(react.get_emoji()?)?,
            switch: Switch::from_bool(react.get_on()),
        },
        conversation_act::PinMessage(pin) => ConversationAct::PinMessage {
            position: Position(pin.get_position()),
            switch: Switch::from_bool(pin.get_on()),
        },
        conversation_act::MarkRead(position) => ConversationAct::MarkRead { position: Position(position) },
        conversation_act::MarkUnread(()) => ConversationAct::MarkUnread,
        conversation_act::MuteUntilMs(until) => ConversationAct::Mute { until: Stamp(until) },
        conversation_act::PinConversation(on) => ConversationAct::PinConversation { switch: Switch::from_bool(on) },
        conversation_act::SaveDraft(draft) => ConversationAct::SaveDraft { draft: draft?.to_vec() },
        conversation_act::AddMembers(members) => {
            ConversationAct::AddMembers { members: members?.iter().map(UserId).collect() }
        }
        conversation_act::RemoveMember(user) => ConversationAct::RemoveMember { user: UserId(user) },
        conversation_act::SetRole(set) => {
            ConversationAct::SetRole { user: UserId(set.get_user()), role: read_role(set.get_role()?) }
        }
        conversation_act::Leave(()) => ConversationAct::Leave,
        conversation_act::Rename(title) => ConversationAct::Rename { title: text(title?)? },
        conversation_act::AdminsOnly(on) => ConversationAct::SetAdminsOnly { switch: Switch::from_bool(on) },
    })
}

fn write_account(mut builder: account_act::Builder<'_>, plain: &AccountAct) {
    match plain {
        AccountAct::Block { user, switch } => {
            let mut block = builder.init_block();
            block.set_user(user.0);
            block.set_on(switch.is_on());
        }
        AccountAct::SetProfile(Profile { display_name, presence, receipts }) => {
            let mut profile = builder.init_set_profile();
            profile.set_display_name(display_name.as_deref().unwrap_or_default());
            profile.set_presence(write_setting(*presence));
            profile.set_receipts(write_setting(*receipts));
        }
        AccountAct::CreateGroup { title, members } => {
            let mut group = builder.init_create_group();
            group.set_title(title.as_str());
            write_users(group.init_members(count(members.len())), members);
        }
        AccountAct::EndSession(session) => builder.set_end_session(session.0),
        AccountAct::EndOtherSessions => builder.set_end_other_sessions(()),
        #[cfg(feature = "next-level")]
        AccountAct::Wave => builder.set_wave(()),
    }
}

fn read_account(reader: account_act::Reader<'_>) -> Result<AccountAct, WireError> {
    Ok(match reader.which()? {
        #[cfg(feature = "next-level")]
        account_act::Wave(()) if crate::level::Level::newest() > crate::level::Level::FIRST => AccountAct::Wave,
        account_act::Unknown(()) | account_act::Wave(()) => {
            return Err(WireError::UnknownKind("an act of an account"));
        }
        account_act::Block(block) => {
            AccountAct::Block { user: UserId(block.get_user()), switch: Switch::from_bool(block.get_on()) }
        }
        account_act::SetProfile(profile) => {
            let name = text(profile.get_display_name()?)?;
            AccountAct::SetProfile(Profile {
                display_name: (!name.is_empty()).then_some(name),
                presence: read_setting(profile.get_presence()?),
                receipts: read_setting(profile.get_receipts()?),
            })
        }
        account_act::CreateGroup(group) => {
            let members = group.get_members()?.iter().map(UserId).collect();
            AccountAct::CreateGroup { title: text(group.get_title()?)?, members }
        }
        account_act::EndSession(session) => AccountAct::EndSession(SessionId(session)),
        account_act::EndOtherSessions(()) => AccountAct::EndOtherSessions,
    })
}

fn write_send(mut builder: send_message::Builder<'_>, plain: &SendMessage) {
    let mut to = builder.reborrow().init_to();
    match plain.to {
        Recipient::Conversation(conversation) => to.set_conversation(conversation.0),
        Recipient::Direct(user) => to.set_direct(user.0),
    }
    let id = u128::from_be_bytes(plain.message_id.0);
    builder.set_message_high(high_half(id));
    builder.set_message_low(low_half(id));
    builder.set_payload(&plain.payload);
    write_users(builder.init_mentions(count(plain.mentions.len())), &plain.mentions);
}

fn read_send(reader: send_message::Reader<'_>) -> Result<SendMessage, WireError> {
    use send_message::to;
    let to = match reader.get_to().which()? {
        to::Conversation(conversation) => Recipient::Conversation(ConversationId(conversation)),
        to::Direct(user) => Recipient::Direct(UserId(user)),
    };
    let message_id = MessageId(join_halves(reader.get_message_high(), reader.get_message_low()));
    let mentions = reader.get_mentions()?.iter().map(UserId).collect();
    Ok(SendMessage { to, message_id, payload: reader.get_payload()?.to_vec(), mentions })
}

fn write_users(list: capnp::primitive_list::Builder<'_, u64>, users: &[UserId]) {
    write_numbers(list, users.iter().map(|user| user.0));
}

fn write_role(plain: MemberRole) -> Role {
    match plain {
        MemberRole::Member => Role::Member,
        MemberRole::Admin => Role::Admin,
        MemberRole::Owner => Role::Owner,
    }
}

fn read_role(wire: Role) -> MemberRole {
    match wire {
        Role::Member => MemberRole::Member,
        Role::Admin => MemberRole::Admin,
        Role::Owner => MemberRole::Owner,
    }
}

fn write_setting(plain: Option<Switch>) -> account_act::Setting {
    match plain {
        None => account_act::Setting::Unchanged,
        Some(Switch::On) => account_act::Setting::On,
        Some(Switch::Off) => account_act::Setting::Off,
    }
}

fn read_setting(wire: account_act::Setting) -> Option<Switch> {
    match wire {
        account_act::Setting::Unchanged => None,
        account_act::Setting::On => Some(Switch::On),
        account_act::Setting::Off => Some(Switch::Off),
    }
}

pub(super) fn write_group_profile(mut builder: group_profile::Builder<'_>, plain: &GroupProfile) {
    builder.set_title(plain.title.as_str());
    builder.set_admins_only(plain.admins_only);
}

pub(super) fn read_group_profile(reader: group_profile::Reader<'_>) -> Result<GroupProfile, WireError> {
    Ok(GroupProfile { title: text(reader.get_title()?)?, admins_only: reader.get_admins_only() })
}

/// Fills in what an act has done. That it opened a session no act says.
pub fn write_done(mut builder: done::Builder<'_>, plain: &Done) {
    match plain {
        Done::Sent { conversation, position, sent_at } => {
            let mut sent = builder.init_sent();
            sent.set_conversation(conversation.0);
            sent.set_position(position.0);
            sent.set_sent_at_ms(sent_at.0);
        }
        Done::GroupCreated { conversation } => builder.set_group_created(conversation.0),
        Done::Nothing | Done::SessionOpened { .. } => builder.set_nothing(()),
    }
}

/// Reads what an act has done.
pub fn read_done(reader: done::Reader<'_>) -> Result<Done, WireError> {
    Ok(match reader.which()? {
        done::Nothing(()) => Done::Nothing,
        done::Sent(sent) => Done::Sent {
            conversation: ConversationId(sent.get_conversation()),
            position: Position(sent.get_position()),
            sent_at: Stamp(sent.get_sent_at_ms()),
        },
        done::GroupCreated(group) => Done::GroupCreated { conversation: ConversationId(group) },
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
pub(super) mod tests {
    use capnp::message::Builder;

    use super::*;
    use crate::command::{Command, InSession, SessionAct};
    use crate::generated::stored_capnp;
    use crate::id::RequestNumber;
    use crate::wire::encode_command;

    pub(crate) fn every_act() -> Vec<Act> {
        let (conversation, position, user, switch) = (ConversationId(3), Position(41), UserId(3001), Switch::On);
        let message_id = MessageId([0xAB; 16]);
        let send = |to| Act::Send(SendMessage { to, message_id, payload: vec![1, 2], mentions: vec![user] });
        let profile =
            Profile { display_name: Some("Alicia".into()), presence: Some(Switch::Off), receipts: Some(Switch::On) };
        let in_conversation = [
            ConversationAct::DeleteMessage { position },
            ConversationAct::MarkRead { position },
            ConversationAct::EditMessage { position, payload: vec![3] },
            ConversationAct::React { position, emoji: "👍".into(), switch },
            ConversationAct::PinMessage { position, switch },
            ConversationAct::MarkUnread,
            ConversationAct::Mute { until: Stamp(u64::MAX) },
            ConversationAct::PinConversation { switch: Switch::Off },
            ConversationAct::SaveDraft { draft: vec![4] },
            ConversationAct::AddMembers { members: vec![user] },
            ConversationAct::RemoveMember { user },
            ConversationAct::SetRole { user, role: MemberRole::Owner },
            ConversationAct::Leave,
            ConversationAct::Rename { title: "Hands".into() },
            ConversationAct::SetAdminsOnly { switch },
        ];
        let account = [
            AccountAct::Block { user, switch },
            AccountAct::SetProfile(profile),
            AccountAct::SetProfile(Profile::default()),
            AccountAct::CreateGroup { title: "Crew".into(), members: vec![user] },
            AccountAct::EndSession(SessionId(9)),
            AccountAct::EndOtherSessions,
        ];
        let mut all = vec![send(Recipient::Conversation(conversation)), send(Recipient::Direct(user))];
        all.extend(in_conversation.map(|act| Act::In(conversation, act)));
        all.extend(account.map(Act::Account));
        all
    }

    #[test]
    fn every_act_survives_its_bytes() {
        for act in every_act() {
            assert_eq!(decode_act(&encode_act(&act)).unwrap(), act);
        }
    }

    /// The canonical bytes of an act that stands in some other message.
    fn canonical(act: act::Reader<'_>) -> Vec<u8> {
        let mut message = Builder::new_default();
        message.set_root_canonical(act).unwrap();
        message.get_segments_for_output().concat()
    }

    #[test]
    fn the_outbox_and_the_log_hold_the_same_bytes() {
        for act in every_act() {
            let (session, request) = (SessionId(1001), RequestNumber(7));
            let asked = SessionAct::Asked(act.clone());
            let command = InSession { session, request, acknowledged_below: RequestNumber(5), act: asked };
            let command = encode_command(&Command::InSession(command));
            let logged = decode::<stored_capnp::command::Owned, _>(&command, |reader| {
                let stored_capnp::command::InSession(in_session) = reader.which()? else {
                    return Err(WireError::Field("command"));
                };
                let stored_capnp::command::in_session::Asked(asked) = in_session?.which()? else {
                    return Err(WireError::Field("command"));
                };
                Ok(canonical(asked?))
            });
            let kept = decode::<act::Owned, _>(&encode_act(&act), |reader| Ok(canonical(reader)));
            assert_eq!(kept.unwrap(), logged.unwrap(), "{act:?}");
        }
    }

    #[test]
    fn what_was_done_survives_its_bytes() {
        let conversation = ConversationId(7);
        let sent = Done::Sent { conversation, position: Position(1), sent_at: Stamp(9) };
        for done in [Done::Nothing, sent, Done::GroupCreated { conversation }] {
            let bytes = encode::<done::Owned>(|builder| write_done(builder, &done));
            assert_eq!(decode::<done::Owned, _>(&bytes, read_done).unwrap(), done);
        }
    }

    #[test]
    fn an_act_of_an_unknown_kind_is_named_as_such() {
        let unknown = encode::<act::Owned>(|mut builder| builder.set_unknown(()));
        assert_eq!(decode_act(&unknown), Err(WireError::UnknownKind("an act")));
    }
}
