//! Lines in and lines out: with editing and a prompt on a terminal, plainly where there is none. Knows nothing of what
//! they mean.

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::mpsc as prompts;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::history::DefaultHistory;
use rustyline::{Editor, ExternalPrinter};
use tokio::sync::mpsc;

use crate::failure::Failure;

/// Lines that were typed faster than they are taken wait here; more wait at the keyboard.
const LINES_WAITING: usize = 16;

/// The side that is typed on. Dropping it gives the terminal back as it was.
pub(super) struct Console {
    lines: mpsc::Receiver<String>,
    prompts: prompts::Sender<String>,
    before: Option<Termios>,
}

/// The side that is read. Clones are the same screen; lines may come from anywhere at any time.
#[derive(Clone)]
pub(crate) struct Screen {
    printer: Arc<Mutex<Box<dyn Print>>>,
    style: Style,
}

#[derive(Clone, Copy, Debug)]
enum Style {
    Plain,
    Dimmed,
}

/// One line below the conversation and above what is being typed.
trait Print: Send {
    fn print(&mut self, line: String) -> io::Result<()>;
}

struct BesidePrompt<P>(P);

impl<P: ExternalPrinter + Send> Print for BesidePrompt<P> {
    fn print(&mut self, line: String) -> io::Result<()> {
        self.0.print(line).map_err(io::Error::other)
    }
}

struct Plainly;

impl Print for Plainly {
    fn print(&mut self, line: String) -> io::Result<()> {
        io::stdout().lock().write_all(line.as_bytes())
    }
}

impl Console {
    /// Takes the terminal, or plain standard input and output.
    pub(super) fn open() -> Result<(Self, Screen), Failure> {
        let (lines, typed) = mpsc::channel(LINES_WAITING);
        let (ask, asked) = prompts::channel();
        let editor = if io::stdin().is_terminal() && io::stdout().is_terminal() { with_editing() } else { None };
        let Some((editor, printer)) = editor else {
            spawn(move || read_plainly(&lines))?;
            let screen = Screen { printer: Arc::new(Mutex::new(Box::new(Plainly))), style: Style::Plain };
            return Ok((Self { lines: typed, prompts: ask, before: None }, screen));
        };
        let before = tcgetattr(io::stdin()).ok();
        spawn(move || edit(editor, &asked, &lines))?;
        let style = if std::env::var_os("NO_COLOR").is_some() { Style::Plain } else { Style::Dimmed };
        let screen = Screen { printer: Arc::new(Mutex::new(printer)), style };
        Ok((Self { lines: typed, prompts: ask, before }, screen))
    }

    /// Asks for the next line.
    pub(super) fn ask(&self, prompt: String) {
        // Nobody is there to ask at the end of the input, which `next_line` tells.
        let _ = self.prompts.send(prompt);
    }

    /// The next line; `None` at the end of the input.
    pub(super) async fn next_line(&mut self) -> Option<String> {
        self.lines.recv().await
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // The terminal may be gone, and then needs nothing.
            let _ = tcsetattr(io::stdin(), OptionalActions::Drain, before);
        }
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").field("style", &self.style).finish_non_exhaustive()
    }
}

impl Screen {
    /// One line of the conversation.
    pub(crate) fn show(&self, line: &str) -> Result<(), Failure> {
        let mut printer = self.printer.lock().unwrap_or_else(PoisonError::into_inner);
        printer.print(format!("{line}\n")).map_err(Failure::Output)
    }

    /// One line that is not part of the conversation.
    pub(crate) fn aside(&self, line: &str) -> Result<(), Failure> {
        match self.style {
            Style::Plain => self.show(&format!("-- {line} --")),
            Style::Dimmed => self.show(&format!("\u{1b}[2m{line}\u{1b}[0m")),
        }
    }
}

fn with_editing() -> Option<(Editor<(), DefaultHistory>, Box<dyn Print>)> {
    let mut editor = Editor::new().ok()?;
    let printer = editor.create_external_printer().ok()?;
    Some((editor, Box::new(BesidePrompt(printer))))
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let thread = thread::Builder::new().name("keyboard".to_owned()).spawn(work);
    thread.map(drop).map_err(|error| Failure::System(format!("the system gives no thread for the keyboard: {error}")))
}

fn edit(mut editor: Editor<(), DefaultHistory>, prompts: &prompts::Receiver<String>, lines: &mpsc::Sender<String>) {
    while let Ok(prompt) = prompts.recv() {
        // Ctrl-C, Ctrl-D and a terminal that is gone are all the end.
        let Ok(line) = editor.readline(&prompt) else { return };
        if let Err(error) = editor.add_history_entry(&line) {
            tracing::debug!(%error, "the line is not kept for the arrow keys");
        }
        if lines.blocking_send(line).is_err() {
            return;
        }
    }
}

fn read_plainly(lines: &mpsc::Sender<String>) {
    for line in io::stdin().lock().lines() {
        let Ok(line) = line else { return };
        if lines.blocking_send(line).is_err() {
            return;
        }
    }
}
