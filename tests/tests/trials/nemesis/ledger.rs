//! What people were told is stored: what each conversation must hold in the end. Knows nothing of nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use raftchat_schema::id::ConversationId;

use raftchat_tests::draw::Draw;

/// One message, as far as its sender and those who reacted know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) by: String,
    /// None: deleted.
    pub(super) text: Option<String>,
    /// How often it was edited.
    pub(super) edits: u32,
    /// Who with what.
    pub(super) reactions: BTreeSet<(String, String)>,
}

/// The messages of a conversation, by position.
pub(super) type Words = BTreeMap<u64, Word>;

#[derive(Debug, Default)]
struct Pages {
    conversations: BTreeMap<ConversationId, Words>,
    /// When each person was last told that something is stored, and what the longest time between two such moments was.
    told: BTreeMap<String, (Instant, Duration, u64)>,
    /// How often each reason not to do something was told.
    put_off: BTreeMap<String, u64>,
    title: String,
    /// Whether erin is in the group.
    erin: bool,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Ledger(Mutex<Pages>);

impl Ledger {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap()
    }

    /// Somebody was told that something is stored.
    pub(super) fn told(&self, who: &str) {
        let now = Instant::now();
        let mut pages = self.pages();
        let (last, longest, count) = pages.told.entry(who.to_owned()).or_insert((now, Duration::ZERO, 0));
        *longest = now.duration_since(*last).max(*longest);
        (*last, *count) = (now, *count + 1);
    }

    /// Somebody was told why something is not done now.
    pub(super) fn put_off(&self, code: &str) {
        *self.pages().put_off.entry(code.to_owned()).or_default() += 1;
    }

    /// How many have been told that something is stored since then.
    pub(super) fn told_since(&self, since: Instant) -> usize {
        self.pages().told.values().filter(|(last, ..)| *last > since).count()
    }

    pub(super) fn said(&self, by: &str, conversation: ConversationId, position: u64, text: String) {
        let word = Word { by: by.to_owned(), text: Some(text), edits: 0, reactions: BTreeSet::new() };
        let before = self.pages().conversations.entry(conversation).or_default().insert(position, word);
        assert_eq!(before, None, "two are at {position} of {conversation}");
    }

    /// Changes what a message must be.
    pub(super) fn change(&self, conversation: ConversationId, position: u64, change: impl FnOnce(&mut Word)) {
        change(self.pages().conversations.get_mut(&conversation).unwrap().get_mut(&position).unwrap());
    }

    pub(super) fn titled(&self, title: &str) {
        title.clone_into(&mut self.pages().title);
    }

    pub(super) fn erin_is_in(&self, is_in: bool) {
        self.pages().erin = is_in;
    }

    pub(super) fn has_erin(&self) -> bool {
        self.pages().erin
    }

    pub(super) fn title(&self) -> String {
        self.pages().title.clone()
    }

    /// One of the newest messages of a conversation, by lot, that is not deleted; of that person's, if one is named.
    pub(super) fn any(&self, draw: &mut Draw, conversation: ConversationId, by: Option<&str>) -> Option<u64> {
        const NEWEST: usize = 40;
        let pages = self.pages();
        let words = pages.conversations.get(&conversation)?;
        let fits = |word: &Word| word.text.is_some() && by.is_none_or(|by| word.by == by);
        let those: Vec<_> = words.iter().rev().take(NEWEST).filter(|(_, word)| fits(word)).map(|(at, _)| *at).collect();
        let at = draw.below(those.len().max(1) as u64);
        those.get(usize::try_from(at).unwrap()).copied()
    }

    /// What every conversation must hold.
    pub(super) fn all(&self) -> BTreeMap<ConversationId, Words> {
        self.pages().conversations.clone()
    }

    /// Prints how it went.
    pub(super) fn tell(&self) {
        let pages = self.pages();
        let said: usize = pages.conversations.values().map(BTreeMap::len).sum();
        println!("{said} messages in {} conversations", pages.conversations.len());
        for (who, (_, longest, acts)) in &pages.told {
            println!("{who}: {acts} acts were acknowledged, with {longest:?} between two at the most");
        }
        println!("put off, and done later: {:?}", pages.put_off);
    }
}
