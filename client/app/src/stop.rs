//! Ctrl-C and SIGTERM close the window, so that what was typed is kept. Knows nothing of what is in it.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// From now on the signals no longer end the program by themselves, but its event loop.
pub(crate) fn listen() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let entered = runtime.enter();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    drop(entered);
    let wait = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if let Err(error) = slint::quit_event_loop() {
            tracing::warn!("the window does not close: {error}");
        }
    };
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(wait))?;
    Ok(())
}
