//! Pictures of what lies over the window.

use raftchat_app::backend::{NodeReport, Update};
use raftchat_app::ui::{Connection, SheetKind, Shell, Timeline};
use raftchat_model::MemberItem;
use raftchat_model::Shown;
use raftchat_schema::command::MemberRole;
use raftchat_schema::id::{NodeId, StateHash};
use raftchat_schema::view::{NodeStatus, Role};
use slint::{ComponentHandle, Model};

use crate::people::{self, ALICE, BOB, CAROL, ERIN, TRIP, WITH_BOB, ago, name};
use crate::stage::{Stage, golden};

const WIDE: (f32, f32) = (820.0, 560.0);
const NARROW: (f32, f32) = (390.0, 720.0);

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
    };
    NodeReport { node: NodeId(number), status: Some(status) }
}

#[test]
fn connection() {
    let stage = Stage::signed_in(NARROW.0, NARROW.1);
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
    golden("connection-narrow", &stage.picture());
}

#[test]
fn message_menu() {
    let stage = Stage::signed_in(WIDE.0, WIDE.1);
    stage.open(WITH_BOB, people::with_bob());
    let row = stage.window.global::<Timeline<'_>>().get_rows().row_data(10).unwrap();
    let shell = stage.window.global::<Shell<'_>>();
    shell.set_menu_key(row.key.clone());
    shell.set_menu_row(row);
    shell.set_menu_x(460.0);
    shell.set_menu_y(160.0);
    golden("message-menu", &stage.picture());
}

#[test]
fn group_details() {
    let stage = Stage::signed_in(NARROW.0, NARROW.1);
    stage.open(TRIP, people::trip());
    let roles =
        [(ALICE, MemberRole::Admin), (BOB, MemberRole::Member), (CAROL, MemberRole::Owner), (ERIN, MemberRole::Member)];
    let members = roles.map(|(user, role)| MemberItem { user, name: name(user).to_owned(), role, joined: ago(900) });
    stage.show([Shown::Members { chat: TRIP, members: members.to_vec() }]);
    stage.window.global::<Shell<'_>>().set_sheet(SheetKind::Details);
    golden("group-narrow", &stage.picture());
}

fn sheet(kind: SheetKind, name: &str, width: f32, height: f32) {
    let stage = Stage::signed_in(width, height);
    stage.open(WITH_BOB, people::with_bob());
    stage.window.global::<raftchat_app::ui::People<'_>>().invoke_show(BOB.to_string().into());
    stage.window.global::<raftchat_app::ui::People<'_>>().invoke_clear();
    stage.window.global::<Connection<'_>>().invoke_watch(true);
    stage.window.global::<Shell<'_>>().set_sheet(kind);
    golden(name, &stage.picture());
}

#[test]
fn settings() {
    sheet(SheetKind::Settings, "settings-wide", WIDE.0, WIDE.1);
}

#[test]
fn new_conversation() {
    sheet(SheetKind::NewConversation, "new-conversation-narrow", NARROW.0, NARROW.1);
}

#[test]
fn person() {
    sheet(SheetKind::Person, "person-narrow", NARROW.0, NARROW.1);
}

#[test]
fn switcher() {
    sheet(SheetKind::Switcher, "switcher-wide", WIDE.0, WIDE.1);
}

#[test]
fn shortcuts() {
    sheet(SheetKind::Shortcuts, "shortcuts-wide", WIDE.0, WIDE.1);
}

#[test]
fn emoji() {
    sheet(SheetKind::Emoji, "emoji-narrow", NARROW.0, NARROW.1);
}
