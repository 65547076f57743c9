//! How much of the window is drawn again, and how often: counted in frames and pixels, never in time.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use i_slint_backend_testing::ElementHandle;
use jiff::tz::TimeZone;
use raftchat_app::backend::{Mailbox, Update};
use raftchat_app::bridge::Bridge;
use raftchat_app::clock::Clock;
use raftchat_app::fonts::{self, Emoji};
use raftchat_app::ui::{AppWindow, Appearance, Chats, Theme};
use raftchat_model::{ChatId, Item, Shown, TimelineChange};
use slint::platform::software_renderer::{MinimalSoftwareWindow, RepaintBufferType, Rgb565Pixel};
use slint::platform::{Platform, WindowAdapter, WindowEvent};
use slint::{ComponentHandle, PhysicalSize, PlatformError};

use crate::stage::people::{self, BOB, WITH_BOB, says};
use crate::stage::script::{Desk, Script};

const WIDTH: u32 = 1000;
const HEIGHT: u32 = 700;
const FRAME: Duration = Duration::from_millis(16);
/// As many messages as a window of the timeline holds.
const HELD: usize = 200;

/// A screen whose time passes when it is told to.
struct Screen {
    window: Rc<MinimalSoftwareWindow>,
    time: Rc<Cell<Duration>>,
}

impl Platform for Screen {
    fn create_window_adapter(&self) -> Result<Rc<dyn WindowAdapter>, PlatformError> {
        Ok(self.window.clone())
    }

    fn duration_since_start(&self) -> Duration {
        self.time.get()
    }
}

/// What was drawn.
#[derive(Debug, Default, PartialEq, Eq)]
struct Drawn {
    frames: usize,
    pixels: u64,
}

/// The window on a screen that keeps what it showed, as a real one does.
struct Panel {
    screen: Rc<MinimalSoftwareWindow>,
    time: Rc<Cell<Duration>>,
    window: AppWindow,
    bridge: Bridge,
    mailbox: Mailbox,
    buffer: Vec<Rgb565Pixel>,
}

impl Panel {
    fn with_bob(length: u64) -> Self {
        let screen = MinimalSoftwareWindow::new(RepaintBufferType::ReusedBuffer);
        let time = Rc::new(Cell::new(Duration::ZERO));
        slint::platform::set_platform(Box::new(Screen { window: screen.clone(), time: time.clone() })).unwrap();
        fonts::register(Emoji::Outline);
        let window = AppWindow::new().unwrap();
        let mailbox = Mailbox::new();
        let clock = Clock::fixed(|| people::NOW, TimeZone::UTC);
        let (script, desk) = (Rc::new(Script::default()), Rc::new(Desk::default()));
        let bridge = Bridge::attach(&window, script, desk, mailbox.clone(), clock);
        window.global::<Theme<'_>>().set_appearance(Appearance::Light);
        screen.set_size(PhysicalSize::new(WIDTH, HEIGHT));
        window.show().unwrap();
        let buffer = vec![Rgb565Pixel::default(); (WIDTH * HEIGHT) as usize];
        let mut panel = Self { screen, time, window, bridge, mailbox, buffer };
        panel.mailbox.post(Update::SignedIn);
        panel.post(people::everybody().into_iter().chain(people::chats()).chain([people::online()]));
        panel.window.global::<Chats<'_>>().invoke_open(id(WITH_BOB).into());
        let old = (1..=length).map(|at| says(BOB, at, 500, &format!("Line {at}"))).collect();
        panel.post([people::timeline(WITH_BOB, people::in_runs(old)), Shown::TimelineState(people::at_end(WITH_BOB))]);
        // What opens moves, and comes to rest.
        panel.pass(Duration::from_secs(3));
        panel
    }

    fn post(&mut self, shown: impl IntoIterator<Item = Shown>) -> Drawn {
        shown.into_iter().for_each(|shown| self.mailbox.post(Update::Shown(shown)));
        self.bridge.drain();
        self.frame()
    }

    /// One turn of an event loop.
    fn frame(&mut self) -> Drawn {
        self.time.set(self.time.get() + FRAME);
        slint::platform::update_timers_and_animations();
        let mut drawn = Drawn::default();
        self.screen.draw_if_needed(|renderer| {
            let region = renderer.render(&mut self.buffer, WIDTH as usize);
            let pixels: u64 = region.iter().map(|(_, size)| u64::from(size.width) * u64::from(size.height)).sum();
            drawn = Drawn { frames: 1, pixels };
        });
        drawn
    }

    fn pass(&mut self, time: Duration) -> Drawn {
        let end = self.time.get() + time;
        let mut sum = Drawn::default();
        while self.time.get() < end {
            let Drawn { frames, pixels } = self.frame();
            sum = Drawn { frames: sum.frames + frames, pixels: sum.pixels + pixels };
        }
        sum
    }

