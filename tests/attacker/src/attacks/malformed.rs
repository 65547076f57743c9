//! Frames that are none, are begun and not finished, or say what nobody may say. What a node does with each is noted: it may
//! answer or end the link, and must live.

use std::rc::Rc;
use std::time::Duration;

use capnp::message::{Builder, HeapAllocator};
use capnp::serialize::write_message_to_words;
use capnp_rpc::rpc_capnp::{exception, message};
use raftchat_schema::generated::client_capnp::{gateway, session};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

use crate::account::{
    Account, conversation_of, gateway as of_gateway, hello, login, random, send, session as of_session,
};
use crate::frames::{self, Heard, Method, ReceiverAt, Target};
use crate::line::{GATEWAY, Line, ending};
use crate::plan::Plan;
use crate::quic::Door;
use crate::report::{Report, Trouble};

/// Links on which a frame is begun.
const BEGUN_LINKS: usize = 300;
/// The words that are announced: not more than a frame may have.
const ANNOUNCED_WORDS: u32 = 65_000;
/// The bytes of them that are said.
const BEGUN_BYTES: usize = 64 * 1024;
/// How long a node has to say what it thinks of a frame.
const VERDICT: Duration = Duration::from_millis(700);
/// Links at the same time: fewer than a device may have.
const AT_ONCE: usize = 8;
/// Calls with nothing but random bytes for parameters.
const RANDOM_CALLS: usize = 150;

pub(super) async fn begun_frames(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    let door = Rc::new(Door::of(plan.device()?, plan.from)?);
    let mut links = JoinSet::new();
    for _ in 0..BEGUN_LINKS {
        let (door, plan) = (Rc::clone(&door), plan.clone());
        links.spawn_local(async move {
            let mut report = Report::default();
            while plan.goes_on() {
                match begin_one(&door, &plan).await {
                    Ok(end) => report.note("ended", &end),
                    Err(trouble) => report.note("not_let_in", &trouble),
                }
                report.count("links", 1);
                sleep(super::again::BREATH).await;
            }
            report
        });
    }
    while let Some(one) = links.join_next().await {
        report.add(one?);
    }
    Ok(())
}

async fn begin_one(door: &Rc<Door>, plan: &Plan) -> Result<String, Trouble> {
    let mut line = Line::through(door, plan.node).await?;
    line.say(&segment_table(&[ANNOUNCED_WORDS])).await?;
    line.say(&vec![0; BEGUN_BYTES]).await?;
    let connection = line.connection.clone();
    match timeout_at(plan.until, connection.closed()).await {
        Ok(end) => Ok(ending(&end)),
        Err(_elapsed) => Ok("not ended".to_owned()),
    }
}

/// The head of a frame whose segments have so many words.
fn segment_table(segments: &[u32]) -> Vec<u8> {
    let mut bytes = (u32::try_from(segments.len()).unwrap_or(1) - 1).to_le_bytes().to_vec();
    bytes.extend(segments.iter().flat_map(|words| words.to_le_bytes()));
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}

/// A frame of one segment with these words.
fn words(words: &[u64]) -> Vec<u8> {
    let mut bytes = segment_table(&[u32::try_from(words.len()).unwrap_or(0)]);
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    bytes
}

/// A case: what it is, and the bytes that are said after the first capability was asked for.
type Case = (String, Vec<u8>);

pub(super) async fn all(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    let mut cases = framing();
    cases.extend(bookkeeping());
    cases.extend(targets());
    cases.extend(contents());
    report.count("cases", cases.len() as u64);
    let door = Rc::new(Door::of(plan.device()?, plan.from)?);
    let mut cases = cases.into_iter();
    while plan.goes_on() {
        let mut links = JoinSet::new();
        for (what, bytes) in cases.by_ref().take(AT_ONCE) {
            let (door, node) = (Rc::clone(&door), plan.node);
            links.spawn_local(async move { (what, try_one(&door, node, &bytes).await) });
        }
        if links.is_empty() {
            break;
        }
        while let Some(one) = links.join_next().await {
            let (what, outcome) = one?;
            report.note("outcomes", &format!("{what}: {}", outcome.unwrap_or_else(|trouble| trouble.to_string())));
        }
    }
    as_a_member(plan, report).await?;
    let mut line = Line::to(plan).await?;
    let question = line.question();
    line.say(&hello(question)).await?;
    line.answer(question).await?;
    report.count("answers_after_all", 1);
    Ok(())
}

