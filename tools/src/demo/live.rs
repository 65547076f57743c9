//! The demo with a person in it: alice is who sits before the window, or at the terminal where there is none; bob answers
//! by himself, and nodes may be killed.

use std::process::ExitStatus;
use std::time::Duration;

use raftchat_client::{ClientOptions, Event};
use raftchat_schema::view::{ChangedRow, MessageState, MessageView};
use raftchat_schema::wire::decode_payload;
use tokio::process::Child;
use tokio::time::sleep;

use super::script;
use super::stage::Stage;
use super::steps::Steps;
use super::window::{self, Opening};
use crate::chat::repl::{Repl, Screen};
use crate::failure::Failure;
use crate::process::nodes::Nodes;
use crate::talk::{Person, listening};

/// Nobody types faster than that.
const THINKING: Duration = Duration::from_millis(400);

/// Plays until the person at the terminal has had enough.
pub(super) async fn play(stage: &mut Stage, steps: &mut Steps) -> Result<(), Failure> {
    script::start(stage, steps).await?;
    let (alice, bob) = script::people(stage, steps).await?;
    script::greet(steps, &alice, &bob).await?;
    let profile = stage.scratch.cluster().device(alice.name.as_str());
    let why_not = match window::open(&profile).await? {
        Opening::Opened(window) => match in_window(window, stage, steps, &alice, &bob).await? {
            status if status.success() => return Ok(()),
            // It has said on standard error what is missing.
            status => format!("The window has ended with {status}"),
        },
        Opening::Not(reason) => reason,
    };
    steps.say(&format!(
        "\n{why_not}: you are alice, here on the terminal, and bob answers.{}",
        invitation(&stage.scratch.nodes)
    ))?;
    let options = ClientOptions::default();
    let repl = Repl::open(stage.scratch.profile(alice.name.as_str())?, options, Some(bob.name.clone()))?;
    let screen = repl.screen();
    tokio::select! {
        result = repl.run() => result,
        result = answer(&bob, &alice) => result,
        result = tell_deaths(&mut stage.scratch.nodes, &screen) => result,
    }
}

/// Talks in the window until the person closes it.
async fn in_window(
    mut window: Child,
    stage: &mut Stage,
    steps: &Steps,
    alice: &Person,
    bob: &Person,
) -> Result<ExitStatus, Failure> {
    let invitation = invitation(&stage.scratch.nodes);
    steps.say(&format!("\nYou are alice, in the window, and bob answers. Closing it ends the demo.{invitation}"))?;
    let say_deaths = async {
        loop {
            steps.say(&death(&mut stage.scratch.nodes).await)?;
        }
    };
    tokio::select! {
        status = window.wait() => status.map_err(|error| Failure::System(format!("the window was lost: {error}"))),
        result = answer(bob, alice) => Err(result.err().unwrap_or_else(|| Failure::Failed("bob has gone".to_owned()))),
        result = say_deaths => result,
    }
}

fn invitation(nodes: &Nodes) -> String {
    let pids = nodes.pids();
    let kills: Vec<_> = pids.iter().map(|(node, pid)| format!("  kill -9 {pid}    # node {node}")).collect();
    let spare = pids.len().saturating_sub(1) / 2;
    format!(
        "\nKill nodes from another terminal while you talk; with {spare} of {} dead the conversation still goes on:\n{}\n",
        pids.len(),
        kills.join("\n")
    )
}

/// Bob has something to say to everything.
async fn answer(bob: &Person, alice: &Person) -> Result<(), Failure> {
    let mut subscription = listening(&bob.client).await?;
    let mut answered = 0_usize;
    while let Some(event) = subscription.next().await {
        let heard = match event {
            Event::Change { change, .. } => match change.row {
                ChangedRow::Message(message) => message,
                _ => continue,
            },
            Event::Ended(error) => return Err(error.into()),
            _ => continue,
        };
        if heard.sender_name != alice.name || heard.state != MessageState::Original {
            continue;
        }
        sleep(THINKING).await;
        if let Err(error) = bob.says(alice, &reply(&heard, answered)).await {
            tracing::warn!(%error, "bob could not answer");
        }
        answered = answered.wrapping_add(1);
    }
    Ok(())
}

fn reply(heard: &MessageView, answered: usize) -> String {
    let text = decode_payload(&heard.payload).map(|payload| payload.text).unwrap_or_default();
    let text = text.trim();
    let quoted: String = text.chars().take(60).collect();
    let quoted = if quoted.len() < text.len() { format!("{quoted}…") } else { quoted };
    match answered % 4 {
        0 => format!("I read you, loud and clear: “{quoted}”"),
        1 => format!("“{quoted}” — that is number {} on every node's disk.", heard.position),
        2 => format!("Good point about “{quoted}”. Have you killed a node yet?"),
        _ => format!("“{quoted}”, and nothing of it lost."),
    }
}

async fn tell_deaths(nodes: &mut Nodes, screen: &Screen) -> Result<(), Failure> {
    loop {
        screen.aside(&death(nodes).await)?;
    }
}

/// The next node that dies, in one line.
async fn death(nodes: &mut Nodes) -> String {
    let ended = nodes.next_end().await;
    format!("{}; {} are left", ended.in_one_line(), nodes.numbers().len())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use raftchat_schema::id::{ChangeNumber, ConversationId, MessageId, Position, Stamp, UserId};

    use super::*;
    use crate::talk::payload;

    #[test]
    fn bob_quotes_what_he_heard_but_not_all_of_it() {
        let heard = |text: &str| MessageView {
            conversation: ConversationId(1),
            position: Position(7),
            message_id: MessageId([1; 16]),
            sender: UserId(1001),
            sender_name: "alice".parse().unwrap(),
            sent_at: Stamp(0),
            state: MessageState::Original,
            revision: 0,
            payload: payload(text),
            edited: None,
            mentions: Vec::new(),
            reactions: Vec::new(),
            changed: ChangeNumber(1),
            reactions_changed: ChangeNumber(0),
        };
        assert!(reply(&heard("hello\n"), 0).contains("“hello”"));
        assert!(reply(&heard("hello"), 1).contains("number 7"));
        assert!(reply(&heard(&"ä".repeat(100)), 2).contains(&format!("“{}…”", "ä".repeat(60))));
    }
}
