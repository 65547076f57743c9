//! What is around an engine in the tests: nodes that come and go, links to them, people who wait; and what must hold after each
//! thing that happens.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// Nodes 1 to 4.
const NODES: u64 = 4;
/// How long a link lasts over which nothing comes.
const IDLE: Duration = Duration::from_secs(10);
/// A device does not try again sooner than this: half of the shortest pause.
const PAUSE_MIN: Duration = Duration::from_millis(125);

type Broken = String;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Well,
    /// It speaks and does not hear.
    Deaf,
    /// It says nothing, and nothing is heard of its end.
    Hung,
    Dead,
}

#[derive(Debug)]
struct Link {
    node: u64,
    role: Option<LinkRole>,
    is_over: bool,
    heard: Instant,
    acknowledged: Instant,
}

#[expect(clippy::struct_excessive_bools, reason = "what is under way, each by itself")]
pub(super) struct World {
    pub(super) engine: Engine,
    pub(super) now: Instant,
    /// What has happened, for who reads of a history that went wrong.
    pub(super) told: Vec<Event>,
    /// What kinds of things were done.
    pub(super) done: BTreeSet<String>,
    /// Whether they are remembered, which takes longer than all else.
    pub(super) notes_kinds: bool,
    lot: u32,
    nodes: BTreeMap<u64, Health>,
    links: BTreeMap<LinkId, Link>,
    next: u64,
    waiting: BTreeSet<Waiter>,
    dials_service: bool,
    dials_standby: bool,
    preparing: Option<LinkId>,
    admitting: Vec<LinkId>,
    care: Care,
    /// An attempt at a standby came to nothing then, and nothing has happened since for which another is made at once.
    failed: Option<Instant>,
    /// Something has happened since the last attempt began for which the next may follow at once.
    is_urged: bool,
}

pub(super) fn nobody() -> ConnectFailure {
    ConnectFailure::Unreachable("nobody answers".to_owned())
}

fn address(node: u64) -> String {
    format!("n{node}:7400")
}