async fn try_one(door: &Rc<Door>, node: std::net::SocketAddr, bytes: &[u8]) -> Result<String, Trouble> {
    let mut line = Line::through(door, node).await?;
    line.say(bytes).await?;
    Ok(verdict(&mut line).await)
}

/// What comes of what was said: the end of the link, or the last that the node says about it.
async fn verdict(line: &mut Line) -> String {
    let (deadline, connection) = (Instant::now() + VERDICT, line.connection.clone());
    let mut last = "nothing".to_owned();
    loop {
        match timeout_at(deadline, line.hear()).await {
            Err(_elapsed) => return last,
            Ok(Ok(Heard::Answer(question, Ok(_)))) => last = format!("answer {question}"),
            Ok(Ok(Heard::Answer(_, Err(exception)))) => last = format!("exception: {exception}"),
            Ok(Ok(Heard::Abort(reason))) => last = format!("abort: {reason}"),
            Ok(Ok(_)) => {}
            Ok(Err(trouble)) => {
                // The reason comes with the link's end, a moment after the stream's.
                let end = timeout_at(deadline, connection.closed()).await;
                return end.map_or_else(|_elapsed| format!("{last}; {trouble}"), |end| ending(&end));
            }
        }
    }
}

/// What is wrong before anybody looks into the message.
fn framing() -> Vec<Case> {
    let far_to_itself = 2_u64;
    let double_far = 2 | 4 | 0x1234_5678 << 32;
    let list_of_void = 1_u64 | ((1 << 29) - 1) << 35;
    let out_of_bounds = 0x7fff_fff0_u64 | 0xffff_ffff << 32;
    let mut half = hello(1);
    half.truncate(half.len() / 2);
    let cases: [(&str, Vec<u8>); 14] = [
        ("2^32 segments", u32::MAX.to_le_bytes().repeat(2)),
        ("512 segments", segment_table(&[1; 512])),
        ("9 segments", segment_table(&[1; 9])),
        ("34 thousand million words", segment_table(&[u32::MAX; 8])),
        ("a segment of 2^32 words", segment_table(&[u32::MAX])),
        ("one word more than allowed", segment_table(&[64 * 1024 + 1])),
        ("no words at all", words(&[])),
        ("a root of nothing", words(&[0])),
        ("a root out of bounds", words(&[out_of_bounds])),
        ("a far pointer to itself", words(&[far_to_itself])),
        ("a far pointer to nowhere", words(&[double_far])),
        ("a list of void as root", words(&[list_of_void])),
        ("a capability as root", words(&[3])),
        ("half a frame", half),
    ];
    cases.map(|(what, bytes)| (what.to_owned(), bytes)).into()
}

/// What is wrong with numbers.
fn bookkeeping() -> Vec<Case> {
    let disembargo = |fill: fn(capnp_rpc::rpc_capnp::disembargo::Builder<'_>)| {
        frames::frame(|message| fill(message.init_disembargo()))
    };
    let release_twice = [frames::release(0, 1), frames::release(0, u32::MAX), frames::release(7, 1)].concat();
    let cases: [(&str, Vec<u8>); 12] = [
        ("releases below zero", release_twice),
        ("a release of what was never given", frames::release(12_345, u32::MAX)),
        ("a finish of what was never asked", frames::finish(99, true)),
        ("a finish twice", [frames::finish(0, true), frames::finish(0, true)].concat()),
        ("the same number twice", [hello(1), hello(1)].concat()),
        ("the first capability under a number in use", frames::bootstrap(0)),
        ("an answer to nothing", frames::frame(|message| message.init_return().set_answer_id(77))),
        ("a promise that was never made is kept", resolve()),
        ("an embargo of nobody's", disembargo(|mut builder| builder.reborrow().get_context().set_receiver_loopback(5))),
        (
            "an embargo that comes back",
            disembargo(|mut builder| builder.reborrow().get_context().set_sender_loopback(5)),
        ),
        ("an embargo by a third party", disembargo(|mut builder| builder.reborrow().get_context().set_provide(9))),
        ("an abort", abort_of(60_000)),
    ];
    cases.map(|(what, bytes)| (what.to_owned(), bytes)).into()
}

