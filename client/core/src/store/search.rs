//! Finds messages by their words, the newest first. Knows the index, and nothing of how it came about.
//!
//! Under each word the newest message comes first, so that a search for common words ends as soon as it has found enough,
//! and one for a rare word with a common one looks the common one up at few places.

use std::collections::BTreeSet;

use raftchat_model::text::words::{self, Matching, Term};
use raftchat_schema::id::ConversationId;
use raftchat_schema::view::MessageView;

use super::database::{Scan, Table, View};
use super::error::StoreError;
use super::keys::{self, Rank};
use super::{index, overlay};

/// Up to so many entries under a beginning of words are read and sorted; beyond it messages that say such a word are
/// common enough to be found by looking at each.
const LISTED_MAX: usize = 20_000;
/// After so many entries in vain it is quicker to look up the next place than to walk there.
const STEPS_MAX: usize = 16;

pub(super) fn search(
    view: &View,
    query: &str,
    limit: usize,
    within: Option<ConversationId>,
) -> Result<Vec<MessageView>, StoreError> {
    let terms = words::query(query);
    if terms.is_empty() || limit == 0 {
        return Ok(Vec::new());
    }
    let search = Search { view, terms, limit, within, removing: super::removing(view)? };
    let mut lists = Vec::new();
    for term in &search.terms {
        lists.extend(match term.matching {
            Matching::Whole => Some(List::Word(Postings::new(view, &term.word)?)),
            Matching::Start => search.listed(&term.word)?.map(List::Sorted),
        });
    }
    if lists.is_empty() {
        let newest = search.newest_of_common()?;
        lists.push(List::Sorted(Sorted { ranks: newest.into_iter().collect(), at: 0 }));
    }
    search.common_to_all(lists)
}

struct Search<'a> {
    view: &'a View,
    terms: Vec<Term>,
    limit: usize,
    within: Option<ConversationId>,
    removing: BTreeSet<ConversationId>,
}

impl Search<'_> {
    fn wanted(&self, rank: Rank) -> bool {
        let conversation = rank.conversation();
        self.within.is_none_or(|within| within == conversation) && !self.removing.contains(&conversation)
    }

    /// The messages that stand in all lists.
    fn common_to_all(&self, mut lists: Vec<List<'_>>) -> Result<Vec<MessageView>, StoreError> {
        let mut hits = Vec::new();
        let mut from = Rank::FIRST;
        while hits.len() < self.limit {
            let Some(rank) = meet(&mut lists, from)? else {
                break;
            };
            if self.wanted(rank) {
                hits.extend(self.hit(rank)?);
            }
            from = rank.next();
        }
        Ok(hits)
    }

    /// The message there, if it does say what is looked for: after damage an entry may outlive what it was made of.
    fn hit(&self, rank: Rank) -> Result<Option<MessageView>, StoreError> {
        let key = keys::message(rank.conversation(), rank.position());
        let sealed = self.view.get(Table::Messages, &key)?;
        let message: Option<MessageView> = sealed.and_then(|sealed| overlay::read(&key, &sealed));
        Ok(message.filter(|message| index::rank(message) == rank && self.says_all(message)))
    }

    fn says_all(&self, message: &MessageView) -> bool {
        let text = index::text(message).unwrap_or_default();
        let words: BTreeSet<String> = words::words(&text).collect();
        self.terms.iter().all(|term| words.iter().any(|word| term.matches(word)))
    }

    /// All messages with a word that begins so; none if there are too many.
    fn listed(&self, beginning: &str) -> Result<Option<Sorted>, StoreError> {
        let mut ranks = Vec::new();
        for key in self.view.prefix(Table::Words, beginning.as_bytes()).keys() {
            if ranks.len() == LISTED_MAX {
                return Ok(None);
            }
            ranks.extend(keys::of_posting(&key?).map(|(_, rank)| rank));
        }
        ranks.sort_unstable();
        ranks.dedup();
        Ok(Some(Sorted { ranks, at: 0 }))
    }

    /// The newest messages with a word that begins as the query's last does. Of each such word only the first entries are
    /// read: those behind are older than what is already found.
    fn newest_of_common(&self) -> Result<BTreeSet<Rank>, StoreError> {
        let mut newest = BTreeSet::new();
        let Some(Term { word: beginning, .. }) = self.terms.iter().find(|term| term.matching == Matching::Start) else {
            return Ok(newest);
        };
        let end = successor(beginning);
        let mut scan = self.view.prefix(Table::Words, beginning.as_bytes());
        let mut in_vain = 0;
        while let Some(key) = scan.next_key().transpose()? {
            let Some((word, rank)) = keys::of_posting(&key) else { continue };
            if newest.len() < self.limit || newest.last().is_some_and(|oldest| rank < *oldest) {
                if self.wanted(rank) {
                    newest.insert(rank);
                }
                if newest.len() > self.limit {
                    newest.pop_last();
                }
                in_vain = 0;
                continue;
            }
            in_vain += 1;
            if in_vain == STEPS_MAX {
                in_vain = 0;
                scan = self.view.range(Table::Words, [word, &[1]].concat(), end.clone());
            }
        }
        Ok(newest)
    }
}