    /// Where what is read out like this ends, from above.
    fn bottom(&self, label: &str) -> f32 {
        let mut found = ElementHandle::find_by_accessible_label(&self.window, label);
        let element = found.next().unwrap_or_else(|| panic!("{label} is not there"));
        element.absolute_position().y + element.size().height
    }
}

fn id(chat: ChatId) -> String {
    match chat {
        ChatId::Known(id) => id.to_string(),
        ChatId::Direct(user) => user.to_string(),
    }
}

fn comes(position: u64, at: usize) -> TimelineChange {
    TimelineChange::Insert { at, item: Item::Bubble(Box::new(says(BOB, position, 0, &format!("Burst {position}")))) }
}

fn heard(position: u64) -> String {
    format!("Bob Baker: Burst {position}, 18:55")
}

#[test]
fn a_window_in_which_nothing_happens_draws_a_blinking_cursor_and_then_nothing() {
    let mut panel = Panel::with_bob(HELD as u64);
    let drawn = panel.pass(Duration::from_mins(1));
    assert!(drawn.frames <= 120, "twice a second: {drawn:?}");
    assert!(drawn.pixels <= 120 * u64::from(WIDTH * HEIGHT) / 50, "the entry field alone: {drawn:?}");
    panel.screen.dispatch_event(WindowEvent::WindowActiveChanged(false));
    panel.pass(Duration::from_secs(1));
    assert_eq!(panel.pass(Duration::from_mins(1)), Drawn::default());
}

#[test]
fn news_of_another_conversation_draws_its_line_and_not_the_window() {
    let mut panel = Panel::with_bob(HELD as u64);
    let preview = people::preview(BOB, 0, "Look who is here");
    let news = people::summary(people::TRIP, "Hiking in June", preview);
    let first = panel.post([Shown::Chat(Box::new(news))]);
    let rest = panel.pass(Duration::from_secs(2));
    let pixels = first.pixels + rest.pixels;
    assert!(pixels > 0, "it is drawn");
    assert!(pixels < u64::from(WIDTH * HEIGHT) / 2, "{first:?} and then {rest:?}");
}

#[test]
fn a_message_that_comes_draws_the_messages_and_not_the_window() {
    let mut panel = Panel::with_bob(HELD as u64);
    let first = panel.post([Shown::Timeline { chat: WITH_BOB, changes: vec![comes(1000, HELD)] }]);
    let rest = panel.pass(Duration::from_secs(2));
    assert!(first.pixels > 0, "it is drawn at once");
    assert!(first.pixels < u64::from(WIDTH * HEIGHT) * 3 / 4, "{first:?}");
    assert!(rest.pixels < u64::from(WIDTH * HEIGHT) / 10, "only the cursor blinks: {rest:?}");
}

#[test]
fn two_hundred_messages_a_second_are_a_frame_each_sixtieth_and_stay_exactly_at_the_bottom() {
    let mut panel = Panel::with_bob(HELD as u64);
    let mut position = 1000;
    panel.post([Shown::Timeline {
        chat: WITH_BOB,
        changes: vec![comes(position, HELD), TimelineChange::Remove { at: 0 }],
    }]);
    panel.pass(Duration::from_secs(2));
    let bottom = panel.bottom(&heard(position));
    let mut frames = 0;
    for _ in 0..62 {
        // Between two frames three or four come, each by itself.
        let batch = 3 + position % 2;
        let updates: Vec<_> = (0..batch)
            .map(|_| {
                position += 1;
                let changes = vec![comes(position, HELD), TimelineChange::Remove { at: 0 }];
                Shown::Timeline { chat: WITH_BOB, changes }
            })
            .collect();
        frames += panel.post(updates).frames;
        let now = panel.bottom(&heard(position));
        assert!((now - bottom).abs() < 0.5, "message {position} ends at {now} instead of {bottom}");
    }
    assert!(position >= 1200, "{position}");
    assert_eq!(frames, 62);
    assert!(panel.pass(Duration::from_secs(1)).frames <= 3, "nothing but the cursor goes on");
}

#[test]
fn whoever_listens_for_mail_is_called_once_until_it_was_taken() {
    let mailbox = Mailbox::new();
    let (rung, rings) = std::sync::mpsc::channel();
    mailbox.on_mail(move || rung.send(()).unwrap());
    (0..200).for_each(|_| mailbox.post(Update::Shown(people::online())));
    assert_eq!(rings.try_iter().count(), 1);
    assert_eq!(mailbox.take().len(), 200);
    mailbox.post(Update::Shown(people::online()));
    assert_eq!(rings.try_iter().count(), 1);
}
