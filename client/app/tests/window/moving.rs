//! Going on over another node is not seen but in the line that tells of the connection.

use raftchat_app::ui::Timeline;
use raftchat_model::{Connection, Item, Shown, TimelineChange};
use raftchat_schema::id::{NodeId, Position};
use slint::ComponentHandle;

use crate::stage::people::{self, BOB, TRIP, says};
use crate::stage::{Picture, Stage, element, row_key};

fn said() -> Vec<Item> {
    people::in_runs((1..=80).map(|at| says(BOB, at, 200 - at, &format!("Line {at}"))).collect())
}

/// A conversation that is longer than the window, with the reader in the middle of it.
fn reading(stage: &Stage) {
    stage.open(TRIP, said());
    stage.picture();
    stage.window.global::<Timeline<'_>>().set_reveal_key(row_key(stage, 15));
    stage.picture();
}

/// All that the window is told while the streams go on over another node: how the links stand, that they have moved, and
/// again what both links have delivered.
fn the_move() -> Vec<Shown> {
    let again = |at: usize| TimelineChange::Update { at, item: said().remove(at) };
    let online = |node, rtt_ms| Shown::Connection(Connection::Online { node: NodeId(node), rtt_ms });
    let mut told = vec![
        online(1, 9),
        online(1, 250),
        Shown::Connection(Connection::Connecting),
        Shown::Connection(Connection::CatchingUp { node: NodeId(3), rtt_ms: 12 }),
        Shown::Timeline { chat: TRIP, changes: vec![again(60), again(79)] },
        Shown::TimelineState(raftchat_model::TimelineState { loading: true, ..people::at_end(TRIP) }),
        Shown::TimelineState(people::at_end(TRIP)),
        people::pins(TRIP, 0),
        people::person(BOB),
        Shown::Typing { chat: TRIP, names: Vec::new() },
        Shown::Moved { from: NodeId(1), to: NodeId(3), ms: 84 },
        people::online(),
    ];
    told.extend(people::chats());
    told
}

fn picture_now(stage: &Stage) -> Picture {
    stage.window.window().take_snapshot().unwrap()
}

/// Where two pictures differ: left, top, right, bottom.
fn difference(one: &Picture, other: &Picture) -> Option<[f32; 4]> {
    let width = one.width() as usize;
    let differs = one.as_slice().iter().zip(other.as_slice()).enumerate().filter(|(_, (one, other))| one != other);
    #[expect(clippy::cast_precision_loss, reason = "a window is not that large")]
    let places = differs.map(|(at, _)| ((at % width) as f32, (at / width) as f32));
    places.fold(None, |found, (x, y)| {
        let [left, top, right, bottom] = found.unwrap_or([x, y, x, y]);
        Some([x.min(left), y.min(top), x.max(right), y.max(bottom)])
    })
}

#[test]
fn in_no_frame_of_a_move_anything_but_the_line_of_the_connection_is_drawn_otherwise() {
    let stage = Stage::signed_in(1000.0, 700.0);
    reading(&stage);
    // Nobody looks at the entry field: its cursor does not blink.
    crate::stage::press(&stage, slint::platform::Key::F6);
    crate::stage::press(&stage, slint::platform::Key::F6);
    stage.picture();
    let before = stage.picture();
    let mut seen = 0;
    for told in the_move() {
        let what = format!("{told:?}");
        stage.show([told]);
        for _ in 0..12 {
            let now = picture_now(&stage);
            let line = stage.window.global::<raftchat_app::ui::Connection<'_>>().get_said();
            let chip = element(&stage, &format!("Connection: {line}")).absolute_position();
            if let Some([left, top, right, bottom]) = difference(&before, &now) {
                seen += 1;
                let in_line = right < 330.0 && left >= chip.x && top >= chip.y && bottom <= chip.y + 28.0;
                assert!(in_line, "{what} is seen at {left},{top} to {right},{bottom}");
            }
            stage.pass(16);
        }
    }
    assert!(seen > 0, "the line says it");
}

#[test]
fn a_message_that_is_gone_to_is_gone_to_again_and_from_far_away() {
    let stage = Stage::signed_in(1000.0, 700.0);
    let old = (1..=300).map(|at| says(BOB, at, 500 - at, &format!("Line {at}"))).collect();
    stage.open(TRIP, people::in_runs(old));
    stage.picture();
    let timeline = stage.window.global::<Timeline<'_>>();
    let tall = stage.window.window().size().height;
    for position in [40, 250, 40] {
        timeline.invoke_jump_to(position);
        stage.picture();
        let time = people::ago(500 - u64::from(position.unsigned_abs())).0 / 60_000 % (24 * 60);
        let label = format!("Bob Baker: Line {position}, {:02}:{:02}", time / 60, time % 60);
        assert!(stage.is_seen(&label), "{label} in {tall}");
        timeline.invoke_jump_to_end();
        stage.picture();
        assert!(timeline.get_pinned());
    }
    let asked = crate::stage::intents(&stage);
    assert!(asked.contains(&raftchat_model::Intent::JumpTo { position: Position(40) }));
}
