//! What a user does, as the log keeps it.

use super::command::{high_half, join_halves, low_half, read_verifier, write_verifier};
use super::{WireError, count, text, write_numbers};
use crate::command::{Act, MemberRole, OtherSessions, OwnMessages, Profile, Recipient, Send, Switch, Verifier};
use crate::generated::stored_capnp::command::{self, in_session::act};
use crate::id::{ConversationId, MessageId, Position, SessionId, Stamp, UserId};

pub(super) fn write_act(mut builder: act::Builder<'_>, plain: &Act) {
    match plain {
        Act::Send(send) => write_send(builder.init_send(), send),
        Act::DeleteMessage { conversation, position } => {
            write_message_ref(builder.init_delete_message(), *conversation, *position);
        }
        Act::MarkRead { conversation, position } => {
            write_message_ref(builder.init_mark_read(), *conversation, *position);
        }
        Act::EndSession(session) => builder.set_end_session(session.0),
        Act::DeleteAccount { verifier_version, messages: OwnMessages::Keep } => {
            builder.set_delete_account(*verifier_version);
        }
        Act::DeleteAccount { verifier_version, messages: OwnMessages::Erase } => {
            builder.set_delete_account_and_messages(*verifier_version);
        }
        Act::EditMessage { conversation, position, payload } => {
            write_edit(builder.init_edit(), *conversation, *position, payload);
        }
        Act::React { conversation, position, emoji, switch } => {
            let mut react = builder.init_react();
            react.set_conversation(conversation.0);
            react.set_position(position.0);
            react.set_emoji(emoji.as_str());
            react.set_on(switch.is_on());
        }
        Act::PinMessage { conversation, position, switch } => {
            let mut pin = builder.init_pin_message();
            pin.set_conversation(conversation.0);
            pin.set_position(position.0);
            pin.set_on(switch.is_on());
        }
        Act::MarkUnread(conversation) => builder.set_mark_unread(conversation.0),
        Act::Mute { conversation, until } => {
            let mut mute = builder.init_mute();
            mute.set_conversation(conversation.0);
            mute.set_until_ms(until.0);
        }
        Act::PinConversation { conversation, switch } => {
            write_switch(builder.init_pin_conversation(), conversation.0, *switch);
        }
        Act::SaveDraft { conversation, draft } => {
            let mut kept = builder.init_save_draft();
            kept.set_conversation(conversation.0);
            kept.set_draft(draft);
        }
        Act::Block { user, switch } => write_switch(builder.init_block(), user.0, *switch),
        Act::SetProfile(profile) => write_profile(builder.init_set_profile(), profile),
        Act::CreateGroup { title, members } => write_group(builder.init_create_group(), title, members),
        Act::AddMembers { conversation, members } => write_members(builder.init_add_members(), *conversation, members),
        Act::RemoveMember { conversation, user } => {
            let mut removed = builder.init_remove_member();
            removed.set_conversation(conversation.0);
            removed.set_user(user.0);
        }
        Act::SetRole { conversation, user, role } => {
            write_set_role(builder.init_set_role(), *conversation, *user, *role);
        }
        Act::Leave(conversation) => builder.set_leave(conversation.0),
        Act::Rename { conversation, title } => {
            let mut rename = builder.init_rename();
            rename.set_conversation(conversation.0);
            rename.set_title(title.as_str());
        }
        Act::EndOtherSessions => builder.set_end_other_sessions(()),
        Act::ChangePassword { verifier_version, verifier, others } => {
            write_change_password(builder.init_change_password(), *verifier_version, verifier, *others);
        }
    }
}

