//! Alice and bob, each at a window, while nodes die.

use std::collections::BTreeSet;

use raftchat_tests::cluster::Cluster;
use raftchat_tests::people::PASSWORD;

use crate::desktop::Desktop;
use crate::hands::{Window, second};

/// As the test is called.
pub(crate) const NAME: &str = "two_windows_talk_while_nodes_die";

/// Tells it; panics where it does not go as it should.
pub(crate) fn tell() {
    println!("test {NAME} ...");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(two_windows_talk_while_nodes_die());
    println!("test {NAME} ... ok");
}

async fn two_windows_talk_while_nodes_die() {
    let program = std::env::current_exe().unwrap();
    let cluster = Cluster::start(program.to_str().unwrap(), 3, |_| {}).await;
    let desktop = Desktop::start();
    let bus = desktop.as_ref().map(|desktop| desktop.address.as_str());
    let mut alice = arrives(&cluster, "alice", None).await;
    let mut bob = arrives(&cluster, "bob", bus).await;

    // They find each other and talk.
    alice.press("New conversation").await;
    alice.write("Find people", "bob").await;
    alice.press_what("bob among the people", |label| label.starts_with("bob, ") && label.contains(" · ")).await;
    let before = drawn(&mut alice);
    says(&mut alice, "bob", "Hello <b>bob</b>").await;
    if let Some(desktop) = &desktop {
        desktop.shows(&[("alice", "Hello &lt;b&gt;bob&lt;/b&gt;")]).await;
    }
    bob.press_what("the conversation", |label| label.starts_with("alice, ") && label.contains("Hello <b>bob</b>"))
        .await;
    bob.sees_message("alice: Hello <b>bob</b>", "").await;
    alice.sees_message("You: Hello <b>bob</b>", "Read").await;
    assert_ne!(before, drawn(&mut alice), "what alice has said is drawn");
    if let Some(desktop) = &desktop {
        desktop.shows(&[]).await;
    }
    says(&mut bob, "alice", "Hello alice").await;
    alice.sees_message("bob: Hello alice", "").await;

    // A device has one window.
    let (status, said) = second(&cluster.dir().join("devices/alice"));
    assert_eq!(status, Some(4), "{said}");
    assert!(said.contains("another"), "{said}");

    // The leader dies; nobody has to do anything.
    let leader = cluster.serving(3).await;
    cluster.kill(leader);
    says(&mut alice, "bob", "Is anybody there?").await;
    bob.sees_message("alice: Is anybody there?", "").await;
    alice.sees_message("You: Is anybody there?", "Read").await;
    alice.sees_connection("Node ").await;

    // All die: that is said, and what is written waits.
    cluster.kill_all();
    alice.sees("that it is offline", |said| said.iter().any(|label| is_away(label)).then_some(())).await;
    says(&mut alice, "bob", "Into the void").await;
    alice.sees_message("You: Into the void", "Sending…").await;

    // A window that is opened meanwhile shows what was said, and what was typed before it was closed.
    bob.write("Message to alice", "I wanted to ask").await;
    bob.close();
    let mut bob = Window::open("bob", &cluster.dir().join("devices/bob"), bus);
    bob.press_what("the draft", |label| label.starts_with("alice, ") && label.contains("I wanted to ask")).await;
    bob.sees_message("alice: Is anybody there?", "").await;

    // They come back, and so does all that waited: once.
    cluster.start_all();
    cluster.serving(3).await;
    alice.sees_connection("Node ").await;
    bob.sees_connection("Node ").await;
    bob.sees_message("alice: Into the void", "").await;
    alice.sees_message("You: Into the void", "Read").await;
    cluster.agree().await;
    alice.close();
    bob.close();
}

/// Somebody new makes an account at the window of their device.
async fn arrives(cluster: &Cluster, name: &'static str, bus: Option<&str>) -> Window {
    let mut window = Window::open(name, &cluster.device(name), bus);
    let is_new = |said: &[String]| {
        said.iter().find(|label| ["Create an account", "I have an account"].contains(&label.as_str())).cloned()
    };
    if window.sees("where to begin", is_new).await == "Create an account" {
        window.press("Create an account").await;
    }
    window.write("Username", name).await;
    window.write("Password", PASSWORD).await;
    window.write("Password again", PASSWORD).await;
    window.press("Create account").await;
    window.sees_connection("Node ").await;
    window
}

/// What is drawn, if it can be a window with something in it.
fn drawn(window: &mut Window) -> Vec<[u8; 4]> {
    let (width, height, pixels) = window.picture();
    assert_eq!((width, height), (1040, 720), "the size that the window asks for");
    let colours: BTreeSet<&[u8; 4]> = pixels.iter().collect();
    assert!(colours.len() > 100, "letters have smooth edges, but there are {} colours", colours.len());
    pixels
}

async fn says(window: &mut Window, to: &str, text: &str) {
    window.write(&format!("Message to {to}"), text).await;
    window.click("Send").await;
}

fn is_away(label: &str) -> bool {
    ["Connection: Offline", "Connection: Connecting"].iter().any(|beginning| label.starts_with(beginning))
}
