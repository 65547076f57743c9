//! A window without a display, joined to a script. Knows nothing of what is tested.

pub(crate) mod look;
pub(crate) mod people;
pub(crate) mod script;

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use i_slint_backend_testing::{AccessibleRole, ElementHandle, TestingBackend, TestingBackendOptions};
use jiff::tz::TimeZone;
use raftchat_app::backend::{Mailbox, Update};
use raftchat_app::bridge::Bridge;
use raftchat_app::clock::Clock;
use raftchat_app::fonts::{self, Emoji};
use raftchat_app::ui::{AppWindow, Appearance, Chats, Session, Settings, Stage as Signing, Theme, Timeline};
use raftchat_model::{ChatId, Intent, Item, Shown};
use slint::platform::{PointerEventButton, WindowEvent};
use slint::{ComponentHandle, LogicalPosition, LogicalSize, Model, Rgba8Pixel, SharedPixelBuffer, SharedString};

use crate::stage::script::{Desk, Script};

pub(crate) type Picture = SharedPixelBuffer<Rgba8Pixel>;

pub(crate) struct Stage {
    pub(crate) window: AppWindow,
    pub(crate) script: Rc<Script>,
    pub(crate) desk: Rc<Desk>,
    pub(crate) bridge: Bridge,
    mailbox: Mailbox,
}

impl Stage {
    pub(crate) fn new(width: f32, height: f32) -> Self {
        let options =
            TestingBackendOptions { mock_time: true, threading: false, renderer_name: Some("software".into()) };
        slint::platform::set_platform(Box::new(TestingBackend::new(options))).unwrap();
        fonts::register(Emoji::Outline);
        let window = AppWindow::new().unwrap();
        let (script, desk, mailbox) = (Rc::new(Script::default()), Rc::new(Desk::default()), Mailbox::new());
        let clock = Clock::fixed(|| people::NOW, TimeZone::UTC);
        let bridge = Bridge::attach(&window, script.clone(), desk.clone(), mailbox.clone(), clock);
        window.global::<Theme<'_>>().set_appearance(Appearance::Light);
        window.window().set_size(LogicalSize::new(width, height));
        window.show().unwrap();
        Self { window, script, desk, bridge, mailbox }
    }

    /// Signed in as alice, with her list.
    pub(crate) fn signed_in(width: f32, height: f32) -> Self {
        let stage = Self::new(width, height);
        stage.sign_in();
        stage
    }

    pub(crate) fn sign_in(&self) {
        self.mailbox.post(Update::SignedIn);
        self.show(people::everybody());
        self.show(people::chats());
        self.show([people::online()]);
    }

    pub(crate) fn open(&self, chat: ChatId, items: Vec<Item>) {
        let id = match chat {
            ChatId::Known(id) => id.to_string(),
            ChatId::Direct(user) => user.to_string(),
        };
        self.window.global::<Chats<'_>>().invoke_open(id.into());
        self.show([people::timeline(chat, items), Shown::TimelineState(people::at_end(chat))]);
    }

    pub(crate) fn show(&self, shown: impl IntoIterator<Item = Shown>) {
        self.post(shown.into_iter().map(Update::Shown));
    }

    pub(crate) fn post(&self, updates: impl IntoIterator<Item = Update>) {
        updates.into_iter().for_each(|update| self.mailbox.post(update));
        self.bridge.drain();
        self.pass(20);
    }

    pub(crate) fn signed_out(&self) {
        self.window.global::<Session<'_>>().set_stage(Signing::SignedOut);
    }

    pub(crate) fn dark(&self) {
        self.window.global::<Theme<'_>>().set_appearance(Appearance::Dark);
    }

    pub(crate) fn speak_german(&self) {
        let settings = self.window.global::<Settings<'_>>();
        settings.set_language(1);
        settings.invoke_changed();
    }