pub(super) fn read_act(reader: act::Reader<'_>) -> Result<Act, WireError> {
    Ok(match reader.which()? {
        act::Unknown(()) => return Err(WireError::UnknownKind("an act")),
        act::Send(send) => Act::Send(read_send(send?)?),
        act::DeleteMessage(message) => {
            let (conversation, position) = read_message_ref(message?);
            Act::DeleteMessage { conversation, position }
        }
        act::MarkRead(message) => {
            let (conversation, position) = read_message_ref(message?);
            Act::MarkRead { conversation, position }
        }
        act::EndSession(session) => Act::EndSession(SessionId(session)),
        act::DeleteAccount(verifier_version) => Act::DeleteAccount { verifier_version, messages: OwnMessages::Keep },
        act::DeleteAccountAndMessages(verifier_version) => {
            Act::DeleteAccount { verifier_version, messages: OwnMessages::Erase }
        }
        act::Edit(edit) => read_edit(edit?)?,
        act::React(react) => read_react(react?)?,
        act::PinMessage(pin) => read_pin_message(pin?),
        act::MarkUnread(conversation) => Act::MarkUnread(ConversationId(conversation)),
        act::Mute(mute) => {
            let mute = mute?;
            Act::Mute { conversation: ConversationId(mute.get_conversation()), until: Stamp(mute.get_until_ms()) }
        }
        act::PinConversation(pin) => {
            let (id, switch) = read_switch(pin?);
            Act::PinConversation { conversation: ConversationId(id), switch }
        }
        act::SaveDraft(kept) => {
            let kept = kept?;
            let conversation = ConversationId(kept.get_conversation());
            Act::SaveDraft { conversation, draft: kept.get_draft()?.to_vec() }
        }
        act::Block(block) => {
            let (id, switch) = read_switch(block?);
            Act::Block { user: UserId(id), switch }
        }
        act::SetProfile(profile) => Act::SetProfile(read_profile(profile?)?),
        act::CreateGroup(group) => read_group(group?)?,
        act::AddMembers(added) => read_members(added?)?,
        act::RemoveMember(removed) => {
            let removed = removed?;
            let conversation = ConversationId(removed.get_conversation());
            Act::RemoveMember { conversation, user: UserId(removed.get_user()) }
        }
        act::SetRole(role) => read_set_role(role?)?,
        act::Leave(conversation) => Act::Leave(ConversationId(conversation)),
        act::Rename(rename) => {
            let rename = rename?;
            let conversation = ConversationId(rename.get_conversation());
            Act::Rename { conversation, title: text(rename.get_title()?)? }
        }
        act::EndOtherSessions(()) => Act::EndOtherSessions,
        act::ChangePassword(change) => read_change_password(change?)?,
    })
}

fn write_message_ref(mut builder: command::message_ref::Builder<'_>, conversation: ConversationId, position: Position) {
    builder.set_conversation(conversation.0);
    builder.set_position(position.0);
}

fn read_message_ref(reader: command::message_ref::Reader<'_>) -> (ConversationId, Position) {
    (ConversationId(reader.get_conversation()), Position(reader.get_position()))
}

fn write_switch(mut builder: command::switch::Builder<'_>, id: u64, switch: Switch) {
    builder.set_id(id);
    builder.set_on(switch.is_on());
}

fn read_switch(reader: command::switch::Reader<'_>) -> (u64, Switch) {
    (reader.get_id(), Switch::from_bool(reader.get_on()))
}

fn write_send(mut builder: command::send::Builder<'_>, plain: &Send) {
    let mut to = builder.reborrow().init_to();
    match plain.to {
        Recipient::Conversation(conversation) => to.set_conversation(conversation.0),
        Recipient::Direct(user) => to.set_direct(user.0),
    }
    let id = u128::from_be_bytes(plain.message_id.0);
    builder.set_message_high(high_half(id));
    builder.set_message_low(low_half(id));
    builder.set_payload(&plain.payload);
    write_numbers(builder.init_mentions(count(plain.mentions.len())), plain.mentions.iter().map(|user| user.0));
}

fn read_send(reader: command::send::Reader<'_>) -> Result<Send, WireError> {
    use command::send::to;
    let to = match reader.get_to().which()? {
        to::Conversation(conversation) => Recipient::Conversation(ConversationId(conversation)),
        to::Direct(user) => Recipient::Direct(UserId(user)),
    };
    let message_id = MessageId(join_halves(reader.get_message_high(), reader.get_message_low()));
    let mentions = reader.get_mentions()?.iter().map(UserId).collect();
    Ok(Send { to, message_id, payload: reader.get_payload()?.to_vec(), mentions })
}

fn write_edit(
    mut builder: command::edit::Builder<'_>,
    conversation: ConversationId,
    position: Position,
    payload: &[u8],
) {
    builder.set_conversation(conversation.0);
    builder.set_position(position.0);
    builder.set_payload(payload);
}

fn read_edit(reader: command::edit::Reader<'_>) -> Result<Act, WireError> {
    Ok(Act::EditMessage {
        conversation: ConversationId(reader.get_conversation()),
        position: Position(reader.get_position()),
        payload: reader.get_payload()?.to_vec(),
    })
}