/// The first rank from `from` on that stands in all lists.
fn meet(lists: &mut [List<'_>], mut from: Rank) -> Result<Option<Rank>, StoreError> {
    loop {
        let start = from;
        for list in &mut *lists {
            let Some(rank) = list.seek(from)? else {
                return Ok(None);
            };
            from = rank;
        }
        if from == start {
            return Ok(Some(from));
        }
    }
}

/// Ranks in their order.
enum List<'a> {
    Word(Postings<'a>),
    Sorted(Sorted),
}

impl List<'_> {
    /// The first rank from `from` on; never asked for an earlier one again.
    fn seek(&mut self, from: Rank) -> Result<Option<Rank>, StoreError> {
        match self {
            Self::Word(postings) => postings.seek(from),
            Self::Sorted(sorted) => Ok(sorted.seek(from)),
        }
    }
}

/// In memory.
struct Sorted {
    ranks: Vec<Rank>,
    at: usize,
}

impl Sorted {
    fn seek(&mut self, from: Rank) -> Option<Rank> {
        let ahead = self.ranks.get(self.at..).unwrap_or_default();
        self.at = self.at.saturating_add(ahead.partition_point(|rank| *rank < from));
        self.ranks.get(self.at).copied()
    }
}

/// Under one word of the index.
struct Postings<'a> {
    view: &'a View,
    word: &'a str,
    scan: Scan,
    current: Option<Rank>,
}

impl<'a> Postings<'a> {
    fn new(view: &'a View, word: &'a str) -> Result<Self, StoreError> {
        let scan = scan(view, word, Rank::FIRST);
        let mut postings = Self { view, word, scan, current: None };
        postings.step()?;
        Ok(postings)
    }

    fn step(&mut self) -> Result<(), StoreError> {
        let key = self.scan.next_key().transpose()?;
        self.current = key.and_then(|key| keys::of_posting(&key).map(|(_, rank)| rank));
        Ok(())
    }

    fn seek(&mut self, from: Rank) -> Result<Option<Rank>, StoreError> {
        for _ in 0..STEPS_MAX {
            if self.current.is_none_or(|rank| rank >= from) {
                return Ok(self.current);
            }
            self.step()?;
        }
        if self.current.is_some_and(|rank| rank < from) {
            self.scan = scan(self.view, self.word, from);
            self.step()?;
        }
        Ok(self.current)
    }
}

fn scan(view: &View, word: &str, from: Rank) -> Scan {
    view.range(Table::Words, keys::posting(word, from), [word.as_bytes(), &[1]].concat())
}

/// The first key behind all that begin so. No text has the highest byte in it.
fn successor(beginning: &str) -> Vec<u8> {
    let mut end = beginning.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last = last.saturating_add(1);
    }
    end
}
