//! From the command line to a window and back to an exit status. Knows nothing of what is in the window.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::rc::Rc;

use clap::Parser;
use raftchat_client::{ClientOptions, Profile, ProfileError};
use raftchat_schema::command::Switch;
use raftchat_schema::told::write_field;
use slint::{CloseRequestResponse, ComponentHandle, PlatformError};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::format::debug_fn;

use crate::args::Args;
use crate::backend::Mailbox;
use crate::bridge::Bridge;
use crate::clock::Clock;
use crate::fonts::{self, Emoji};
use crate::live::{Live, LiveError};
use crate::platform::Platform;
use crate::preferences::{self, Keeper};
use crate::stop;
use crate::ui::{AppWindow, Shell};

/// By then a window manager, if there is one, has made the window full screen.
#[cfg(feature = "desktop")]
const SCREEN_TAKEN: std::time::Duration = std::time::Duration::from_millis(500);

/// What to do where there is no screen.
#[cfg(any(feature = "desktop", feature = "desktop-lean"))]
const WHAT_TO_DO: &str = "On a desktop, DISPLAY or WAYLAND_DISPLAY names it; on a bare panel, build with \
                          `--no-default-features --features embedded`";
#[cfg(not(any(feature = "desktop", feature = "desktop-lean")))]
const WHAT_TO_DO: &str = "This build draws on the panel itself: the kernel's driver must give /dev/dri/card0 or /dev/fb0, \
                          the user must be in the groups video and input, and no other program may have the screen";

/// Reasons why there is no window.
#[derive(Debug, thiserror::Error)]
enum RunError {
    /// The log filter says nothing.
    #[error("--log: {0}")]
    Log(#[from] tracing_subscriber::filter::ParseError),
    /// The profile cannot be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The client does not start on it.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// The system gives no thread, or no signals.
    #[error("the system gives no thread or no signals: {0}")]
    System(#[from] std::io::Error),
    /// There is nothing to draw on.
    #[error("there is no screen to draw on: {0}. {what_to_do}", what_to_do = WHAT_TO_DO)]
    Screen(#[from] PlatformError),
}

impl RunError {
    fn exit_status(&self) -> u8 {
        match self {
            Self::Log(_) => 2,
            Self::Profile(error) => error.exit_status(),
            Self::Live(_) => 4,
            Self::System(_) | Self::Screen(_) => 1,
        }
    }
}

/// Runs the window until it is closed.
pub fn main() -> ExitCode {
    if let Err(error) = raftchat_files::be_private() {
        eprintln!("raftchat: a crash may write keys and messages to a core file: {error}");
    }
    // What a window's description calls before it makes one. `slint::BackendSelector` does the same, but does not know the
    // screen that nobody sees, which builds for tests have.
    main_on(slint::private_unstable_api::ensure_backend, |_| ())
}

/// Runs the window on another screen: `choose_screen` sets the platform to draw on, and `made` is given the window before it
/// is shown. So tests and measurements run the program itself.
pub fn main_on(choose_screen: impl FnOnce() -> Result<(), PlatformError>, made: impl FnOnce(&AppWindow)) -> ExitCode {
    match run(&Args::parse(), choose_screen, made) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("raftchat: {error}");
            ExitCode::from(error.exit_status())
        }
    }
}

fn run(
    args: &Args,
    choose_screen: impl FnOnce() -> Result<(), PlatformError>,
    made: impl FnOnce(&AppWindow),
) -> Result<(), RunError> {
    let filter = EnvFilter::try_new(&args.log)?;
    // Whatever a field has in it, it stays in its line and does nothing to a terminal.
    let fields = debug_fn(|writer, field, value| write_field(writer, field.name(), value)).delimited(" ");
    tracing_subscriber::fmt()
        .fmt_fields(fields)
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
    let profile = Profile::open(&args.profile)?;
    let mailbox = Mailbox::new();
    let options = ClientOptions { first: args.node.clone(), ..ClientOptions::default() };
    let loaded = preferences::load(&args.profile);
    let keeper = Keeper::start(args.profile.clone())?;
    let live = Rc::new(Live::start(profile, options, mailbox.clone())?);
    choose_screen()?;
    // Before anything measures a text.
    fonts::register(emoji());
    let window = AppWindow::new()?;
    window.global::<Shell<'_>>().set_kiosk(args.kiosk);
    let kiosk = args.kiosk;
    window.window().on_close_requested(move || {
        if kiosk { CloseRequestResponse::KeepWindowShown } else { CloseRequestResponse::HideWindow }
    });
    let bridge = Rc::new(Bridge::attach(&window, live.clone(), platform(), mailbox, Clock::system()));
    bridge.prefer(loaded, keeper.sender());
    if kiosk {
        window.global::<Shell<'_>>().set_on_screen_keyboard(true);
    }
    bridge.attend(Switch::On);
    bridge.drain();
    follow_focus(&window, &bridge);
    if kiosk {
        fill_screen(&window);
    }
    Rc::clone(&bridge).run_with_event_loop(&window);
    made(&window);
    stop::listen()?;
    window.run()?;
    bridge.finish();
    keeper.close();
    live.close();
    Ok(())
}

/// Tells when the person turns to another window and back. Elsewhere there is no telling: it counts as looked at.
#[cfg(feature = "desktop")]
fn follow_focus(window: &AppWindow, bridge: &Rc<Bridge>) {
    use slint::winit_030::{EventResult, WinitWindowAccessor, winit::event::WindowEvent};

    let bridge = Rc::downgrade(bridge);
    window.window().on_winit_window_event(move |_, event| {
        if let (WindowEvent::Focused(focused), Some(bridge)) = (event, bridge.upgrade()) {
            bridge.attend(Switch::from_bool(*focused));
        }
        EventResult::Propagate
    });
}

#[cfg(not(feature = "desktop"))]
fn follow_focus(_window: &AppWindow, _bridge: &Rc<Bridge>) {}

/// Where no window manager makes a window full screen, it takes the screen's size itself.
#[cfg(feature = "desktop")]
fn fill_screen(window: &AppWindow) {
    use slint::winit_030::WinitWindowAccessor;

    let window = window.as_weak();
    slint::Timer::single_shot(SCREEN_TAKEN, move || {
        let Some(window) = window.upgrade() else { return };
        let monitor =
            window.window().with_winit_window(|window| window.current_monitor().map(|monitor| monitor.size()));
        if let Some(size) = monitor.flatten() {
            window.window().set_position(slint::PhysicalPosition::new(0, 0));
            window.window().set_size(slint::PhysicalSize::new(size.width, size.height));
        }
    });
}

#[cfg(not(feature = "desktop"))]
fn fill_screen(_window: &AppWindow) {}

/// Only a renderer on the graphics card draws emoji in colour.
fn emoji() -> Emoji {
    let software = std::env::var("SLINT_BACKEND").is_ok_and(|backend| backend.contains("software"));
    if cfg!(any(feature = "desktop", feature = "embedded-gpu")) && !software { Emoji::System } else { Emoji::Outline }
}

#[cfg(any(feature = "desktop", feature = "desktop-lean"))]
fn platform() -> Rc<dyn Platform> {
    Rc::new(crate::platform::desktop::Desktop::default())
}

#[cfg(not(any(feature = "desktop", feature = "desktop-lean")))]
fn platform() -> Rc<dyn Platform> {
    Rc::new(crate::platform::Bare)
}
