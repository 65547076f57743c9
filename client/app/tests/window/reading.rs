//! Reading through a long conversation, of which the window has a part at any time.

use i_slint_backend_testing::ElementHandle;
use raftchat_app::ui::Timeline;
use raftchat_model::{Intent, Item, Shown, TimelineChange, TimelineState};
use raftchat_schema::id::Position;
use slint::platform::{Key, WindowEvent};
use slint::{ComponentHandle, LogicalPosition, Model};

use crate::stage::people::{self, BOB, TRIP, says};
use crate::stage::{Stage, intents, press};

const HELD: u64 = 160;

/// Of different heights.
fn text(at: u64) -> String {
    let more = [
        "",
        "\nand a second line",
        "",
        "",
        " with so many words that they need more lines than one has room for here, in a \
                 window of this width, which is not that wide",
    ];
    format!("Line {at}.{}", more[usize::try_from(at).unwrap() % more.len()])
}

fn open(stage: &Stage) {
    let said = (1..=HELD).map(|at| says(BOB, at, 500 - at, &text(at))).collect();
    stage.open(TRIP, people::in_runs(said));
    stage.picture();
}

/// Where the messages in sight are, from above.
fn in_sight(stage: &Stage) -> Vec<(String, f32)> {
    let rows = stage.window.global::<Timeline<'_>>().get_rows();
    rows.iter()
        .filter_map(|row| {
            let element = ElementHandle::find_by_accessible_label(&stage.window, &row.readout).next()?;
            Some((row.readout.to_string(), element.absolute_position().y))
        })
        .filter(|(_, y)| (60.0..640.0).contains(y))
        .collect()
}

fn scroll(stage: &Stage, by: f32) {
    let position = LogicalPosition::new(700.0, 300.0);
    stage.window.window().dispatch_event(WindowEvent::PointerScrolled { position, delta_x: 0.0, delta_y: by });
    for _ in 0..8 {
        stage.pass(32);
        drop(stage.window.window().take_snapshot().unwrap());
    }
}

/// By how much what was in sight before has moved; the same for all of it.
fn moved(before: &[(String, f32)], after: &[(String, f32)]) -> f32 {
    let find = |label: &str| after.iter().find(|(known, _)| known == label);
    let moves: Vec<f32> = before.iter().filter_map(|(label, y)| Some(find(label)?.1 - y)).collect();
    assert!(!moves.is_empty(), "nothing of what was in sight is left");
    assert!(moves.iter().all(|by| (by - moves[0]).abs() < 0.5), "{moves:?}");
    moves[0]
}

#[test]
fn who_scrolls_through_a_long_conversation_never_sees_it_jump() {
    let stage = Stage::signed_in(1000.0, 700.0);
    open(&stage);
    let timeline = stage.window.global::<Timeline<'_>>();
    let mut most = 0;
    for step in [180.0, -180.0] {
        let mut before = in_sight(&stage);
        loop {
            scroll(&stage, step);
            let after = in_sight(&stage);
            most = most.max(timeline.get_rows().row_count());
            let by = moved(&before, &after);
            if (by - step).abs() > 0.5 {
                let at_edge = if step > 0.0 { timeline.get_at_start() } else { timeline.get_at_end() };
                assert!(at_edge && by.abs() < step.abs(), "by {by} instead of {step}");
                break;
            }
            before = after;
        }
    }
    assert!(timeline.get_pinned());
    assert!(most < 90, "the window has {most} rows at once");
}

#[test]
fn what_comes_below_and_changes_above_does_not_move_what_is_read() {
    let stage = Stage::signed_in(1000.0, 700.0);
    open(&stage);
    for _ in 0..12 {
        scroll(&stage, 180.0);
    }
    let before = in_sight(&stage);
    let first = before[0].0.clone();
    let rows = stage.window.global::<Timeline<'_>>().get_rows();
    let above = rows.iter().position(|row| row.readout == first.as_str()).unwrap() - 5;
    let position = u64::try_from(rows.row_data(above).unwrap().position).unwrap();
    let longer = says(BOB, position, 500 - position, "Now\nthis\nhas\nfive\nlines");
    let new = says(BOB, HELD + 1, 0, "New");
    let at = usize::try_from(position - 1).unwrap();
    stage.show([Shown::Timeline {
        chat: TRIP,
        changes: vec![
            TimelineChange::Update { at, item: Item::Bubble(Box::new(longer)) },
            TimelineChange::Insert { at: usize::try_from(HELD).unwrap(), item: Item::Bubble(Box::new(new)) },
            TimelineChange::Remove { at: 0 },
        ],
    }]);
    stage.picture();
    assert!(moved(&before, &in_sight(&stage)).abs() < 0.5);
}

#[test]
fn the_model_is_told_what_is_read_and_asked_for_more_before_it_is_needed() {
    let stage = Stage::signed_in(1000.0, 700.0);
    open(&stage);
    let cut = TimelineState { at_start: false, ..people::at_end(TRIP) };
    stage.show([Shown::TimelineState(cut)]);
    let asked = |stage: &Stage| intents(stage).contains(&Intent::LoadOlder);
    let read = |stage: &Stage| {
        let at = |intent: &Intent| if let Intent::Reading { position } = intent { Some(position.0) } else { None };
        intents(stage).iter().rev().find_map(at).unwrap()
    };
    assert!(read(&stage) > HELD - 30, "{}", read(&stage));
    assert!(!asked(&stage));
    while !asked(&stage) {
        scroll(&stage, 600.0);
    }
    let labels = in_sight(&stage);
    let is_there = |at: &u64| labels.iter().any(|(label, _)| label.contains(&format!("Line {at}.")));
    let seen: Vec<u64> = (1..=HELD).filter(is_there).collect();
    assert!(seen[0] > 10, "{seen:?} are in sight");
    assert!(read(&stage).abs_diff(seen[0]) < 24, "{} while {seen:?} are in sight", read(&stage));
}

#[test]
fn the_keyboard_goes_on_from_where_it_was_although_the_window_has_dropped_that_row() {
    let stage = Stage::signed_in(1000.0, 700.0);
    open(&stage);
    press(&stage, Key::F6);
    press(&stage, Key::F6);
    press(&stage, Key::UpArrow);
    press(&stage, Key::UpArrow);
    stage.picture();
    for _ in 0..12 {
        scroll(&stage, 600.0);
    }
    let label = |at: u64| {
        let rows = stage.window.global::<Timeline<'_>>().get_rows();
        rows.iter().find(|row| row.plain.starts_with(&format!("Line {at}."))).map(|row| row.readout)
    };
    assert_eq!(label(HELD - 1), None, "it is far below");
    press(&stage, Key::UpArrow);
    stage.picture();
    assert!(stage.is_seen(&label(HELD - 2).unwrap()));
    press(&stage, Key::Home);
    assert!(intents(&stage).contains(&Intent::JumpTo { position: Position(1) }));
    stage.picture();
    assert!(stage.is_seen(&label(1).unwrap()));
    press(&stage, Key::End);
    stage.picture();
    assert!(stage.is_seen(&label(HELD).unwrap()));
}