fn demand(holds: bool, otherwise: impl FnOnce() -> Broken) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl World {
    pub(super) fn new(keeps: Standby, faults: Faults) -> Self {
        let engine = Engine { faults, ..Engine::new(keeps, 4) };
        Self {
            engine,
            now: Instant::now(),
            told: Vec::new(),
            done: BTreeSet::new(),
            notes_kinds: false,
            lot: 0,
            nodes: (1..=NODES).map(|node| (node, Health::Well)).collect(),
            links: BTreeMap::new(),
            next: 0,
            waiting: BTreeSet::new(),
            dials_service: false,
            dials_standby: false,
            preparing: None,
            admitting: Vec::new(),
            care: Care::Calls,
            failed: None,
            is_urged: false,
        }
    }

    /// Tells the engine, as the shell does: first which links have ended.
    pub(super) fn tell(&mut self, event: Event) -> Result<Vec<Command>, Broken> {
        let over: Vec<_> =
            self.engine.links().filter(|link| self.links.get(link).is_some_and(|held| held.is_over)).collect();
        for link in over {
            self.hand_on(Self::left(link, true))?;
        }
        self.hand_on(event)
    }

    fn left(link: LinkId, is_over: bool) -> Event {
        let cause = if is_over { LinkCause::Lost } else { LinkCause::Hedge };
        Event::Left { link, sentence: "it is so".to_owned(), cause, is_over }
    }

    fn hand_on(&mut self, event: Event) -> Result<Vec<Command>, Broken> {
        let told = event.clone();
        self.told.push(told.clone());
        if let Event::Wanted(waiter) = &told {
            self.waiting.insert(*waiter);
        }
        self.note_attempts(&told);
        let commands = self.engine.handle(self.now, self.lot, event);
        for command in &commands {
            self.obey(&told, command)?;
        }
        self.check()?;
        Ok(commands)
    }

    /// Which attempts are over, and whether another may follow at once.
    fn note_attempts(&mut self, event: &Event) {
        match event {
            Event::Reached(Dial::Service, _) | Event::Unreached(Dial::Service, _) => self.dials_service = false,
            Event::Reached(Dial::Standby { .. }, _) | Event::Unreached(Dial::Standby { .. }, _) => {
                self.dials_standby = false;
            }
            Event::Ready(_) | Event::Unready(_) => self.preparing = None,
            Event::LetIn(link) | Event::Left { link, .. } => self.admitting.retain(|held| held != link),
            _ => {}
        }
        let is_nudged = self.engine.nudge.is_some_and(|nudge| nudge <= self.now);
        match event {
            Event::Unreached(Dial::Standby { .. }, _) | Event::Unready(_) if !is_nudged => {
                self.failed = (!self.is_urged).then_some(self.now);
            }
            // These say nothing of nodes.
            Event::Tick | Event::Wanted(_) | Event::Known(_) | Event::Spoke { .. } | Event::Rested(_) if !is_nudged => {
            }
            _ => (self.failed, self.is_urged) = (None, true),
        }
    }

    /// Remembers what kind of thing was done.
    fn note_kind(&mut self, event: &Event, command: &Command) {
        let text = format!("{command:?}");
        self.done.insert(text.split(['(', ' ']).next().unwrap_or_default().to_owned());
        match command {
            Command::Tell(told) => {
                self.done.insert(format!("told {:?}", told.kind));
            }
            Command::Serving { from: Some((_, cause)), .. } => {
                self.done.insert(format!("moved for {cause:?}"));
                if matches!(event, Event::Reached(Dial::Standby { .. }, _)) {
                    self.done.insert("took over at once".to_owned());
                }
            }
            Command::Assign(link, LinkRole::Active)
                if self.links.get(link).is_some_and(|held| held.role == Some(LinkRole::Draining)) =>
            {
                self.done.insert("served again".to_owned());
            }
            _ => {}
        }
    }

    fn obey(&mut self, event: &Event, command: &Command) -> Result<(), Broken> {
        if self.notes_kinds {
            self.note_kind(event, command);
        }
        match command {
            Command::Dial(Dial::Service) => {
                demand(!std::mem::replace(&mut self.dials_service, true), || "two races for service".to_owned())?;
            }
            Command::Dial(Dial::Standby { .. }) => {
                let is_first = !std::mem::replace(&mut self.dials_standby, true) && self.preparing.is_none();
                demand(is_first, || "two attempts at a standby".to_owned())?;
                demand(self.engine.standby().is_none(), || "a standby is made beside one".to_owned())?;
                if let Some(failed) = self.failed {
                    let apart = self.now.saturating_duration_since(failed);
                    demand(apart >= PAUSE_MIN, || format!("tried again without a pause, {apart:?} later"))?;
                }
                self.is_urged = false;
            }
            Command::Prepare(link) => {
                demand(self.preparing.replace(*link).is_none(), || "two links are prepared".to_owned())?;
            }
            Command::Admit(link) => self.admitting.push(*link),
            Command::Assign(link, LinkRole::Closed) => self.close(event, *link)?,
            Command::Assign(link, role) => {
                let held = self.links.get_mut(link).ok_or("a link that is gone is given a role")?;
                held.role = Some(*role);
            }
            Command::Serve(waiter, link) => {
                demand(self.waiting.remove(waiter), || format!("{waiter:?} is served and does not wait"))?;
                demand(self.engine.active() == Some(*link), || format!("{waiter:?} is served by another"))?;
            }
            Command::Refuse(waiter, _) => {
                demand(self.waiting.remove(waiter), || format!("{waiter:?} is refused and does not wait"))?;
            }
            Command::Watch(_)
            | Command::Activate(_)
            | Command::Announce(_)
            | Command::Rebind(..)
            | Command::Serving { .. }
            | Command::Lost { .. }
            | Command::Tell(_) => {}
        }
        Ok(())
    }

    /// A suspicion closes no link but a standby; and time none but those that drain.
    fn close(&mut self, event: &Event, link: LinkId) -> Result<(), Broken> {
        let held = self.links.remove(&link).ok_or("a link is closed twice")?;
        let is_suspicion = matches!(event, Event::Unreachable(_) | Event::Looked { .. } | Event::Noticed(..));
        let was_of_use = matches!(held.role, Some(LinkRole::Active | LinkRole::Draining));
        demand(!(is_suspicion && was_of_use), || format!("a suspicion has closed {link:?}: {event:?}"))?;
        let was_left = matches!(event, Event::Left { link: left, .. } if *left == link);
        let was_active = held.role == Some(LinkRole::Active);
        demand(was_left || !was_active, || format!("the active link was closed by {event:?}"))
    }

    /// What holds at all times.
    fn check(&self) -> Result<(), Broken> {
        let with = |role| {
            let all: Vec<_> = self.links.iter().filter(|(_, link)| link.role == Some(role)).collect();
            (all.len(), all.first().map(|(id, link)| (**id, link.node)))
        };
        let ((active_count, active), (standby_count, standby)) = (with(LinkRole::Active), with(LinkRole::Standby));
        demand(active_count <= 1, || "two links are active".to_owned())?;
        demand(standby_count <= 1, || "two links stand by".to_owned())?;
        demand(active.map(|(link, _)| link) == self.engine.active(), || "another link is active".to_owned())?;
        if let (Some((_, active)), Some((_, standby))) = (active, standby) {
            demand(active != standby, || "active link and standby are at the same node".to_owned())?;
        }
        // Races end: who waits for one is served or told then.
        let is_waiting = !self.waiting.is_empty();
        demand(!is_waiting || self.dials_service, || format!("{:?} waits in vain", self.waiting))?;
        demand(!is_waiting || active.is_none(), || format!("{:?} waits beside an active link", self.waiting))
    }

    /// Lets time pass, and tells it whenever the engine wants to be told.
    pub(super) fn pass(&mut self, time: Duration) -> Result<(), Broken> {
        let until = self.now + time;
        for _ in 0..1_000 {
            let Some(tick) = self.engine.next_tick().filter(|tick| *tick <= until) else {
                self.now = until;
                return Ok(());
            };
            self.now = self.now.max(tick);
            self.tell(Event::Tick)?;
        }
        Err("time does not pass".to_owned())
    }

    /// Lets something happen that `step` says.
    pub(super) fn step(&mut self, step: u32) -> Result<(), Broken> {
        let [what, which, when, lot] = step.to_le_bytes();
        self.lot = u32::from(lot) << 24 | u32::from(which) << 8;
        let ms = [0, 0, 0, 1, 10, 30, 120, 130, 300, 500, 1_000, 2_100, 2_500, 6_000, 11_000];
        let ms = ms.get(usize::from(when) % ms.len()).copied().unwrap_or(0);
        self.pass(Duration::from_millis(ms))?;
        let node = u64::from(which) % NODES + 1;
        match what % 32 {
            0..=2 => self.want(),
            3..=5 => self.finish_service(node),
            6..=8 => self.finish_standby(which),
            9 | 10 => self.finish_preparing(which % 4 != 0),
            11 | 12 => self.finish_admitting(which % 8 != 0),
            13..=16 => {
                let health = match what % 32 {
                    13 => Health::Dead,
                    14 if when.is_multiple_of(2) => Health::Hung,
                    14 => Health::Deaf,
                    _ => Health::Well,
                };
                self.set(node, health);
                Ok(())
            }
            17..=19 => self.look(which),
            20 => self.about(which, Event::Unreachable),
            21 | 22 => self.notice(which, node),
            23 => self.about(which, |link| Self::left(link, false)),
            24 => self.cares(which),
            25 => self.about(which, Event::Arrived),
            26 => self.of_standby(if which.is_multiple_of(3) { Event::Useless } else { Event::Armed }),
            27 => self.rhythm(which),
            28 => self.answer_aside(node),
            29 => self.tell(Event::Known(usize::from(2 + which % 4))).map(drop),
            30 => self.tell(Event::Readdressed).map(drop),
            _ => self.cares(0),
        }
    }

    fn want(&mut self) -> Result<(), Broken> {
        self.next += 1;
        self.tell(Event::Wanted(Waiter(self.next))).map(drop)
    }

    fn make(&mut self, node: u64) -> Made {
        self.next += 1;
        let link = LinkId(self.next);
        self.links.insert(link, Link { node, role: None, is_over: false, heard: self.now, acknowledged: self.now });
        Made { link, node: NodeId(node), address: address(node) }
    }

    fn is_well(&self, node: u64) -> bool {
        self.nodes.get(&node) == Some(&Health::Well)
    }

    fn finish(&mut self, dial: Dial, node: Option<u64>) -> Result<(), Broken> {
        match node.filter(|node| self.is_well(*node)) {
            Some(node) => {
                let made = self.make(node);
                self.tell(Event::Reached(dial, made)).map(drop)
            }
            None => self.tell(Event::Unreached(dial, nobody())).map(drop),
        }
    }

    fn finish_service(&mut self, node: u64) -> Result<(), Broken> {
        if self.dials_service { self.finish(Dial::Service, Some(node)) } else { Ok(()) }
    }

    /// To one of the nodes at which a standby may be. Now and then what listens there is another, as behind an address that
    /// the person asked for.
    fn finish_standby(&mut self, which: u8) -> Result<(), Broken> {
        if !self.dials_standby {
            return Ok(());
        }
        let candidate = |node| Candidate { address: address(node), node: Some(node) };
        let meant = self.engine.for_standby(self.now, (1..=NODES).map(candidate).collect());
        let well: Vec<_> =
            meant.iter().filter_map(|candidate| candidate.node).filter(|node| self.is_well(*node)).collect();
        let picked = well.get(usize::from(which) % well.len().max(1)).copied();
        let node = if which > 224 { Some(u64::from(which) % NODES + 1) } else { picked };
        self.finish(Dial::Standby { is_urgent: false }, node)
    }

    fn finish_preparing(&mut self, is_granted: bool) -> Result<(), Broken> {
        let Some(link) = self.preparing else { return Ok(()) };
        let is_well = self.links.get(&link).is_some_and(|held| !held.is_over && self.is_well(held.node));
        self.tell(if is_granted && is_well { Event::Ready(link) } else { Event::Unready(link) }).map(drop)
    }

    fn finish_admitting(&mut self, is_let_in: bool) -> Result<(), Broken> {
        let Some(link) = self.admitting.pop() else { return Ok(()) };
        let is_well = self.links.get(&link).is_some_and(|held| !held.is_over && self.is_well(held.node));
        let event = if is_let_in && is_well { Event::LetIn(link) } else { Self::left(link, false) };
        self.tell(event).map(drop)
    }

    fn set(&mut self, node: u64, health: Health) {
        self.nodes.insert(node, health);
        if health == Health::Dead {
            self.links.values_mut().filter(|link| link.node == node).for_each(|link| link.is_over = true);
        }
    }

    fn pick(&self, which: u8) -> Option<LinkId> {
        let all: Vec<_> = self.engine.links().collect();
        all.get(usize::from(which) % all.len().max(1)).copied()
    }

    fn about(&mut self, which: u8, event: impl FnOnce(LinkId) -> Event) -> Result<(), Broken> {
        let Some(link) = self.pick(which) else { return Ok(()) };
        self.tell(event(link)).map(drop)
    }

    fn of_standby(&mut self, event: impl FnOnce(LinkId) -> Event) -> Result<(), Broken> {
        let Some(standby) = self.engine.standby() else { return Ok(()) };
        self.tell(event(standby)).map(drop)
    }

    fn look(&mut self, which: u8) -> Result<(), Broken> {
        let Some(link) = self.pick(which) else { return Ok(()) };
        self.look_at(link)
    }

    fn look_at(&mut self, link: LinkId) -> Result<(), Broken> {
        let Some(held) = self.links.get_mut(&link) else { return Ok(()) };
        let health = self.nodes.get(&held.node);
        if matches!(health, Some(Health::Well | Health::Deaf)) {
            held.heard = self.now;
        }
        if health == Some(&Health::Well) {
            held.acknowledged = self.now;
        }
        let (last, acknowledged, rtt) = (held.heard, held.acknowledged, Duration::from_millis(2));
        self.tell(Event::Looked { link, last, acknowledged, rtt }).map(drop)
    }

    fn notice(&mut self, which: u8, node: u64) -> Result<(), Broken> {
        let notice = match which / 43 {
            0 => Notice::Fresh,
            1 => Notice::Behind(1_000),
            2 => Notice::Behind(3_000),
            3 | 4 => Notice::Suspect(NodeId(node)),
            _ => Notice::Drain { deadline_ms: 5_000, to: None },
        };
        self.about(which, |link| Event::Noticed(link, notice))
    }

    fn cares(&mut self, which: u8) -> Result<(), Broken> {
        self.care = match which % 5 {
            0 | 1 => Care::Follows(Attention::Focused),
            2 | 3 => Care::Follows(Attention::Away),
            _ => Care::Calls,
        };
        self.tell(Event::Cares(self.care)).map(drop)
    }

    fn rhythm(&mut self, which: u8) -> Result<(), Broken> {
        let (beat, rtt) = (Duration::from_millis(25), Duration::from_millis(2));
        if which.is_multiple_of(3) {
            return self.keep_rhythm(beat, rtt);
        }
        self.about(which, |link| match which % 4 {
            0 => Event::Asked { link, beat: Some(beat), rtt },
            1 => Event::Promised { link, beat: Some(beat) },
            2 => Event::Spoke { link, beat, rtt },
            _ => Event::Rested(link),
        })
    }

    /// The active link for a while as its watch has it.
    fn keep_rhythm(&mut self, beat: Duration, rtt: Duration) -> Result<(), Broken> {
        let Some(link) = self.engine.active() else { return Ok(()) };
        self.tell(Event::Promised { link, beat: Some(beat) })?;
        for _ in 0..8 {
            self.tell(Event::Spoke { link, beat, rtt })?;
            self.pass(beat)?;
            self.look_at(link)?;
        }
        Ok(())
    }

    fn answer_aside(&mut self, node: u64) -> Result<(), Broken> {
        let over = self.engine.active().into_iter().collect();
        let made = self.make(node);
        let link = made.link;
        self.tell(Event::Answered { made, over, begun: self.now })?;
        if !self.engine.holds(link) {
            self.links.remove(&link);
        }
        Ok(())
    }

    /// Lets all come to an end that was begun, and looks whether it is a good one: who waits is served or told, who follows is
    /// served where a node is well, and has a standby where two are.
    pub(super) fn settle(&mut self) -> Result<(), Broken> {
        let begun = self.now;
        for round in 0..60 {
            self.lot = 0x9e37_79b9_u32.wrapping_mul(round);
            self.settle_once(begun)?;
            if round > 2 && self.is_settled() {
                break;
            }
        }
        demand(self.waiting.is_empty(), || format!("{:?} waits in vain", self.waiting))?;
        demand(self.is_settled(), || "no good end comes of it".to_owned())
    }

    fn settle_once(&mut self, begun: Instant) -> Result<(), Broken> {
        if self.engine.active().is_none() && self.waiting.is_empty() && self.care != Care::Calls {
            self.want()?;
        }
        let well = (1..=NODES).find(|node| self.is_well(*node));
        self.finish_service(well.unwrap_or(1))?;
        self.finish_standby(0)?;
        self.finish_preparing(true)?;
        while !self.admitting.is_empty() {
            self.finish_admitting(true)?;
        }
        let idle = self.now.saturating_duration_since(begun) > IDLE;
        let links: Vec<_> = self.engine.links().collect();
        for link in links {
            let Some(held) = self.links.get_mut(&link) else { continue };
            held.is_over |= idle && self.nodes.get(&held.node) != Some(&Health::Well);
            self.look_at(link)?;
        }
        self.tell(Event::Known(4))?;
        self.pass(Duration::from_secs(2))
    }

    fn is_settled(&self) -> bool {
        let node = |link: Option<LinkId>| link.and_then(|link| self.links.get(&link)).map(|link| link.node);
        let (active, standby) = (node(self.engine.active()), node(self.engine.standby()));
        let well = self.nodes.values().filter(|health| **health == Health::Well).count();
        let is_well = |node: u64| self.is_well(node);
        let follows = self.care != Care::Calls;
        let is_served = !follows || well == 0 || active.is_some_and(is_well);
        let is_kept = self.engine.keeps != Standby::None && follows && well > 1;
        self.waiting.is_empty() && is_served && (!is_kept || standby.is_some_and(is_well))
    }

    // For stories.

    pub(super) fn follow(&mut self, attention: Attention) {
        self.care = Care::Follows(attention);
        self.tell(Event::Cares(self.care)).unwrap();
    }

    pub(super) fn serve(&mut self, node: u64) -> LinkId {
        self.want().unwrap();
        self.finish_service(node).unwrap();
        self.link_to(node)
    }

    pub(super) fn stand_by(&mut self, node: u64) {
        assert!(self.dials_standby);
        self.finish(Dial::Standby { is_urgent: false }, Some(node)).unwrap();
        self.finish_preparing(true).unwrap();
        assert_eq!(self.engine.standby(), Some(self.link_to(node)));
    }

    pub(super) fn link_to(&self, node: u64) -> LinkId {
        self.links.iter().find(|(_, link)| link.node == node).map(|(id, _)| *id).unwrap()
    }

    pub(super) fn hear(&mut self, link: LinkId) {
        self.look_at(link).unwrap();
    }

    pub(super) fn is_dialling_standby(&self) -> bool {
        self.dials_standby
    }
}
