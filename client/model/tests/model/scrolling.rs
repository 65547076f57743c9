//! A long conversation is read up and down in a window that holds a part of it: against the whole, and without a jump.

use proptest::prelude::*;
use raftchat_model::{ChatId, Intent};
use raftchat_schema::command::{Act, ConversationAct};
use raftchat_schema::id::{ConversationId, Position};

use crate::world::cluster::{ALICE, BOB, Cluster, says};
use crate::world::device::Device;
use crate::world::window::text;

/// So many messages are in sight above and below the one that is read.
const IN_SIGHT: u64 = 8;
/// So near to an end the window asks for more.
const MARGIN: u64 = 20;

/// Alice in front of her window.
struct Reader {
    cluster: Cluster,
    alice: Device,
    group: ConversationId,
    /// The message in the middle of the window.
    at: u64,
}

impl Reader {
    fn new(messages: u64) -> Self {
        let mut cluster = Cluster::new();
        let group = cluster.group(BOB, "boat", &[ALICE]);
        cluster.count(BOB, group, messages);
        let mut alice = Device::online(ALICE, &mut cluster);
        alice.open(group);
        alice.answer_reads(&cluster);
        let mut reader = Self { cluster, alice, group, at: 0 };
        reader.at = reader.span().1;
        reader.scroll(0);
        reader
    }

    fn span(&self) -> (u64, u64) {
        let positions: Vec<u64> =
            self.alice.window.bubbles().iter().filter_map(|bubble| bubble.position).map(|at| at.0).collect();
        assert!(positions.windows(2).all(|two| matches!(two, [one, next] if one + 1 == *next)), "{positions:?}");
        (*positions.first().unwrap(), *positions.last().unwrap())
    }

    fn in_sight(&self) -> std::ops::RangeInclusive<u64> {
        let (first, last) = self.span();
        self.at.saturating_sub(IN_SIGHT).max(first)..=(self.at + IN_SIGHT).min(last)
    }

    /// What stands in the window, as it is drawn.
    fn sight(&self) -> Vec<raftchat_model::Bubble> {
        self.in_sight().map(|position| self.alice.window.at(position).clone()).collect()
    }

    fn scroll(&mut self, by: i64) {
        let (first, last) = self.span();
        self.at = self.at.saturating_add_signed(by).clamp(first, last);
        self.alice.want(Intent::Reading { position: Position(self.at) });
        let state = self.alice.window.state.clone().unwrap();
        if self.at < first + MARGIN && !state.at_start {
            self.alice.want(Intent::LoadOlder);
        }
        if self.at + MARGIN > last && !state.at_end {
            self.alice.want(Intent::LoadNewer);
        }
        self.alice.answer_reads(&self.cluster);
    }

    /// The window follows what it is taken to.
    fn taken_to(&mut self, position: u64) {
        self.alice.answer_reads(&self.cluster);
        let (first, last) = self.span();
        self.at = position.clamp(first, last);
        self.scroll(0);
    }

    fn news(&mut self, count: u64) {
        let was_at_end = self.alice.window.state.as_ref().unwrap().at_end && self.at == self.span().1;
        for number in 0..count {
            self.cluster.say(BOB, self.group, &format!("news {number}"));
        }
        self.alice.follow(&self.cluster);
        if was_at_end {
            self.at = self.span().1;
            self.scroll(0);
        }
    }

    fn change(&mut self, which: u64) {
        let position = Position(1 + which % self.cluster.last(self.group).0);
        let Some(message) = self.cluster.message(self.group, position).filter(|message| message.sender == BOB) else {
            return;
        };
        let conversation = self.group;
        let act = if which.is_multiple_of(3) {
            Act::In(conversation, ConversationAct::DeleteMessage { position })
        } else {
            Act::In(
                conversation,
                ConversationAct::EditMessage { position, payload: says(&format!("{which} {}", message.revision)) },
            )
        };
        if !message.payload.is_empty() {
            self.cluster.act(BOB, &act);
        }
        self.alice.follow(&self.cluster);
    }

    /// All that is shown is what there is, and what is said of the rest is true.
    fn check(&self) {
        let (first, end) = self.span();
        let there = self.cluster.last(self.group).0;
        for bubble in self.alice.window.bubbles() {
            let Some(position) = bubble.position else { continue };
            assert_eq!(text(&bubble.body), self.truth(position.0), "{position}");
        }
        let state = self.alice.window.state.as_ref().unwrap();
        assert_eq!(state.at_start, first == 1);
        assert!(!state.at_end || end == there, "{state:?}");
        assert_eq!(state.below, there - end);
    }

    fn truth(&self, position: u64) -> String {
        let message = self.cluster.message(self.group, Position(position)).unwrap();
        let payload = String::from_utf8(message.payload).unwrap();
        payload.rsplit('|').next().filter(|text| !text.is_empty()).unwrap_or("×").to_owned()
    }
}