    #[expect(clippy::unused_self, reason = "time passes on a stage")]
    pub(crate) fn pass(&self, milliseconds: u64) {
        i_slint_backend_testing::mock_elapsed_time(Duration::from_millis(milliseconds));
    }

    /// Whether what is read out like this lies within the window.
    pub(crate) fn is_seen(&self, label: &str) -> bool {
        let height = self.window.window().size().to_logical(1.0).height;
        i_slint_backend_testing::ElementHandle::find_by_accessible_label(&self.window, label).any(|element| {
            let top = element.absolute_position().y;
            top >= 0.0 && top + element.size().height <= height
        })
    }

    /// Presses at a place for so long, and goes on.
    pub(crate) fn hold(&self, position: LogicalPosition, button: PointerEventButton, milliseconds: u64) {
        let window = self.window.window();
        window.dispatch_event(WindowEvent::PointerMoved { position });
        window.dispatch_event(WindowEvent::PointerPressed { position, button });
        // A list waits before it lets a press through, and only then its time begins.
        for _ in 0..milliseconds.div_ceil(50) {
            self.pass(50);
        }
        window.dispatch_event(WindowEvent::PointerReleased { position, button });
        self.pass(600);
    }

    pub(crate) fn picture(&self) -> Picture {
        // What changes because of what was drawn needs another look; animations need time.
        drop(self.window.window().take_snapshot().unwrap());
        self.pass(1000);
        drop(self.window.window().take_snapshot().unwrap());
        self.pass(1000);
        self.window.window().take_snapshot().unwrap()
    }
}

/// The control that is read out like this.
pub(crate) fn element(stage: &Stage, label: &str) -> ElementHandle {
    // The letters within a control have its name too, but no role.
    ElementHandle::find_by_accessible_label(&stage.window, label)
        .find(|element| element.accessible_role().is_some_and(|role| role != AccessibleRole::None))
        .unwrap_or_else(|| panic!("{label} is not there"))
}

/// Presses a key.
pub(crate) fn press(stage: &Stage, key: impl Into<SharedString>) {
    let text: SharedString = key.into();
    stage.window.window().dispatch_event(WindowEvent::KeyPressed { text: text.clone() });
    stage.window.window().dispatch_event(WindowEvent::KeyReleased { text });
}

/// What the client was asked for.
pub(crate) fn intents(stage: &Stage) -> Vec<Intent> {
    stage.script.intents.borrow().clone()
}

/// The name of the row at `at` of the open conversation.
pub(crate) fn row_key(stage: &Stage, at: usize) -> SharedString {
    stage.window.global::<Timeline<'_>>().get_rows().row_data(at).unwrap().key
}

/// Where this crate lies now, which is not where it was built if a target folder is kept for several checkouts.
pub(crate) fn crate_dir() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").unwrap().into()
}

/// Compares with the picture of that name; writes it instead when `RAFTCHAT_BLESS` is set.
pub(crate) fn golden(name: &str, picture: &Picture) {
    let blessed = crate_dir().join("tests/goldens").join(format!("{name}.png"));
    let bytes = png_of(picture);
    if std::env::var_os("RAFTCHAT_BLESS").is_some() {
        std::fs::create_dir_all(blessed.parent().unwrap()).unwrap();
        std::fs::write(&blessed, &bytes).unwrap();
        return;
    }
    let known = std::fs::read(&blessed).unwrap_or_default();
    if known != bytes {
        let seen = std::env::temp_dir().join(format!("raftchat-{name}.png"));
        std::fs::write(&seen, &bytes).unwrap();
        panic!("{name} looks different: compare {} with {}", seen.display(), blessed.display());
    }
}

fn png_of(picture: &Picture) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    // Five bits a channel still tell a card from what it lies on, and keep the files small.
    let pixels: Vec<u8> = picture
        .as_slice()
        .iter()
        .flat_map(|pixel| [pixel.r, pixel.g, pixel.b])
        .map(|c| (c >> 3) << 3 | c >> 5)
        .collect();
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}
