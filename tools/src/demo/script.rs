//! The story that `demo --script` plays: two people talk while nodes die, and every promise is checked.

mod wording;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use raftchat_client::Target;
use raftchat_schema::command::ConversationAct;
use raftchat_schema::view::{MessageState, MessageView};

use super::stage::Stage;
use super::steps::{Steps, must};
use crate::failure::Failure;
use crate::retry::until_found;
use crate::talk::{Person, Talk};

/// The number of further words that each must get through after the deaths.
const WORDS_AFTER: usize = 25;
/// The number of words that each says before.
const WORDS_BEFORE: usize = 25;
const PATIENCE: Duration = Duration::from_secs(20);

/// Plays it to its end, or to the first step that does not hold.
pub(super) async fn play(stage: &mut Stage, steps: &mut Steps) -> Result<(), Failure> {
    start(stage, steps).await?;
    let (alice, bob) = people(stage, steps).await?;
    greet(steps, &alice, &bob).await?;
    delete(steps, &alice, &bob).await?;
    wording::edit_and_react(steps, &alice, &bob).await?;
    wording::group(stage, steps, &alice, &bob).await?;
    kill_two(stage, steps, &alice, &bob).await?;
    kill_all(stage, steps, &alice, &bob).await?;
    same_state(stage, steps).await?;
    // Their links would otherwise see the nodes go.
    drop((alice, bob));
    steps.step("stop the nodes", stop(stage)).await
}

/// Starts the nodes and waits for a leader.
pub(super) async fn start(stage: &mut Stage, steps: &mut Steps) -> Result<(), Failure> {
    let start = async {
        stage.scratch.start()?;
        Ok(((), format!("process ids {}", pids(stage))))
    };
    steps.step("start the nodes", start).await?;
    let ready = async {
        let leader = stage.scratch.ready().await?;
        Ok(((), format!("node {leader} leads")))
    };
    steps.step("all nodes serve", ready).await
}

fn pids(stage: &Stage) -> String {
    let pids = stage.scratch.nodes.pids();
    pids.iter().map(|(node, pid)| format!("{node}: {pid}")).collect::<Vec<_>>().join(", ")
}

/// Logs both people in.
pub(super) async fn people(stage: &Stage, steps: &mut Steps) -> Result<(Person, Person), Failure> {
    let alice = steps.step("alice gets an account", stage.person("alice", "Alice")).await?;
    let bob = steps.step("bob gets an account", stage.person("bob", "Bob")).await?;
    Ok((alice, bob))
}

/// Both say something, and both read the same.
pub(super) async fn greet(steps: &mut Steps, alice: &Person, bob: &Person) -> Result<(), Failure> {
    let talk = async {
        let question = alice.says(bob, "Hello, Bob! Does this reach you?").await?;
        let answer = bob.says(alice, "It does, Alice. Who needs a server?").await?;
        must(answer.position == question.position.next(), || "the answer does not follow the question".to_owned())?;
        Ok((
            (),
            format!(
                "#{} over node {}, #{} over node {}",
                question.position, question.node, answer.position, answer.node
            ),
        ))
    };
    steps.step("they talk both ways", talk).await?;
    let compare = async {
        let history = same_history(alice, bob).await?;
        Ok(((), format!("{} messages, the same for both", history.len())))
    };
    steps.step("both read the same", compare).await
}

/// What both read. They read from different nodes, one of which may be a moment behind with what the other one said.
async fn same_history(alice: &Person, bob: &Person) -> Result<Vec<MessageView>, Failure> {
    let look = async || match read_both(alice, bob).await {
        Ok((of_alice, of_bob)) if of_alice != of_bob => None,
        Ok((of_alice, _)) => Some(Ok(of_alice)),
        Err(failure) => Some(Err(failure)),
    };
    let different = || Failure::Failed(format!("alice and bob read different things for {PATIENCE:?}"));
    until_found(PATIENCE, look).await.ok_or_else(different)?
}

async fn read_both(alice: &Person, bob: &Person) -> Result<(Vec<MessageView>, Vec<MessageView>), Failure> {
    Ok((alice.reads_all(bob).await?, bob.reads_all(alice).await?))
}

async fn delete(steps: &mut Steps, alice: &Person, bob: &Person) -> Result<(), Failure> {
    let delete = async {
        let slip = alice.says(bob, "This was meant for somebody else").await?;
        alice
            .client
            .act(&Target::User(bob.name.clone()), ConversationAct::DeleteMessage { position: slip.position })
            .await?;
        let history = same_history(alice, bob).await?;
        let left = history.iter().find(|message| message.position == slip.position);
        let gone = left.is_some_and(|left| left.state == MessageState::Deleted && left.payload.is_empty());
        must(gone, || format!("#{} can still be read", slip.position))?;
        Ok(((), format!("#{} is gone for both", slip.position)))
    };
    steps.step("alice deletes a message", delete).await
}

