//! Whose password is hashed next: who was served longest ago, so that a device that asks without end waits for itself alone.
//! Pure: never knows a password, a thread, or the time.

use std::collections::HashMap;

use raftchat_schema::id::{DeviceId, UserId};

/// Of more devices and accounts than this it is not remembered when they were served last.
const REMEMBERED_MAX: usize = 8192;

/// Who wants something hashed. Both share: a device may have many accounts, an account many devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asker {
    /// From which device.
    pub(crate) device: DeviceId,
    /// The account that is known to be the asker's own; none where that is still to be shown.
    pub(crate) account: Option<UserId>,
}

impl Asker {
    fn names(self) -> impl Iterator<Item = Name> {
        [Some(Name::Device(self.device)), self.account.map(Name::Account)].into_iter().flatten()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Name {
    Device(DeviceId),
    Account(UserId),
}

/// Something that waits, for as long as anybody wants it.
pub(super) trait Wanted {
    fn is_wanted(&self) -> bool;
}

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    /// Of all.
    pub(super) all: usize,
    /// Of one device, and of one account.
    pub(super) each: usize,
}

#[derive(Debug)]
struct Waiting<J> {
    asker: Asker,
    /// Counts up: who came first goes first where nothing else decides.
    arrived: u64,
    job: J,
}

/// When somebody's turn is, the lowest first: those who have something before it, when they were served last, when it came.
type Turn = (usize, u64, u64);

/// What waits. A few dozen at most, so it is searched from end to end.
#[derive(Debug)]
pub(super) struct Queue<J> {
    places: Places,
    waiting: Vec<Waiting<J>>,
    /// When each was served last, counted in services.
    served: HashMap<Name, u64>,
    count: u64,
}

impl<J: Wanted> Queue<J> {
    pub(super) fn new(places: Places) -> Self {
        Self { places, waiting: Vec::new(), served: HashMap::new(), count: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Lets a job wait; gives the one that there is no place for: this one, or, where all places are taken, the one whose
    /// turn would be last.
    pub(super) fn enter(&mut self, asker: Asker, job: J) -> Result<(), J> {
        self.waiting.retain(|waiting| waiting.job.is_wanted());
        if asker.names().any(|name| self.places_of(name) >= self.places.each) {
            return Err(job);
        }
        self.count = self.count.saturating_add(1);
        let new = Waiting { asker, arrived: self.count, job };
        if self.waiting.len() < self.places.all {
            self.waiting.push(new);
            return Ok(());
        }
        let turns = (0..).zip(&self.waiting).map(|(at, waiting)| (self.turn(waiting), at));
        let last: Option<(Turn, usize)> = turns.max();
        match last.filter(|(turn, _)| self.turn(&new) < *turn) {
            Some((_, at)) => {
                let gone = self.waiting.remove(at);
                self.waiting.push(new);
                Err(gone.job)
            }
            None => Err(new.job),
        }
    }

    /// The one whose turn it is.
    pub(super) fn next(&mut self) -> Option<J> {
        self.waiting.retain(|waiting| waiting.job.is_wanted());
        let turns = (0..).zip(&self.waiting).map(|(at, waiting)| (self.turn(waiting), at));
        let (_, at) = turns.min()?;
        let Waiting { asker, job, .. } = self.waiting.remove(at);
        self.count = self.count.saturating_add(1);
        for name in asker.names() {
            self.served.insert(name, self.count);
        }
        self.forget_the_oldest();
        Some(job)
    }

    /// Takes out everything.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    fn turn(&self, of: &Waiting<J>) -> Turn {
        let before = |name: Name| {
            let earlier = self.waiting.iter().filter(|other| other.arrived < of.arrived);
            earlier.filter(|other| other.asker.names().any(|theirs| theirs == name)).count()
        };
        let served = |name: Name| self.served.get(&name).copied().unwrap_or(0);
        let before = of.asker.names().map(before).max().unwrap_or(0);
        (before, of.asker.names().map(served).max().unwrap_or(0), of.arrived)
    }

    fn places_of(&self, name: Name) -> usize {
        self.waiting.iter().filter(|waiting| waiting.asker.names().any(|theirs| theirs == name)).count()
    }

    fn forget_the_oldest(&mut self) {
        if self.served.len() > REMEMBERED_MAX {
            let mut times: Vec<u64> = self.served.values().copied().collect();
            let (_, middle, _) = times.select_nth_unstable(REMEMBERED_MAX / 2);
            let middle = *middle;
            self.served.retain(|_, served| *served > middle);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    /// A job with a name, which is wanted until somebody hangs up.
    #[derive(Clone, Debug, PartialEq, Eq)]
    struct Job(&'static str, Rc<Cell<bool>>);

    impl Wanted for Job {
        fn is_wanted(&self) -> bool {
            self.1.get()
        }
    }

    fn job(name: &'static str) -> Job {
        Job(name, Rc::new(Cell::new(true)))
    }

    fn device(number: u8) -> Asker {
        Asker { device: DeviceId([number; 32]), account: None }
    }

    fn queue(all: usize) -> Queue<Job> {
        Queue::new(Places { all, each: 2 })
    }

    fn order(queue: &mut Queue<Job>) -> Vec<&'static str> {
        std::iter::from_fn(|| queue.next()).map(|job| job.0).collect()
    }

    #[test]
    fn who_floods_has_two_places_and_comes_after_who_was_not_served_yet() {
        let (mut queue, mallory, alice) = (queue(8), device(6), device(1));
        queue.enter(mallory, job("m1")).unwrap();
        queue.enter(mallory, job("m2")).unwrap();
        assert_eq!(queue.enter(mallory, job("m3")).unwrap_err().0, "m3");
        assert_eq!(queue.next().unwrap().0, "m1");
        queue.enter(mallory, job("m3")).unwrap();
        queue.enter(alice, job("alice")).unwrap();
        assert_eq!(order(&mut queue), ["alice", "m2", "m3"]);
    }

    #[test]
    fn an_account_with_many_devices_is_one_asker() {
        let (mut queue, bob) = (queue(8), device(2));
        let of_account = |number: u8| Asker { account: Some(UserId(666)), ..device(number) };
        queue.enter(of_account(10), job("d10")).unwrap();
        queue.enter(of_account(11), job("d11")).unwrap();
        assert!(queue.enter(of_account(12), job("d12")).is_err());
        queue.enter(bob, job("bob")).unwrap();
        assert_eq!(order(&mut queue), ["d10", "bob", "d11"]);
    }

    #[test]
    fn fifty_devices_that_were_served_give_way_to_one_that_was_not() {
        let mut queue = queue(8);
        for number in 100..150 {
            queue.enter(device(number), job("first")).unwrap();
            queue.next().unwrap();
        }
        for number in 100..108 {
            queue.enter(device(number), job("again")).unwrap();
        }
        assert_eq!(queue.enter(device(149), job("late")).unwrap_err().0, "late", "served after all of them");
        assert_eq!(queue.enter(device(1), job("alice")).unwrap_err().0, "again", "instead of her");
        assert_eq!((queue.len(), queue.next().unwrap().0), (8, "alice"));
    }

    #[test]
    fn a_second_place_is_given_up_for_somebodys_first() {
        let (mut queue, alice) = (queue(4), device(1));
        queue.enter(alice, job("served")).unwrap();
        queue.next().unwrap();
        for number in [6, 6, 7, 7] {
            queue.enter(device(number), job("m")).unwrap();
        }
        assert_eq!(queue.enter(alice, job("alice")).unwrap_err().0, "m");
        assert_eq!(order(&mut queue), ["m", "m", "alice", "m"]);
    }

    #[test]
    fn who_hung_up_takes_no_place_and_is_not_served() {
        let (mut queue, mallory) = (queue(2), device(6));
        let (one, two) = (job("m1"), job("m2"));
        queue.enter(mallory, one.clone()).unwrap();
        queue.enter(mallory, two.clone()).unwrap();
        one.1.set(false);
        queue.enter(mallory, job("m3")).unwrap();
        two.1.set(false);
        assert_eq!(order(&mut queue), ["m3"]);
    }

    #[test]
    fn of_those_served_long_ago_it_is_forgotten() {
        let mut queue = queue(1);
        for number in 0..=u64::try_from(REMEMBERED_MAX).unwrap() {
            let mut id = [0; 32];
            id.get_mut(..8).unwrap().copy_from_slice(&number.to_be_bytes());
            queue.enter(Asker { device: DeviceId(id), account: None }, job("x")).unwrap();
            queue.next().unwrap();
        }
        assert!(queue.served.len() <= REMEMBERED_MAX);
        assert!(queue.served.len() >= REMEMBERED_MAX / 2 - 1);
    }
}