fn read_react(reader: command::react::Reader<'_>) -> Result<Act, WireError> {
    Ok(Act::React {
        conversation: ConversationId(reader.get_conversation()),
        position: Position(reader.get_position()),
        emoji: text(reader.get_emoji()?)?,
        switch: Switch::from_bool(reader.get_on()),
    })
}

fn read_pin_message(reader: command::message_switch::Reader<'_>) -> Act {
    Act::PinMessage {
        conversation: ConversationId(reader.get_conversation()),
        position: Position(reader.get_position()),
        switch: Switch::from_bool(reader.get_on()),
    }
}

fn write_profile(mut builder: command::profile::Builder<'_>, plain: &Profile) {
    if let Some(name) = &plain.display_name {
        builder.set_display_name(name.as_str());
    }
    builder.set_presence(write_setting(plain.presence));
    builder.set_receipts(write_setting(plain.receipts));
}

fn read_profile(reader: command::profile::Reader<'_>) -> Result<Profile, WireError> {
    let name = text(reader.get_display_name()?)?;
    Ok(Profile {
        display_name: (!name.is_empty()).then_some(name),
        presence: read_setting(reader.get_presence()?),
        receipts: read_setting(reader.get_receipts()?),
    })
}

fn write_setting(plain: Option<Switch>) -> command::Setting {
    match plain {
        None => command::Setting::Unchanged,
        Some(Switch::On) => command::Setting::On,
        Some(Switch::Off) => command::Setting::Off,
    }
}

fn read_setting(wire: command::Setting) -> Option<Switch> {
    match wire {
        command::Setting::Unchanged => None,
        command::Setting::On => Some(Switch::On),
        command::Setting::Off => Some(Switch::Off),
    }
}

fn write_group(mut builder: command::group::Builder<'_>, title: &str, members: &[UserId]) {
    builder.set_title(title);
    write_numbers(builder.init_members(count(members.len())), members.iter().map(|user| user.0));
}

fn read_group(reader: command::group::Reader<'_>) -> Result<Act, WireError> {
    let members = reader.get_members()?.iter().map(UserId).collect();
    Ok(Act::CreateGroup { title: text(reader.get_title()?)?, members })
}

fn write_members(mut builder: command::members::Builder<'_>, conversation: ConversationId, members: &[UserId]) {
    builder.set_conversation(conversation.0);
    write_numbers(builder.init_members(count(members.len())), members.iter().map(|user| user.0));
}

fn read_members(reader: command::members::Reader<'_>) -> Result<Act, WireError> {
    let conversation = ConversationId(reader.get_conversation());
    Ok(Act::AddMembers { conversation, members: reader.get_members()?.iter().map(UserId).collect() })
}

fn write_set_role(
    mut builder: command::set_role::Builder<'_>,
    conversation: ConversationId,
    user: UserId,
    role: MemberRole,
) {
    builder.set_conversation(conversation.0);
    builder.set_user(user.0);
    builder.set_role(match role {
        MemberRole::Member => command::MemberRole::Member,
        MemberRole::Admin => command::MemberRole::Admin,
        MemberRole::Owner => command::MemberRole::Owner,
    });
}

fn read_set_role(reader: command::set_role::Reader<'_>) -> Result<Act, WireError> {
    let role = match reader.get_role()? {
        command::MemberRole::Member => MemberRole::Member,
        command::MemberRole::Admin => MemberRole::Admin,
        command::MemberRole::Owner => MemberRole::Owner,
    };
    let conversation = ConversationId(reader.get_conversation());
    Ok(Act::SetRole { conversation, user: UserId(reader.get_user()), role })
}

fn write_change_password(
    mut builder: command::change_password::Builder<'_>,
    verifier_version: u32,
    verifier: &Verifier,
    others: OtherSessions,
) {
    builder.set_verifier_version(verifier_version);
    builder.set_keep_other_sessions(others == OtherSessions::Keep);
    write_verifier(builder.init_verifier(), verifier);
}

fn read_change_password(reader: command::change_password::Reader<'_>) -> Result<Act, WireError> {
    Ok(Act::ChangePassword {
        verifier_version: reader.get_verifier_version(),
        verifier: read_verifier(reader.get_verifier()?)?,
        others: if reader.get_keep_other_sessions() { OtherSessions::Keep } else { OtherSessions::End },
    })
}
