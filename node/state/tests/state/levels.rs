//! The feature level: raised through the log, never lowered, and a part of what all nodes have in common.

use raftchat_schema::command::{Command, Done};
use raftchat_schema::level::Level;
use raftchat_state::{level, state_hash};

use crate::world::World;

#[test]
fn the_level_is_raised_once_and_never_goes_back() {
    let mut world = World::default();
    assert_eq!(level(&world.tables), Ok(Level::FIRST), "as a new cluster begins");
    for (raised, expected) in [(3, 3), (2, 3), (3, 3), (4, 4)] {
        assert_eq!(world.one(Command::RaiseLevel(Level(raised))), Ok(Done::Nothing));
        assert_eq!(level(&world.tables), Ok(Level(expected)));
    }
}

#[test]
fn two_states_that_differ_in_nothing_but_the_level_have_other_hashes() {
    let (mut one, mut other) = (World::default(), World::default());
    one.one(Command::RaiseLevel(Level(2))).unwrap();
    other.one(Command::RaiseLevel(Level(1))).unwrap();
    assert_ne!(state_hash(&one.tables).unwrap(), state_hash(&other.tables).unwrap());
}
