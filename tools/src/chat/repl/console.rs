//! Lines in and lines out: with editing and a prompt on a terminal, plainly where there is none. Knows nothing of what
//! they mean.

mod keys;
mod line;
mod terminal;

use std::fmt;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::mpsc;

use self::keys::Decoder;
use self::line::Entered;
use self::terminal::Terminal;
use crate::failure::Failure;

/// Lines that were typed faster than they are taken wait here; more wait at the keyboard.
const LINES_WAITING: usize = 16;

/// The side that is typed on. Dropping it gives the terminal back as it was.
pub(super) struct Console {
    lines: mpsc::Receiver<String>,
    terminal: Option<Arc<Mutex<Terminal>>>,
}

/// The side that is read. Clones are the same screen; lines may come from anywhere at any time.
#[derive(Clone)]
pub(crate) struct Screen {
    terminal: Option<Arc<Mutex<Terminal>>>,
    style: Style,
}

#[derive(Clone, Copy, Debug)]
enum Style {
    Plain,
    Dimmed,
}

impl Console {
    /// Takes the terminal, or plain standard input and output.
    pub(super) fn open() -> Result<(Self, Screen), Failure> {
        let (lines, typed) = mpsc::channel(LINES_WAITING);
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let terminal = if is_terminal { Terminal::take().ok() } else { None };
        let Some(terminal) = terminal else {
            spawn(move || read_plainly(&lines))?;
            return Ok((Self { lines: typed, terminal: None }, Screen { terminal: None, style: Style::Plain }));
        };
        let terminal = Arc::new(Mutex::new(terminal));
        let at_keyboard = Arc::clone(&terminal);
        spawn(move || edit(&at_keyboard, &lines))?;
        let style = if std::env::var_os("NO_COLOR").is_some() { Style::Plain } else { Style::Dimmed };
        let screen = Screen { terminal: Some(Arc::clone(&terminal)), style };
        Ok((Self { lines: typed, terminal: Some(terminal) }, screen))
    }

    /// Asks for the next line, under this prompt from now on.
    pub(super) fn ask(&self, prompt: String) {
        if let Some(terminal) = &self.terminal {
            lock(terminal).ask(prompt);
        }
    }

    /// The next line; `None` at the end of the input.
    pub(super) async fn next_line(&mut self) -> Option<String> {
        self.lines.recv().await
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if let Some(terminal) = &self.terminal {
            lock(terminal).give_back();
        }
    }
}

impl fmt::Debug for Screen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screen").field("style", &self.style).finish_non_exhaustive()
    }
}

impl Screen {
    /// One line of the conversation, above what is being typed.
    pub(crate) fn show(&self, line: &str) -> Result<(), Failure> {
        let shown = match &self.terminal {
            Some(terminal) => lock(terminal).print(line),
            None => writeln!(io::stdout().lock(), "{line}"),
        };
        shown.map_err(Failure::Output)
    }

    /// One line that is not part of the conversation.
    pub(crate) fn aside(&self, line: &str) -> Result<(), Failure> {
        match self.style {
            Style::Plain => self.show(&format!("-- {line} --")),
            Style::Dimmed => self.show(&format!("\u{1b}[2m{line}\u{1b}[0m")),
        }
    }
}

fn lock(terminal: &Mutex<Terminal>) -> MutexGuard<'_, Terminal> {
    terminal.lock().unwrap_or_else(PoisonError::into_inner)
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let thread = thread::Builder::new().name("keyboard".to_owned()).spawn(work);
    thread.map(drop).map_err(|error| Failure::System(format!("the system gives no thread for the keyboard: {error}")))
}

/// Every byte that was read is looked at before more is waited for, so that nothing of what came at once is left lying.
fn edit(terminal: &Mutex<Terminal>, lines: &mpsc::Sender<String>) {
    let mut decoder = Decoder::default();
    let mut bytes = [0; 4096];
    loop {
        let taken = match io::stdin().lock().read(&mut bytes) {
            Ok(0) => return,
            Ok(taken) => taken,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        for key in decoder.feed(bytes.get(..taken).unwrap_or_default()) {
            // Bound, so that the terminal is not held while the line waits to be taken.
            let entered = lock(terminal).press(key);
            match entered {
                None => {}
                Some(Entered::Line(line)) => match lines.blocking_send(line) {
                    Ok(()) => {}
                    Err(_) => return,
                },
                // Ctrl-C and Ctrl-D are both the end.
                Some(Entered::End) => return,
            }
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