fn resolve() -> Vec<u8> {
    frames::frame(|message| {
        let mut resolve = message.init_resolve();
        resolve.set_promise_id(31);
        resolve.init_cap().set_sender_hosted(31);
    })
}

fn abort_of(letters: usize) -> Vec<u8> {
    frames::frame(|message| {
        let mut abort = message.init_abort();
        abort.set_reason("x".repeat(letters).as_str());
        abort.set_type(exception::Type::Overloaded);
    })
}

/// What is wrong with who is called.
fn targets() -> Vec<Case> {
    let at =
        |target: Target<'_>, method: Method| frames::call::<gateway::hello_params::Owned>(9, target, method, |_| ());
    let hello_then = |path: &[u16]| [hello(1), at(Target::Answer(1, path), of_gateway(0))].concat();
    let third = |fill: fn(message::Builder<'_>)| frames::frame(fill);
    let cases: [(&str, Vec<u8>); 12] = [
        ("a call of nobody", at(Target::Import(4_000_000_000), of_gateway(0))),
        ("a call of an answer to nothing", at(Target::Answer(4_000, &[]), of_gateway(0))),
        ("a call of a text", hello_then(&[0])),
        ("a call through the last pointer there can be", hello_then(&[u16::MAX])),
        ("a call through a thousand pointers", hello_then(&[0; 1000])),
        ("an interface that there is not", at(GATEWAY, Method(0x1234_5678, 0))),
        ("a method that there is not", at(GATEWAY, of_gateway(u16::MAX))),
        ("a session's method of the gateway", at(GATEWAY, of_session(0))),
        ("an offer to a third party", third(|message| message.init_provide().set_question_id(3))),
        ("an acceptance from a third party", third(|message| message.init_accept().set_question_id(3))),
        ("a join", third(|message| message.init_join().set_question_id(3))),
        ("what was not understood is not understood", unimplemented(3_000)),
    ];
    cases.map(|(what, bytes)| (what.to_owned(), bytes)).into()
}

/// A message in a message in a message.
fn unimplemented(depth: usize) -> Vec<u8> {
    let mut builder = Builder::new(HeapAllocator::new());
    let mut message: message::Builder<'_> = builder.init_root();
    for _ in 0..depth {
        message = message.init_unimplemented();
    }
    message.init_finish().set_question_id(1);
    write_message_to_words(&builder)
}

/// What is wrong with what is said.
fn contents() -> Vec<Case> {
    let no_parameters = frames::frame(|message| {
        let mut call = message.init_call();
        frames::head(call.reborrow(), 1, GATEWAY, of_gateway(2));
        call.init_params();
    });
    let a_list = frames::frame(|message| {
        let mut call = message.init_call();
        frames::head(call.reborrow(), 1, GATEWAY, of_gateway(2));
        let content = call.init_params().init_content();
        content.initn_as::<capnp::primitive_list::Builder<'_, u64>>(1000);
    });
    let elsewhere = frames::frame(|message| {
        let mut call = message.init_call();
        frames::head(call.reborrow(), 1, GATEWAY, of_gateway(0));
        call.reborrow().get_send_results_to().set_yourself(());
    });
    let many_capabilities = frames::frame(|message| {
        let mut call = message.init_call();
        frames::head(call.reborrow(), 1, GATEWAY, of_gateway(0));
        let mut table = call.init_params().init_cap_table(5_000);
        for at in 0..5_000 {
            table.reborrow().get(at).set_sender_hosted(at);
        }
    });
    let not_there = frames::frame(|message| {
        let mut call = message.init_call();
        frames::head(call.reborrow(), 1, GATEWAY, of_gateway(0));
        call.init_params().init_cap_table(1).get(0).set_receiver_hosted(999_999);
    });
    let mut no_text = login(1, "mallory", "password", &random::<32>());
    for byte in no_text.iter_mut().rev().take(60) {
        *byte |= 0x80;
    }
    let mut cases: Vec<Case> = [
        ("no parameters", no_parameters),
        ("a list where a struct belongs", a_list),
        ("results to nobody", elsewhere),
        ("five thousand capabilities", many_capabilities),
        ("a capability of the node's that there is not", not_there),
        ("a text that is none", no_text),
        ("a name of 60,000 letters", login(1, &"m".repeat(60_000), "password", &random::<32>())),
        ("a password of 60,000 letters", login(1, "mallory", &"m".repeat(60_000), &random::<32>())),
        ("a token of no bytes", login(1, "mallory", "password", &[])),
        ("a token of 4,096 bytes", login(1, "mallory", "password", &[1; 4096])),
    ]
    .map(|(what, bytes)| (what.to_owned(), bytes))
    .into();
    cases.push(("random bytes for parameters".to_owned(), (1..=RANDOM_CALLS).flat_map(random_call).collect()));
    cases
}

/// A call whose parameters are noise.
fn random_call(number: usize) -> Vec<u8> {
    let question = u32::try_from(number).unwrap_or(1);
    let mut bytes = login(question, "mallory-mallory", "password password", &random::<32>());
    let head = bytes.len() / 2;
    for (byte, noise) in bytes.iter_mut().skip(head).zip(random::<64>()) {
        *byte = noise;
    }
    bytes
}

/// Makes a call under that number, of a session or of a conversation.
type Make = fn(u32, Target<'_>, Target<'_>, &[u64]) -> Vec<u8>;

/// What needs an account: lists and payloads beyond any bound, and the node's own capability as a receiver.
async fn as_a_member(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    let many: Vec<u64> = (1..=60_000).collect();
    let cases: [(&str, Make); 6] = [
        ("60,000 mentions", |question, _, group, many| send(question, group, b"x", many)),
        ("65 mentions", |question, _, group, many| send(question, group, b"x", many.get(..65).unwrap_or_default())),
        ("a payload of 600 kB", |question, _, group, _| send(question, group, &vec![0; 600_000], &[])),
        ("a payload of 70 kB", |question, _, group, _| send(question, group, &vec![0; 70_000], &[])),
        ("a group of 60,000", |question, session, _, many| crate::account::create_group(question, session, 1, many)),
        ("the node's own capability as a receiver", |question, session, _, _| {
            frames::subscribe(question, session, ReceiverAt::TheNodes(0))
        }),
    ];
    let mut line = Line::to(plan).await?;
    let first = Account::new(&mut line).await?;
    line.close(b"");
    for (what, make) in cases {
        let mut line = Line::to(plan).await?;
        let account = first.again(&mut line).await?;
        let group = account.own_group(&mut line).await?;
        let question = line.question();
        let outcome = match line.say(&make(question, account.session(), conversation_of(group), &many)).await {
            Ok(()) => verdict_of(&mut line, question).await,
            Err(trouble) => trouble.to_string(),
        };
        report.note("outcomes", &format!("{what}: {outcome}"));
        line.close(b"");
    }
    Ok(())
}

/// The same as [`verdict`], with the code where it is a refusal.
async fn verdict_of(line: &mut Line, question: u32) -> String {
    let connection = line.connection.clone();
    match line.answer(question).await {
        // All of these have the refusal as their second pointer, or as their only one.
        Ok(answer) => {
            let refused = |found: Result<String, Trouble>| found.unwrap_or_else(|trouble| trouble.to_string());
            let sent = answer.results::<raftchat_schema::generated::client_capnp::conversation::send_results::Owned>();
            let made = answer.results::<session::perform_results::Owned>();
            match (sent, made) {
                (_, Ok(made)) if made.has_refused() => {
                    refused(made.get_refused().map(crate::account::told).map_err(Into::into))
                }
                (Ok(sent), _) if sent.has_refused() => {
                    refused(sent.get_refused().map(crate::account::told).map_err(Into::into))
                }
                _ => "done".to_owned(),
            }
        }
        Err(trouble) => match connection.close_reason() {
            Some(end) => ending(&end),
            None => trouble.to_string(),
        },
    }
}
