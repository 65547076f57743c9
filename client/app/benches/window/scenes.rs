//! What a measured window does: comes up, is scrolled, rests, hears. Each ends with its figures on standard output.

use std::cell::{Cell, RefCell};
use std::io::Read;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use raftchat_app::run;
use raftchat_app::ui::{AppWindow, Chats, Timeline};
use slint::platform::WindowEvent;
use slint::{ComponentHandle, LogicalPosition, Model, Timer, TimerMode};

use crate::screen::{self, FRAME, Frames, OnFrame, Screen};

/// Plays a scene until it is over.
pub(crate) fn play(scene: &str) -> ExitCode {
    let on_frame: Rc<RefCell<OnFrame>> = Rc::new(RefCell::new(Box::new(|_| ())));
    let shown = on_frame.clone();
    let choose =
        || slint::platform::set_platform(Box::new(Screen::new(shown))).map_err(slint::PlatformError::SetPlatformError);
    run::main_on(choose, |window| match scene {
        "start" => start(window, &on_frame),
        "scroll" => scroll(window, &on_frame),
        "idle" => idle(window),
        _ => hear(window, &on_frame),
    })
}

fn rows(window: &AppWindow) -> usize {
    window.global::<Timeline<'_>>().get_rows().row_count()
}

fn last_position(window: &AppWindow) -> i32 {
    let rows = window.global::<Timeline<'_>>().get_rows();
    rows.row_data(rows.row_count().saturating_sub(1)).map_or(0, |row| row.position)
}

fn chats(window: &AppWindow) -> usize {
    window.global::<Chats<'_>>().get_rows().row_count()
}

/// Opens the long conversation once it is in the list.
fn open_when_listed(window: &AppWindow) {
    let open = window.global::<Chats<'_>>().get_open_id();
    if chats(window) > 0 && open.is_empty() {
        window.global::<Chats<'_>>().invoke_open("c1".into());
    }
}

fn quit() {
    slint::quit_event_loop().unwrap();
}

/// When the first frame is there, when the list is, and when a conversation that was opened is.
fn start(window: &AppWindow, on_frame: &Rc<RefCell<OnFrame>>) {
    let started: u128 = std::env::var(crate::STARTED).unwrap().parse().unwrap();
    let since = move || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() - started;
    let window = window.as_weak();
    let (mut first, mut list, mut opened) = (None, None, None);
    *on_frame.borrow_mut() = Box::new(move |_| {
        let window = window.upgrade().unwrap();
        first.get_or_insert_with(since);
        if list.is_none() && chats(&window) > 0 {
            list = Some(since());
            let window = window.as_weak();
            opened = Some(Instant::now());
            Timer::single_shot(Duration::ZERO, move || {
                window.upgrade().unwrap().global::<Chats<'_>>().invoke_open("c1".into());
            });
        }
        if let (Some(first), Some(list), Some(opened), true) = (first, list, opened, rows(&window) > 0) {
            let opened = opened.elapsed().as_millis();
            let memory = screen::status("VmRSS");
            println!(
                "start: first frame {first} ms, with the list {list} ms, a conversation {opened} ms later; {memory}"
            );
            quit();
        }
    });
}

/// Up through a long conversation, a step each frame.
fn scroll(window: &AppWindow, on_frame: &Rc<RefCell<OnFrame>>) {
    let frames = Rc::new(RefCell::new(Frames::default()));
    let (timed, steps) = (frames.clone(), Rc::new(Cell::new(0)));
    *on_frame.borrow_mut() = Box::new(move |time| timed.borrow_mut().0.push(time));
    let window = window.as_weak();
    let timer = Rc::new(Timer::default());
    let kept = timer.clone();
    timer.start(TimerMode::Repeated, FRAME, move || {
        let window = window.upgrade().unwrap();
        let step = steps.get();
        if step == 0 && rows(&window) == 0 {
            open_when_listed(&window);
            return;
        }
        if step == 60 {
            // What opened has come to rest.
            frames.borrow_mut().0.clear();
        }
        steps.set(step + 1);
        if step >= 60 {
            let position = LogicalPosition::new(800.0, 400.0);
            let scrolled = WindowEvent::PointerScrolled { position, delta_x: 0.0, delta_y: 60.0 };
            window.window().dispatch_event(scrolled);
        }
        if step == 60 + 1200 {
            frames.borrow_mut().report("scrolling 60 px a frame through 10,000 messages");
            let there = window.global::<Timeline<'_>>().get_above();
            println!("scrolling: from message 10000 to where {there} are above; {}", screen::status("VmRSS"));
            kept.stop();
            quit();
        }
    });
}

/// What it costs when nothing happens.
fn idle(window: &AppWindow) {
    let rest = Duration::from_secs(5);
    let window = window.as_weak();
    Timer::single_shot(rest / 2, move || open_when_listed(&window.upgrade().unwrap()));
    Timer::single_shot(rest, move || {
        let before = screen::cpu();
        Timer::single_shot(rest * 3, move || {
            let used = screen::cpu().saturating_sub(before);
            println!("idle, no node answers: {used:?} of processor time in 15 s; {}", screen::status("VmRSS"));
            quit();
        });
    });
}

/// Times each frame until nobody has anything to say any more.
fn hear(window: &AppWindow, on_frame: &Rc<RefCell<OnFrame>>) {
    let frames = Rc::new(RefCell::new(Frames::default()));
    let timed = frames.clone();
    let begun = Rc::new(Cell::new(None));
    let first = begun.clone();
    let seen = window.as_weak();
    let begun_cpu = Rc::new(Cell::new(Duration::ZERO));
    let cpu = begun_cpu.clone();
    *on_frame.borrow_mut() = Box::new(move |time| {
        let window = seen.upgrade().unwrap();
        if chats(&window) > 0 && window.global::<Chats<'_>>().get_open_id().is_empty() {
            let row = window.global::<Chats<'_>>().get_rows().row_data(0).unwrap();
            let window = window.as_weak();
            Timer::single_shot(Duration::ZERO, move || {
                window.upgrade().unwrap().global::<Chats<'_>>().invoke_open(row.id);
            });
        }
        // Once it has begun in earnest.
        if first.get().is_some() || last_position(&window) > 40 {
            if first.get().is_none() {
                first.set(Some(Instant::now()));
                cpu.set(screen::cpu());
            }
            timed.borrow_mut().0.push(time);
        }
    });
    let window = window.as_weak();
    std::thread::spawn(move || {
        // Whoever has started this closes it when all is said.
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        slint::invoke_from_event_loop(move || REPORT.with(|report| report.take().unwrap()())).unwrap();
    });
    REPORT.set(Some(Box::new(move || {
        let timeline = window.upgrade().unwrap();
        let timeline = timeline.global::<Timeline<'_>>();
        let took = begun.get().map_or(Duration::ZERO, |begun: Instant| begun.elapsed());
        frames.borrow_mut().report("200 messages a second come in");
        let last = timeline.get_rows().row_data(timeline.get_rows().row_count() - 1).unwrap();
        let (used, memory) = (screen::cpu().saturating_sub(begun_cpu.get()), screen::status("VmRSS"));
        println!(
            "the last row reads \"{}\"; at the bottom: {}; {used:?} of processor time in {took:?}; {memory}",
            last.readout,
            timeline.get_pinned()
        );
        quit();
    })));
}

thread_local! {
    static REPORT: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}
