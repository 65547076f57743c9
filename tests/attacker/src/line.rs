//! One stream of a link, on which frames are said and, as far as an attack wants, heard.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::BytesMut;
use quinn::{Connection, ConnectionError, RecvStream, SendStream, VarInt};
use tokio::time::{Instant, timeout, timeout_at};

use crate::frames::{self, Heard, Message, Question, Target};
use crate::plan::Plan;
use crate::quic::Door;
use crate::report::Trouble;

/// How long one frame may take to be taken, or an answer to come, before an attack goes on without.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most that a node says at once.
const FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The question under which the first capability is.
pub(crate) const GATEWAY: Target<'static> = Target::Answer(0, &[]);

/// A stream. Its link goes on while the connection does.
pub(crate) struct Line {
    pub(crate) connection: Connection,
    /// Kept, as its sockets are those of the connection.
    door: Rc<Door>,
    send: SendStream,
    recv: RecvStream,
    last: Question,
    heard: BytesMut,
}

impl Line {
    /// A link to a node and its first capability, which is not awaited.
    pub(crate) async fn to(plan: &Plan) -> Result<Self, Trouble> {
        Self::through(&Rc::new(Door::of(plan.device()?, plan.from)?), plan.node).await
    }

    /// The same from a socket that others use, too.
    pub(crate) async fn through(door: &Rc<Door>, node: SocketAddr) -> Result<Self, Trouble> {
        let (connection, door) = (door.connect(node).await?, Rc::clone(door));
        let (send, recv) = timeout(PATIENCE, connection.open_bi()).await??;
        let mut line = Self { connection, door, send, recv, last: 0, heard: BytesMut::new() };
        line.say(&frames::bootstrap(0)).await?;
        Ok(line)
    }

    /// A new number for a question.
    pub(crate) fn question(&mut self) -> Question {
        self.last = self.last.wrapping_add(1);
        self.last
    }

    /// Says bytes, whatever they are.
    pub(crate) async fn say(&mut self, bytes: &[u8]) -> Result<(), Trouble> {
        Ok(timeout(PATIENCE, self.send.write_all(bytes)).await??)
    }

    /// Says as much of it as is taken until then, and how much that was.
    pub(crate) async fn say_until(&mut self, bytes: &[u8], end: Instant) -> Result<bool, Trouble> {
        match timeout_at(end, self.send.write_all(bytes)).await {
            Ok(written) => Ok(written.map(|()| true)?),
            Err(_elapsed) => Ok(false),
        }
    }

    /// The next thing that the node says.
    pub(crate) async fn hear(&mut self) -> Result<Heard, Trouble> {
        loop {
            if let Some(length) = frame_length(&self.heard)?
                && self.heard.len() >= length
            {
                let frame = self.heard.split_to(length);
                return Message::parse(&frame)?.heard();
            }
            match timeout(PATIENCE, self.recv.read_chunk(64 * 1024, true)).await?? {
                Some(chunk) => self.heard.extend_from_slice(&chunk.bytes),
                None => return Err("the node ended the stream".into()),
            }
        }
    }

    /// The answer to that question; others are passed over, calls are not answered.
    pub(crate) async fn answer(&mut self, question: Question) -> Result<Message, Trouble> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match timeout_at(deadline, self.hear()).await?? {
                Heard::Answer(found, answer) if found == question => return Ok(answer?),
                Heard::Abort(reason) => return Err(format!("the node ended it: {reason}").into()),
                _ => {}
            }
        }
    }

    /// Reads all that comes and looks at nothing, from now on; the line can only say any more.
    pub(crate) fn read_and_forget(self) -> Saying {
        let Self { connection, door, send, mut recv, .. } = self;
        tokio::spawn(async move { while let Ok(Some(_)) = recv.read_chunk(256 * 1024, false).await {} });
        Saying { connection, _door: door, send, _recv: None }
    }

    /// Never reads from now on.
    pub(crate) fn leave_unread(self) -> Saying {
        let Self { connection, door, send, recv, .. } = self;
        Saying { connection, _door: door, send, _recv: Some(recv) }
    }

    /// Ends the stream, orderly.
    pub(crate) fn finish(&mut self) {
        // It may have ended already.
        let _ = self.send.finish();
    }

    /// Breaks the stream off, both ways.
    pub(crate) fn reset(&mut self) {
        let _ = self.send.reset(VarInt::from_u32(7));
        let _ = self.recv.stop(VarInt::from_u32(7));
    }

    /// Ends the link with a reason.
    pub(crate) fn close(&self, reason: &[u8]) {
        self.connection.close(VarInt::from_u32(0), reason);
    }

    /// Waits for the sockets to have said all: before that a process that ends has not told.
    pub(crate) async fn gone(self) {
        drop((self.send, self.recv, self.connection));
        let _ = timeout(Duration::from_millis(500), self.door.idle()).await;
    }
}

/// The half of a line that is left when nobody listens.
pub(crate) struct Saying {
    pub(crate) connection: Connection,
    _door: Rc<Door>,
    send: SendStream,
    _recv: Option<RecvStream>,
}

impl Saying {
    /// Says as much of it as is taken until then; whether all was.
    pub(crate) async fn say_until(&mut self, bytes: &[u8], end: Instant) -> Result<bool, Trouble> {
        match timeout_at(end, self.send.write_all(bytes)).await {
            Ok(written) => Ok(written.map(|()| true)?),
            Err(_elapsed) => Ok(false),
        }
    }
}

/// In a few words.
pub(crate) fn ending(end: &ConnectionError) -> String {
    match end {
        ConnectionError::ApplicationClosed(close) => {
            format!("closed {}: {}", close.error_code, String::from_utf8_lossy(&close.reason))
        }
        other => other.to_string(),
    }
}

/// How many bytes the frame at the beginning has; none if it is not said yet.
fn frame_length(bytes: &[u8]) -> Result<Option<usize>, Trouble> {
    let number = |at: usize| -> Option<usize> {
        let bytes = bytes.get(at..at + 4)?;
        usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok()
    };
    let Some(segments) = number(0).map(|last| last + 1) else { return Ok(None) };
    if segments > 512 {
        return Err("a node said more segments than any frame has".into());
    }
    let table = (4 + 4 * segments).next_multiple_of(8);
    let mut length = table;
    for segment in 0..segments {
        let Some(words) = number(4 + 4 * segment) else { return Ok(None) };
        length += words * 8;
    }
    if length > FRAME_BYTES_MAX { Err("a node said a frame larger than any".into()) } else { Ok(Some(length)) }
}
