//! What drawing costs, counted in rows and not in time.

use raftchat_model::{Item, Shown, TimelineChange};

use crate::stage::Stage;
use crate::stage::people::{self, BOB, WITH_BOB, says};

fn conversation(stage: &Stage, length: u64) {
    let old = (1..=length).map(|at| says(BOB, at, 500 - at, &format!("Line {at}"))).collect();
    stage.open(WITH_BOB, people::in_runs(old));
    stage.picture();
}

#[test]
fn a_message_that_comes_makes_only_itself_and_its_neighbour() {
    let stage = Stage::signed_in(1000.0, 700.0);
    conversation(&stage, 200);
    let before = stage.bridge.rows_made();
    let item = Item::Bubble(Box::new(says(BOB, 201, 0, "New")));
    stage.show([Shown::Timeline { chat: WITH_BOB, changes: vec![TimelineChange::Insert { at: 200, item }] }]);
    stage.picture();
    assert!(stage.bridge.rows_made() - before <= 3, "{} rows", stage.bridge.rows_made() - before);
}

#[test]
fn two_hundred_messages_are_one_batch_and_end_exactly_at_the_bottom() {
    let stage = Stage::signed_in(1000.0, 700.0);
    conversation(&stage, 20);
    let items = (0..200_u64).map(|at| {
        let item = Item::Bubble(Box::new(says(BOB, 21 + at, 0, &format!("Burst {at}"))));
        let at = usize::try_from(20 + at).unwrap();
        Shown::Timeline { chat: WITH_BOB, changes: vec![TimelineChange::Insert { at, item }] }
    });
    let before = stage.bridge.rows_made();
    stage.show(items);
    stage.picture();
    assert!(stage.bridge.rows_made() - before <= 402, "{} rows", stage.bridge.rows_made() - before);
    assert!(stage.is_seen("Bob Baker: Burst 199, 18:55"));
}
