//! A crowd of users of a measurement that lives on one thread: made side by side, each with a name and a number. Knows
//! nothing of what they are for.

use std::rc::Rc;

use futures::stream::{self, StreamExt, TryStreamExt};

use super::arena::Arena;
use super::door::{self, Door, Trouble, Visit, patiently};
use crate::failure::Failure;
use crate::shell::text::hex;

/// Hashing a password takes a node's whole attention: more at a time would only wait.
const REGISTERING_AT_ONCE: usize = 8;

/// A way in, and the name and password that the users' are made of.
pub(super) struct Crowd {
    pub(super) door: Rc<Door>,
    name: String,
    password: String,
}

impl Crowd {
    /// A crowd without anybody in it yet.
    pub(super) fn of(arena: &Arena) -> Result<Self, Failure> {
        let door = Door::new(arena.access.clone()).map_err(|error| Failure::System(error.to_string()))?;
        let hex = hex(&door::random().map_err(set_up)?);
        let (name, password) = hex.split_at(8);
        Ok(Self { door: Rc::new(door), name: name.to_owned(), password: password.to_owned() })
    }

    /// Makes the users `0..count`, each with a session over the node whose turn it is, and gives what `keep` makes of them.
    pub(super) async fn register<T>(&self, count: usize, keep: impl Fn(usize, Visit) -> T) -> Result<Vec<T>, Failure> {
        let register = |number| async move { self.one(number).await.map(|visit| (number, visit)) };
        let registered = stream::iter(0..count).map(register).buffer_unordered(REGISTERING_AT_ONCE);
        registered.map_ok(|(number, visit)| keep(number, visit)).try_collect().await.map_err(set_up)
    }

    async fn one(&self, number: usize) -> Result<Visit, Trouble> {
        let (token, name) = (door::random()?, self.name_of(number));
        patiently(async || self.door.register(number, &name, &self.password, &token).await).await
    }

    /// What the user of that number is called.
    pub(super) fn name_of(&self, number: usize) -> String {
        format!("bench-{}-{number}", self.name)
    }
}

/// For what goes wrong before anything was measured.
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub(super) fn set_up(trouble: Trouble) -> Failure {
    Failure::Failed(format!("the measurement cannot be set up: {trouble}"))
}
