//! B3 and B5: what can be done before anybody is let in, and with the words in which one leaves.

use std::collections::VecDeque;
use std::net::UdpSocket;
use std::time::Duration;

use tokio::time::{Instant, interval, sleep, timeout};

use crate::frames;
use crate::line::Line;
use crate::plan::Plan;
use crate::quic::Door;
use crate::relay::{Passing, Relay};
use crate::report::{Report, Trouble};

/// Handshakes begun each second, at which 512 places were taken for good.
const HANDSHAKES_PER_SECOND: u32 = 300;
/// How long one that hangs is kept: a node gives up before.
const HANGS: Duration = Duration::from_secs(6);
/// Ports from which stale packets come.
const PORTS: usize = 64;
/// Different ones of them.
const INITIALS: usize = 64;
/// Between two complaints: the words count, not how many.
const COMPLAINTS: Duration = Duration::from_millis(5);

/// What would be a line of the log, and clear a terminal.
fn forged(place: &str) -> String {
    let esc = '\u{1b}';
    format!(
        "bye {place}\n2026-11-30T00:00:00.000000Z  INFO raftchat_node::node: FORGED-LINE {place}\r{esc}[2J{esc}]0;FORGED-TITLE\u{7}\u{202e} {}",
        "x".repeat(900)
    )
}

pub(super) async fn forged_reasons(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    let complaining = Door::complaining(&forged("before the certificate"), plan.from)?;
    while plan.goes_on() {
        if complaining.connect(plan.node).await.is_err() {
            report.count("before_the_certificate", 1);
        }
        match Line::to(plan).await {
            Ok(line) => {
                line.close(forged("as it closed the link").as_bytes());
                line.gone().await;
                report.count("as_it_closed_the_link", 1);
            }
            Err(trouble) => report.note("not_let_in", &trouble),
        }
        if let Ok(mut line) = Line::to(plan).await {
            line.say(&frames::abort(&forged("as an abort"))).await?;
            // Until the node has read it and ended the link.
            let _ = timeout(Duration::from_millis(300), line.connection.closed()).await;
            report.count("as_an_abort", 1);
        }
        sleep(COMPLAINTS).await;
    }
    Ok(())
}

pub(super) async fn hanging_handshakes(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    let relay = Relay::before(plan.node, plan.from, Passing::OnlyRetries).await?;
    let door = Door::complaining("never said", plan.from)?;
    let mut hanging = VecDeque::new();
    let mut next = interval(Duration::from_secs(1) / HANDSHAKES_PER_SECOND);
    while plan.goes_on() {
        next.tick().await;
        hanging.push_back((Instant::now(), door.knock(relay.at())?));
        report.count("handshakes", 1);
        while hanging.front().is_some_and(|(begun, _)| begun.elapsed() > HANGS) {
            hanging.pop_front();
        }
    }
    // Nothing is said about those that still hang.
    relay.set(Passing::Nothing);
    Ok(())
}

pub(super) async fn stale_initials(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    let relay = Relay::before(plan.node, plan.from, Passing::Nothing).await?;
    let door = Door::complaining("never said", plan.from)?;
    let mut begun = Vec::new();
    for _ in 0..INITIALS {
        begun.push(door.knock(relay.at())?);
    }
    sleep(Duration::from_millis(200)).await;
    let initials = relay.kept();
    drop(begun);
    let mut sockets = Vec::new();
    for _ in 0..PORTS {
        let socket = UdpSocket::bind((plan.from, 0))?;
        socket.connect(plan.node)?;
        socket.set_nonblocking(true)?;
        sockets.push(socket);
    }
    while plan.goes_on() {
        for initial in &initials {
            let said = sockets.iter().filter(|socket| socket.send(initial).is_ok()).count();
            report.count("initials", said as u64);
            tokio::task::yield_now().await;
            if !plan.goes_on() {
                break;
            }
        }
    }
    Ok(())
}
