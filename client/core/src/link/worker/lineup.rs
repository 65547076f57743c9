//! Which link serves, which stands by, and which are still listened to. Pure: tells one link from another, and knows nothing
//! else of them.

use std::rc::Rc;

/// The links of a client, each in one place at most.
#[derive(Debug)]
pub(super) struct LineUp<L> {
    active: Option<Rc<L>>,
    standby: Option<Rc<L>>,
    /// Were suspected a moment ago, the latest last.
    listening: Vec<(Turn, Rc<L>)>,
    turns: u64,
}

/// One time that a link is listened to. If it serves in between, the next time is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn(u64);

impl<L> Default for LineUp<L> {
    fn default() -> Self {
        Self { active: None, standby: None, listening: Vec::new(), turns: 0 }
    }
}

impl<L> LineUp<L> {
    pub(super) fn active(&self) -> Option<&Rc<L>> {
        self.active.as_ref()
    }

    pub(super) fn standby(&self) -> Option<&Rc<L>> {
        self.standby.as_ref()
    }

    /// Those that are still listened to, the latest last.
    pub(super) fn listening(&self) -> impl DoubleEndedIterator<Item = &Rc<L>> {
        self.listening.iter().map(|(_, link)| link)
    }

    /// The one that serves first.
    pub(super) fn all(&self) -> impl Iterator<Item = &Rc<L>> {
        self.active.iter().chain(&self.standby).chain(self.listening())
    }

    pub(super) fn is_active(&self, link: &Rc<L>) -> bool {
        self.active.as_ref().is_some_and(|active| Rc::ptr_eq(active, link))
    }

    pub(super) fn is_standby(&self, link: &Rc<L>) -> bool {
        self.standby.as_ref().is_some_and(|standby| Rc::ptr_eq(standby, link))
    }

    /// It serves from now on, wherever it was. Gives the one that did before.
    pub(super) fn serve(&mut self, link: &Rc<L>) -> Option<Rc<L>> {
        let before = self.active.take().filter(|before| !Rc::ptr_eq(before, link));
        self.remove(link);
        self.active = Some(Rc::clone(link));
        before
    }

    /// It stands by from now on. Gives the one that did before.
    pub(super) fn stand_by(&mut self, link: &Rc<L>) -> Option<Rc<L>> {
        let before = self.standby.take().filter(|before| !Rc::ptr_eq(before, link));
        self.remove(link);
        self.standby = Some(Rc::clone(link));
        before
    }

    /// It is listened to from now on, until that turn is over.
    pub(super) fn listen(&mut self, link: &Rc<L>) -> Turn {
        self.remove(link);
        self.turns = self.turns.wrapping_add(1);
        let turn = Turn(self.turns);
        self.listening.push((turn, Rc::clone(link)));
        turn
    }

    /// The time of a turn is over: the link that is to be let go for it; none where it has served since, or was let go.
    pub(super) fn turn_is_over(&mut self, turn: Turn) -> Option<Rc<L>> {
        let at = self.listening.iter().position(|(held, _)| *held == turn)?;
        Some(self.listening.remove(at).1)
    }

    /// It has no place any more.
    pub(super) fn remove(&mut self, link: &Rc<L>) {
        let is_it = |held: &mut Rc<L>| Rc::ptr_eq(held, link);
        self.active.take_if(is_it);
        self.standby.take_if(is_it);
        self.listening.retain(|(_, held)| !Rc::ptr_eq(held, link));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> [Rc<u8>; 3] {
        [1, 2, 3].map(Rc::new)
    }

    /// As under load: two nodes are suspected by turns, and what was to be done at one moment is done at another.
    #[test]
    fn a_link_that_serves_again_is_not_let_go_for_having_been_listened_to() {
        let [first, second, _] = links();
        let mut line = LineUp::default();
        assert_eq!(line.serve(&first), None);
        assert_eq!(line.serve(&second), Some(Rc::clone(&first)));
        let earlier = line.listen(&first);
        assert_eq!(line.serve(&first), Some(Rc::clone(&second)), "the second was suspected too");
        line.listen(&second);
        assert_eq!(line.turn_is_over(earlier), None, "its time is over in the same moment");
        assert!(line.is_active(&first));

        assert_eq!(line.serve(&second), Some(Rc::clone(&first)));
        let later = line.listen(&first);
        assert_eq!(line.turn_is_over(earlier), None, "another turn has its own time");
        assert_eq!(line.turn_is_over(later), Some(Rc::clone(&first)));
        assert_eq!(line.turn_is_over(later), None);
        assert!(line.all().eq([&second]));
    }

    #[test]
    fn a_link_has_one_place_at_most() {
        let [first, second, third] = links();
        let mut line = LineUp::default();
        line.serve(&first);
        line.stand_by(&second);
        assert_eq!(line.serve(&second), Some(Rc::clone(&first)));
        assert!(line.is_active(&second) && !line.is_standby(&second));
        line.listen(&first);
        line.listen(&first);
        assert_eq!(line.stand_by(&third), None);
        assert!(line.all().eq([&second, &third, &first]));
        assert_eq!(line.stand_by(&first), Some(Rc::clone(&third)));
        assert!(line.all().eq([&second, &first]));
        line.remove(&second);
        line.remove(&first);
        assert_eq!(line.all().count(), 0);
        assert_eq!((line.active(), line.standby(), line.listening().count()), (None, None, 0));
    }
}
