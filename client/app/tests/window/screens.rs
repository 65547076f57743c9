//! Pictures of what lies over the window.

use raftchat_app::backend::{Hit, NodeReport, Update};
use raftchat_app::ui::{Chats, Connection, SheetKind, Shell, Timeline};
use raftchat_model::{Delivery, MemberItem, Receipt, Shown};
use raftchat_schema::command::MemberRole;
use raftchat_schema::id::{NodeId, Position, StateHash};
use raftchat_schema::level::Level;
use raftchat_schema::view::{NodeStatus, Role};
use slint::{ComponentHandle, Model};

use crate::stage::look::{Look, looks};
use crate::stage::people::{self, ALICE, BOB, CAROL, DAVE, ERIN, FRANK, TRIP, WITH_BOB, ago, name};
use crate::stage::{Stage, element};

fn node(number: u64, role: Role, lag_ms: u64) -> NodeReport {
    let status = NodeStatus {
        node: NodeId(number),
        role,
        term: 7,
        leader: Some(NodeId(2)),
        applied: 18_204,
        last_log: 18_204,
        sessions: 3,
        lag_ms,
        state_hash: StateHash([0; 32]),
        address: String::new(),
        version: String::new(),
        clock_offset_ms: 0,
        disk_free_bytes: 0,
        sync_ms: 2,
        budgets: Vec::new(),
        refuses_words: false,
        unclean_since: None,
        certificate_days: 300,
        level: Level::FIRST,
        newest_level: Level::FIRST,
    };
    NodeReport { node: NodeId(number), status: Some(status) }
}

#[test]
fn connection() {
    looks("connection", |look| {
        let stage = look.signed_in();
        stage.post([
            Update::Shown(Shown::Moved { from: NodeId(1), to: NodeId(3), ms: 84 }),
            Update::Cluster(vec![
                node(1, Role::Follower, 0),
                node(2, Role::Leader, 0),
                node(3, Role::Follower, 0),
                node(4, Role::Follower, 2400),
                NodeReport { node: NodeId(5), status: None },
            ]),
        ]);
        stage.window.global::<Shell<'_>>().set_sheet(SheetKind::Connection);
        stage.pass(6000);
        stage
    });
}

#[test]
fn message_menu() {
    looks("message-menu", |look| {
        let stage = look.signed_in();
        stage.open(WITH_BOB, people::with_bob());
        let row = stage.window.global::<Timeline<'_>>().get_rows().row_data(10).unwrap();
        let shell = stage.window.global::<Shell<'_>>();
        shell.set_menu_key(row.key.clone());
        shell.set_menu_row(row);
        shell.set_menu_x(460.0);
        shell.set_menu_y(160.0);
        stage
    });
}

#[test]
fn conversation_menu() {
    looks("conversation-menu", |look| {
        let stage = look.signed_in();
        let row = stage.window.global::<Chats<'_>>().get_rows().row_data(0).unwrap();
        let shell = stage.window.global::<Shell<'_>>();
        shell.set_menu_chat(row.id.clone());
        shell.set_menu_chat_row(row);
        shell.set_menu_x(120.0);
        shell.set_menu_y(140.0);
        stage
    });
}

#[test]
fn group_details() {
    looks("group-details", |look| {
        let stage = look.signed_in();
        stage.open(TRIP, people::trip());
        let roles = [
            (ALICE, MemberRole::Admin),
            (BOB, MemberRole::Member),
            (CAROL, MemberRole::Owner),
            (ERIN, MemberRole::Member),
        ];
        let members =
            roles.map(|(user, role)| MemberItem { user, name: name(user).to_owned(), role, joined: ago(900) });
        stage.show([Shown::Members { chat: TRIP, members: members.to_vec() }]);
        stage.window.global::<Shell<'_>>().set_sheet(SheetKind::Details);
        stage
    });
}