async fn kill_two(stage: &mut Stage, steps: &mut Steps, alice: &Person, bob: &Person) -> Result<(), Failure> {
    let begin = async {
        let began = Instant::now();
        let talk = Talk::begin(alice, bob).await?;
        goes_on(&talk, began, WORDS_BEFORE).await?;
        Ok((talk, format!("each has had {WORDS_BEFORE} messages confirmed")))
    };
    let talk = steps.step("both talk steadily", begin).await?;
    let kill = async {
        let victims = victims(stage, alice).await?;
        let moment = Instant::now();
        stage.scratch.nodes.kill(&victims).await;
        let names: Vec<_> = victims.iter().map(ToString::to_string).collect();
        Ok((moment, format!("nodes {}, the leader first, with SIGKILL", names.join(" and "))))
    };
    let killed_at = steps.step("kill the leader and one more", kill).await?;
    let go_on = async {
        goes_on(&talk, killed_at, WORDS_AFTER).await?;
        let gap = talk.ledger().longest_ack_gap(killed_at, Instant::now());
        Ok(((), format!("the longest wait for a confirmation was {} ms", gap.as_millis())))
    };
    steps.step("they talk on", go_on).await?;
    let account = async {
        let ledger = talk.end().await?;
        let (lost, doubled) = (ledger.lost(), ledger.doubled());
        must(lost == 0 && doubled == 0, || format!("{lost} messages did not arrive, {doubled} arrived twice"))?;
        must(ledger.in_order(), || "messages arrived out of order".to_owned())?;
        ledger.compare(&same_history(alice, bob).await?).map_err(Failure::Failed)?;
        Ok(((), format!("{} messages, each once, in the same order for both", ledger.messages())))
    };
    steps.step("nothing is lost or doubled", account).await
}

async fn goes_on(talk: &Talk, since: Instant, words: usize) -> Result<(), Failure> {
    let fewer =
        |had| Failure::Failed(format!("after {PATIENCE:?} one of them had {had} of {words} messages confirmed"));
    talk.goes_on(since, words, PATIENCE).await.map_err(fewer)
}

/// The leader, and the node that alice speaks with; if that is the same, any other. Never so many that no majority is
/// left.
async fn victims(stage: &mut Stage, alice: &Person) -> Result<Vec<u64>, Failure> {
    let leader = stage.scratch.ready().await?;
    let hers = alice.client.whoami().await?.node.0;
    let all = stage.scratch.cluster().nodes()?;
    let other = if hers == leader { all.iter().copied().find(|node| *node != leader) } else { Some(hers) };
    let spare = all.len().saturating_sub(1) / 2;
    Ok(std::iter::once(leader).chain(other).take(spare).collect())
}

async fn kill_all(stage: &mut Stage, steps: &mut Steps, alice: &Person, bob: &Person) -> Result<(), Failure> {
    let before = same_history(alice, bob).await?;
    let kill = async {
        let all = stage.scratch.nodes.numbers();
        stage.scratch.nodes.kill(&all).await;
        stage.scratch.start()?;
        let leader = stage.scratch.ready().await?;
        Ok(((), format!("all {} nodes are back, node {leader} leads", stage.node_count()?)))
    };
    steps.step("kill and restart every node", kill).await?;
    let read = async {
        let after = same_history(alice, bob).await?;
        must(after == before, || format!("{} messages before, {} after", before.len(), after.len()))?;
        bob.says(alice, "Still here?").await?;
        let answer = alice.says(bob, "Every word of it.").await?;
        Ok(((), format!("all {} messages are there, and #{} is the next", before.len(), answer.position)))
    };
    steps.step("everything is read back", read).await
}

async fn same_state(stage: &Stage, steps: &mut Steps) -> Result<(), Failure> {
    let compare = async {
        let found = until_found(PATIENCE, async || common_state(stage).await).await;
        let (applied, hash) =
            found.ok_or_else(|| Failure::Failed("the nodes do not come to the same state".to_owned()))?;
        let short: String = hash.chars().take(16).collect();
        Ok(((), format!("{short}… at entry {applied} on all nodes")))
    };
    steps.step("all nodes hold the same state", compare).await
}

/// The one state that all nodes are in, if they are.
async fn common_state(stage: &Stage) -> Option<(u64, String)> {
    let seen = stage.scratch.look().await;
    let states: BTreeSet<_> = seen
        .iter()
        .map(|seen| seen.status.as_ref().ok().map(|status| (status.applied, status.state_hash.to_string())))
        .collect();
    if states.len() > 1 {
        return None;
    }
    states.into_iter().next().flatten()
}

async fn stop(stage: &mut Stage) -> Result<((), String), Failure> {
    let ended = stage.scratch.stop().await;
    let badly: Vec<_> = ended.iter().filter(|ended| !ended.in_order()).map(ToString::to_string).collect();
    must(badly.is_empty(), || badly.join("; "))?;
    Ok(((), format!("all {} ended in order", ended.len())))
}