#[test]
fn reading_up_and_down_holds_a_part_and_shows_the_whole() {
    let mut reader = Reader::new(2_000);
    let mut most = 0;
    while reader.at > 1 {
        reader.scroll(-25);
        reader.alice.wait(400);
        reader.check();
        most = most.max(reader.alice.window.timeline.len());
    }
    assert!(reader.alice.window.state.as_ref().unwrap().at_start);
    assert!(reader.alice.window.state.as_ref().unwrap().below > 1_500);
    while !(reader.alice.window.state.as_ref().unwrap().at_end && reader.at == 2_000) {
        reader.scroll(25);
        reader.alice.wait(400);
        reader.check();
        most = most.max(reader.alice.window.timeline.len());
    }
    assert!(most <= 500, "{most}");
    reader.news(3);
    assert_eq!(reader.span().1, 2_003);
}

#[test]
fn what_comes_at_the_end_is_held_as_far_as_it_is_read() {
    let mut reader = Reader::new(60);
    for _ in 0..100 {
        reader.news(20);
        reader.alice.wait(400);
        assert!(reader.alice.window.timeline.len() <= 500);
    }
    reader.check();
    assert_eq!(reader.at, 2_060);

    reader.scroll(-100);
    for _ in 0..100 {
        let sight = reader.sight();
        reader.news(20);
        reader.alice.wait(400);
        assert_eq!(reader.sight(), sight, "nothing moves for who reads further up");
    }
    reader.check();
    let state = reader.alice.window.state.clone().unwrap();
    assert!(!state.at_end && state.below > 1_000 && reader.alice.window.timeline.len() <= 1_020, "{state:?}");
    reader.alice.want(Intent::JumpTo { position: Position(u64::MAX) });
    reader.taken_to(u64::MAX);
    assert_eq!(reader.at, 4_060);
    assert!(reader.alice.window.state.as_ref().unwrap().at_end);
}

#[test]
fn who_does_not_say_what_they_read_is_shown_everything() {
    let mut cluster = Cluster::new();
    let group = cluster.group(BOB, "boat", &[ALICE]);
    let mut alice = Device::online(ALICE, &mut cluster);
    alice.open(group);
    for _ in 0..30 {
        cluster.count(BOB, group, 50);
        alice.follow(&cluster);
        alice.wait(400);
    }
    assert_eq!(alice.window.bubbles().len(), 1_500);
}

#[test]
fn what_is_sent_from_far_up_is_seen_at_the_end() {
    let mut reader = Reader::new(1_500);
    while reader.at > 300 {
        reader.scroll(-25);
        reader.alice.wait(400);
    }
    assert!(!reader.alice.window.state.as_ref().unwrap().at_end);
    reader.alice.say(ChatId::Known(reader.group), "here");
    reader.alice.settle(&mut reader.cluster);
    reader.taken_to(u64::MAX);
    reader.check();
    assert_eq!(reader.alice.window.texts().last().map(String::as_str), Some("here"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_in_sight_ever_moves_and_all_is_true(
        messages in 1_u64..1_500,
        steps in proptest::collection::vec((0_u8..10, any::<u16>()), 1..120),
    ) {
        let mut reader = Reader::new(messages);
        for (kind, which) in steps {
            let which = u64::from(which);
            let (at, sight) = (reader.at, reader.sight());
            let mut stays = true;
            match kind {
                0..=3 => {
                    // For a while in one direction.
                    let by = if which.is_multiple_of(2) { -18 } else { 18 };
                    for _ in 0..which % 24 {
                        reader.scroll(by);
                        let sight = reader.sight();
                        reader.alice.wait(which % 200);
                        prop_assert_eq!(reader.sight(), sight);
                    }
                    stays = false;
                }
                4 | 5 => {
                    reader.news(which % 40);
                    stays = reader.at == at;
                }
                6 => {
                    reader.change(which);
                    stays = false;
                }
                7 => {
                    let position = 1 + which % (reader.cluster.last(reader.group).0 + 5);
                    reader.alice.want(Intent::JumpTo { position: Position(position) });
                    reader.taken_to(position);
                    stays = false;
                }
                8 if which.is_multiple_of(3) => {
                    reader.alice.say(ChatId::Known(reader.group), "mine");
                    reader.alice.settle(&mut reader.cluster);
                    reader.taken_to(u64::MAX);
                    stays = false;
                }
                _ => reader.alice.wait(which % 1_000),
            }
            reader.check();
            if stays {
                let same: Vec<_> = sight.iter().map(|bubble| (bubble.position, bubble.body.clone())).collect();
                let now: Vec<_> = sight
                    .iter()
                    .filter_map(|bubble| bubble.position)
                    .map(|position| reader.alice.window.at(position.0))
                    .map(|bubble| (bubble.position, bubble.body.clone()))
                    .collect();
                prop_assert_eq!(now, same);
            }
        }
        reader.alice.want(Intent::JumpTo { position: Position(u64::MAX) });
        reader.taken_to(u64::MAX);
        let there = reader.cluster.last(reader.group).0;
        prop_assert_eq!(reader.at, there);
        let mut read = vec![there];
        while reader.at > 1 {
            reader.scroll(-18);
            reader.alice.wait(400);
            reader.check();
            read.push(reader.at);
            prop_assert!(reader.alice.window.timeline.len() <= 1_100);
        }
        prop_assert!(read.windows(2).all(|two| matches!(two, [one, next] if next < one)), "never stuck");
    }
}