/// The conversation with bob, and over it a sheet.
fn sheet(look: Look, kind: SheetKind) -> Stage {
    let stage = look.signed_in();
    stage.open(WITH_BOB, people::with_bob());
    stage.window.global::<raftchat_app::ui::People<'_>>().invoke_show(BOB.to_string().into());
    stage.window.global::<raftchat_app::ui::People<'_>>().invoke_clear();
    stage.window.global::<Connection<'_>>().invoke_watch(true);
    stage.window.global::<Shell<'_>>().set_sheet(kind);
    stage
}

#[test]
fn new_conversation() {
    looks("new-conversation", |look| sheet(look, SheetKind::NewConversation));
}

#[test]
fn new_group() {
    looks("new-group", |look| {
        let stage = sheet(look, SheetKind::NewConversation);
        stage.picture();
        element(&stage, look.word("New group", "Neue Gruppe")).invoke_accessible_default_action();
        for user in [BOB, ERIN] {
            stage.window.global::<raftchat_app::ui::People<'_>>().invoke_toggle(user.to_string().into());
        }
        stage
    });
}

#[test]
fn person() {
    looks("person", |look| sheet(look, SheetKind::Person));
}

#[test]
fn switcher() {
    looks("switcher", |look| sheet(look, SheetKind::Switcher));
}

#[test]
fn forward() {
    looks("forward", |look| {
        let stage = sheet(look, SheetKind::None);
        let row = stage.window.global::<Timeline<'_>>().get_rows().row_data(9).unwrap();
        stage.window.global::<Timeline<'_>>().invoke_forward(row.key);
        stage
    });
}

#[test]
fn shortcuts() {
    looks("shortcuts", |look| sheet(look, SheetKind::Shortcuts));
}

#[test]
fn emoji() {
    looks("emoji", |look| sheet(look, SheetKind::Emoji));
}

#[test]
fn search() {
    looks("search", |look| {
        let stage = sheet(look, SheetKind::Search);
        let hit = |position: u64, sender, minutes, text: &str| Hit {
            chat: TRIP,
            position: Position(position),
            sender_name: name(sender).to_owned(),
            at: ago(minutes),
            text: text.to_owned(),
        };
        let hits = vec![
            hit(1, CAROL, 190, "I made a list of what we need:\n- tent\n- stove\n- *two* maps"),
            hit(2, DAVE, 188, "I have a stove. Does `route.gpx` open for you?"),
        ];
        stage.picture();
        let field = element(&stage, look.word("Words to look for", "Gesuchte Wörter"));
        field.set_accessible_value("stove");
        stage.post([Update::Hits { query: "stove".to_owned(), hits }]);
        stage
    });
}

#[test]
fn receipts() {
    looks("receipts", |look| {
        let stage = look.signed_in();
        stage.open(TRIP, people::trip());
        let row = stage.window.global::<Timeline<'_>>().get_rows().row_data(4).unwrap();
        stage.window.global::<Timeline<'_>>().invoke_receipts(row.key);
        let become_of = [(CAROL, Delivery::Read), (ERIN, Delivery::Delivered), (FRANK, Delivery::Sent)];
        let receipt = |(user, delivery)| Receipt { user, name: name(user).to_owned(), delivery };
        let receipts = become_of.map(receipt).to_vec();
        stage.show([Shown::Receipts { chat: TRIP, position: Position(4), receipts }]);
        stage
    });
}

#[test]
fn revisions() {
    looks("revisions", |look| {
        let stage = sheet(look, SheetKind::None);
        let row = stage.window.global::<Timeline<'_>>().get_rows().row_data(8).unwrap();
        stage.window.global::<Timeline<'_>>().invoke_revisions(row.key);
        let before = [(ago(4), "Great, I will bring the book"), (ago(3), "Great, I will bring the book you lend me")];
        stage.post([Update::Revisions(before.map(|(at, text)| (at, text.to_owned())).to_vec())]);
        stage
    });
}

#[test]
fn pinned_messages() {
    looks("pinned", |look| {
        let stage = look.signed_in();
        stage.open(TRIP, people::trip());
        stage.show([people::pins(TRIP, 2)]);
        stage.window.global::<Shell<'_>>().set_sheet(SheetKind::Pinned);
        stage
    });
}
