//! A screen in memory with an event loop that times what it draws. Knows nothing of what is drawn.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::thread::Thread;
use std::time::{Duration, Instant};

use slint::platform::software_renderer::{MinimalSoftwareWindow, PremultipliedRgbaColor, RepaintBufferType};
use slint::platform::{EventLoopProxy, Platform, WindowAdapter};
use slint::{EventLoopError, PhysicalSize, PlatformError};

/// A frame of a screen that shows sixty a second.
pub(crate) const FRAME: Duration = Duration::from_micros(16_667);
const WIDTH: u32 = 1280;
const HEIGHT: u32 = 800;

type Job = Box<dyn FnOnce() + Send>;

/// Called after each frame, with the time it took from waking up to the last pixel.
pub(crate) type OnFrame = Box<dyn FnMut(Duration)>;

pub(crate) struct Screen {
    window: Rc<MinimalSoftwareWindow>,
    start: Instant,
    queue: Queue,
    on_frame: Rc<RefCell<OnFrame>>,
}

#[derive(Clone)]
struct Queue {
    jobs: Arc<Mutex<VecDeque<Option<Job>>>>,
    thread: Thread,
}

impl Queue {
    fn push(&self, job: Option<Job>) {
        self.jobs.lock().unwrap().push_back(job);
        self.thread.unpark();
    }
}

impl EventLoopProxy for Queue {
    fn quit_event_loop(&self) -> Result<(), EventLoopError> {
        self.push(None);
        Ok(())
    }

    fn invoke_from_event_loop(&self, job: Job) -> Result<(), EventLoopError> {
        self.push(Some(job));
        Ok(())
    }
}

impl Screen {
    pub(crate) fn new(on_frame: Rc<RefCell<OnFrame>>) -> Self {
        let window = MinimalSoftwareWindow::new(RepaintBufferType::ReusedBuffer);
        let queue = Queue { jobs: Arc::default(), thread: std::thread::current() };
        Self { window, start: Instant::now(), queue, on_frame }
    }
}

impl Platform for Screen {
    fn create_window_adapter(&self) -> Result<Rc<dyn WindowAdapter>, PlatformError> {
        Ok(self.window.clone())
    }

    fn duration_since_start(&self) -> Duration {
        self.start.elapsed()
    }

    fn new_event_loop_proxy(&self) -> Option<Box<dyn EventLoopProxy>> {
        Some(Box::new(self.queue.clone()))
    }

    fn run_event_loop(&self) -> Result<(), PlatformError> {
        self.window.set_size(PhysicalSize::new(WIDTH, HEIGHT));
        let mut pixels = vec![PremultipliedRgbaColor::default(); (WIDTH * HEIGHT) as usize];
        loop {
            let awake = Instant::now();
            loop {
                let job = self.queue.jobs.lock().unwrap().pop_front();
                match job {
                    Some(Some(job)) => job(),
                    Some(None) => return Ok(()),
                    None => break,
                }
            }
            slint::platform::update_timers_and_animations();
            let drawn = self.window.draw_if_needed(|renderer| {
                renderer.render(&mut pixels, WIDTH as usize);
            });
            if drawn {
                (self.on_frame.borrow_mut())(awake.elapsed());
            }
            if self.window.has_active_animations() {
                std::thread::sleep(FRAME.saturating_sub(awake.elapsed()));
            } else if self.queue.jobs.lock().unwrap().is_empty() {
                match slint::platform::duration_until_next_timer_update() {
                    Some(wait) => std::thread::park_timeout(wait),
                    None => std::thread::park(),
                }
            }
        }
    }
}

/// Times of frames, and what there is to say of them.
#[derive(Default)]
pub(crate) struct Frames(pub(crate) Vec<Duration>);

impl Frames {
    pub(crate) fn report(&mut self, what: &str) {
        self.0.sort_unstable();
        let at = |part: f64| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a rank"
            )]
            let rank = (self.0.len().saturating_sub(1) as f64 * part) as usize;
            self.0.get(rank).copied().unwrap_or_default().as_secs_f64() * 1000.0
        };
        let late = self.0.iter().filter(|time| **time > FRAME).count();
        let (p50, p95, p99, max) = (at(0.5), at(0.95), at(0.99), at(1.0));
        let count = self.0.len();
        println!("{what}: {count} frames, p50 {p50:.1} p95 {p95:.1} p99 {p99:.1} max {max:.1} ms, {late} over 16.7 ms");
    }
}

/// A figure of this process out of `/proc/self/status`.
pub(crate) fn status(key: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find(|line| line.starts_with(key))
        .unwrap_or_default()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

/// The processor time this process has used.
pub(crate) fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields.iter().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
    // A tick is a hundredth of a second.
    Duration::from_millis(ticks * 10)
}
