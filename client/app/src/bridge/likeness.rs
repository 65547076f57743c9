//! Whose name could be taken for whose, without comparing each with each. Knows nothing of what is drawn.

use std::collections::{BTreeMap, BTreeSet};

use raftchat_model::Person;
use raftchat_model::text::safe;
use raftchat_schema::id::UserId;

/// The names of all people by what they look like.
#[derive(Default)]
pub(super) struct Likeness {
    by_look: BTreeMap<Look, BTreeSet<UserId>>,
    of: BTreeMap<UserId, BTreeSet<Look>>,
}

/// One of the two looks, with its kind: those of one kind are never those of the other.
type Look = (usize, String);

fn looks(name: &str) -> impl Iterator<Item = Look> {
    safe::likeness(name).into_iter().enumerate()
}

impl Likeness {
    /// Takes note of what a person is called, in place of what they were called. Those whose account is gone are all called
    /// the same, and like nobody.
    pub(super) fn put(&mut self, person: &Person) {
        for look in self.of.remove(&person.user).unwrap_or_default() {
            if let Some(users) = self.by_look.get_mut(&look) {
                users.remove(&person.user);
                if users.is_empty() {
                    self.by_look.remove(&look);
                }
            }
        }
        if person.deleted {
            return;
        }
        let looks: BTreeSet<Look> = looks(&person.display_name).chain(looks(person.username.as_str())).collect();
        for look in &looks {
            self.by_look.entry(look.clone()).or_default().insert(person.user);
        }
        self.of.insert(person.user, looks);
    }

    /// The first who is called, or has a username, that the name of `person` can be taken for.
    pub(super) fn first_like(&self, person: &Person) -> Option<UserId> {
        let alike = looks(&person.display_name).filter_map(|look| self.by_look.get(&look));
        alike.flatten().copied().filter(|user| *user != person.user).min()
    }

    /// Forgets all names and what they look like.
    pub(super) fn clear(&mut self) {
        self.by_look.clear();
        self.of.clear();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn called(user: u64, username: &str, display_name: &str) -> Person {
        Person {
            user: UserId(user),
            username: username.parse().unwrap(),
            display_name: display_name.to_owned(),
            me: false,
            online: false,
            last_seen: None,
            deleted: false,
            blocked: false,
            presence_hidden: false,
            receipts_off: false,
        }
    }

    #[test]
    fn a_name_is_found_by_its_looks_until_its_owner_is_called_otherwise() {
        let mut known = Likeness::default();
        known.put(&called(1, "carol", "Carol Cohen"));
        known.put(&called(2, "bob", "Bob"));
        let false_carol = called(3, "carol2", "Саrоl Соhеn");
        assert_eq!(known.first_like(&false_carol), Some(UserId(1)));
        assert_eq!(known.first_like(&called(3, "carol2", "CAROL")), Some(UserId(1)), "her username too");
        assert_eq!(known.first_like(&called(1, "carol", "Carol Cohen")), None, "she is herself");
        known.put(&called(1, "carol", "Caroline"));
        assert_eq!(known.first_like(&false_carol), None);
        known.put(&Person { deleted: true, ..called(2, "bob", "Bob") });
        assert_eq!(known.first_like(&called(4, "bob2", "Bob")), None, "Bob is gone");
        known.clear();
        assert_eq!(known.first_like(&called(4, "bob2", "Bob")), None);
    }
}
