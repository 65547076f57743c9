//! Reads the frames of a Cap'n Proto stream: how many segments and words they announce is looked at before room is made for
//! them, and how long they take to arrive is bounded. Knows the framing, not the messages.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use capnp::message::ReaderSegments;
use futures::future::BoxFuture;
use futures::io::{AsyncRead, BufReader};
use raftchat_schema::budgets::FRAME_BYTES_SMALL;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

use crate::limits::{LinkLimits, STREAM_BUFFER};

const WORD: usize = 8;

/// A whole message as it came.
pub(crate) struct Frame {
    bytes: Vec<u8>,
    /// The end of each segment, in bytes.
    ends: Vec<usize>,
}

impl Frame {
    /// Its length in bytes.
    pub(crate) fn length(&self) -> usize {
        self.bytes.len()
    }
}

impl ReaderSegments for Frame {
    fn get_segment(&self, index: u32) -> Option<&[u8]> {
        let index = usize::try_from(index).ok()?;
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).and_then(|before| self.ends.get(before).copied()).unwrap_or_default();
        self.bytes.get(start..end)
    }

    fn len(&self) -> usize {
        self.ends.len()
    }
}

/// Reasons why no frame comes.
#[derive(Debug)]
pub(crate) enum FrameError {
    /// The other side has broken the limits.
    Broken(String),
    /// The stream is gone.
    Lost(io::Error),
}

/// The room, in bytes, for all of one device's frames that have begun and not arrived.
pub(crate) type FrameRoom = Arc<Semaphore>;

type Waiting = BoxFuture<'static, Result<OwnedSemaphorePermit, AcquireError>>;

/// Reads frames one after the other.
pub(crate) struct FrameReader<R> {
    inner: BufReader<R>,
    place: Place,
    max_segments: u32,
    max_bytes: usize,
    deadline: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    room: Option<FrameRoom>,
    waiting: Option<Waiting>,
    taken: Option<OwnedSemaphorePermit>,
}

/// The part of a frame that the next byte belongs to.
enum Place {
    /// In the table of segments, of which so much came and so much is wanted.
    Table { bytes: Vec<u8>, filled: usize },
    /// In the segments, of which there will be so many bytes.
    Body { frame: Frame, filled: usize, total: usize },
}

impl Place {
    fn start() -> Self {
        // No table is shorter: a count, and one length.
        Self::Table { bytes: vec![0; WORD], filled: 0 }
    }
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// Large frames take their room from `room` while they arrive.
    pub(crate) fn new(inner: R, limits: &LinkLimits, room: Option<FrameRoom>) -> Self {
        Self {
            inner: BufReader::with_capacity(STREAM_BUFFER, inner),
            place: Place::start(),
            max_segments: limits.segments,
            max_bytes: limits.traversal_words.saturating_mul(WORD),
            deadline: limits.frame_deadline,
            timer: None,
            room,
            waiting: None,
            taken: None,
        }
    }

    /// True if a frame has begun and not ended.
    pub(crate) fn within_frame(&self) -> bool {
        !matches!(self.place, Place::Table { filled: 0, .. })
    }

    /// The next frame; none when the stream ends between two.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, FrameError>> {
        loop {
            if let Some(waiting) = &mut self.waiting {
                // The bound is never closed.
                self.taken = ready!(waiting.as_mut().poll(cx)).ok();
                self.waiting = None;
            }
            let missing = match &mut self.place {
                Place::Table { bytes, filled } => bytes.get_mut(*filled..),
                Place::Body { frame, filled, .. } => frame.bytes.get_mut(*filled..),
            };
            let missing = missing.unwrap_or_default();
            if !missing.is_empty() {
                let count = match Pin::new(&mut self.inner).poll_read(cx, missing) {
                    Poll::Ready(Ok(count)) => count,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(FrameError::Lost(error))),
                    Poll::Pending => return self.poll_deadline(cx),
                };
                if count == 0 {
                    return Poll::Ready(self.ended());
                }
                self.advance(count);
                // Bytes that trickle in may always be there when asked for. A timer is made only where reading had to wait,
                // so that a frame that is there whole costs none.
                if self.timer.is_some()
                    && let Poll::Ready(late) = self.poll_deadline(cx)
                {
                    return Poll::Ready(late);
                }
            } else if let Some(frame) = self.turn()? {
                return Poll::Ready(Ok(Some(frame)));
            }
        }
    }

    fn advance(&mut self, count: usize) {
        match &mut self.place {
            Place::Table { filled, .. } | Place::Body { filled, .. } => *filled = filled.saturating_add(count),
        }
    }

    /// The stream is over.
    fn ended(&self) -> Result<Option<Frame>, FrameError> {
        if self.within_frame() {
            return Err(FrameError::Broken("the stream ended within a message".to_owned()));
        }
        Ok(None)
    }

    /// All the bytes that there was room for have come: gives the frame, or makes room for what follows.
    fn turn(&mut self) -> Result<Option<Frame>, FrameError> {
        match &mut self.place {
            Place::Table { bytes, .. } => {
                let wanted = table_length(bytes, self.max_segments)?;
                if bytes.len() < wanted {
                    bytes.resize(wanted, 0);
                    return Ok(None);
                }
                let ends = segment_ends(bytes, self.max_bytes)?;
                let total = ends.last().copied().unwrap_or_default();
                let frame = Frame { bytes: vec![0; total.min(FRAME_BYTES_SMALL)], ends };
                self.place = Place::Body { frame, filled: 0, total };
                self.take_room(total);
            }
            // What was announced costs nothing before it comes.
            Place::Body { frame, total, .. } if frame.bytes.len() < *total => {
                let length = frame.bytes.len().saturating_mul(2).min(*total);
                frame.bytes.resize(length, 0);
            }
            Place::Body { .. } => {
                self.timer = None;
                drop(self.taken.take());
                if let Place::Body { frame, .. } = std::mem::replace(&mut self.place, Place::start()) {
                    return Ok(Some(frame));
                }
            }
        }
        Ok(None)
    }

    fn take_room(&mut self, total: usize) {
        if let Some(room) = &self.room
            && total > FRAME_BYTES_SMALL
        {
            let bytes = u32::try_from(total).unwrap_or(u32::MAX);
            self.waiting = Some(Box::pin(Arc::clone(room).acquire_many_owned(bytes)));
        }
    }

    /// Fails when the frame under way has taken too long; else arranges to be woken when it will have.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, FrameError>> {
        if !self.within_frame() {
            return Poll::Pending;
        }
        let deadline = self.deadline;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(deadline)));
        ready!(timer.as_mut().poll(cx));
        let cause = format!("a message was begun and not completed within {deadline:?}");
        Poll::Ready(Err(FrameError::Broken(cause)))
    }
}

/// The numbers that a table of segments is made of.
fn numbers(table: &[u8]) -> impl Iterator<Item = u32> + '_ {
    table.chunks_exact(4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap_or_default()))
}

/// The length of the whole table in bytes, by its first number.
fn table_length(begun: &[u8], max_segments: u32) -> Result<usize, FrameError> {
    let count = u64::from(numbers(begun).next().unwrap_or_default()) + 1;
    if count > u64::from(max_segments) {
        let cause = format!("a message of {count} segments; at most {max_segments} are allowed");
        return Err(FrameError::Broken(cause));
    }
    // The count and a length for each, in whole words.
    Ok(usize::try_from((count + 1) * 4).unwrap_or(usize::MAX).next_multiple_of(WORD))
}

/// The end of each segment in bytes, counted from the end of the table.
fn segment_ends(table: &[u8], max_bytes: usize) -> Result<Vec<usize>, FrameError> {
    let mut numbers = numbers(table);
    let count = usize::try_from(numbers.next().unwrap_or_default()).unwrap_or(usize::MAX).saturating_add(1);
    let mut end = 0_usize;
    let ends = numbers.take(count).map(|words| {
        end = end.saturating_add(usize::try_from(words).unwrap_or(usize::MAX).saturating_mul(WORD));
        end
    });
    let ends: Vec<usize> = ends.collect();
    if end > max_bytes {
        return Err(FrameError::Broken(format!(
            "a message is too large: {end} bytes, and at most {max_bytes} are allowed"
        )));
    }
    Ok(ends)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use std::future::poll_fn;

    use super::*;
    use crate::tls::identity::Role;
    use futures::io::Cursor;

    /// A frame whose segments have the given lengths in words.
    fn frame(segments: &[u32]) -> Vec<u8> {
        let count = u32::try_from(segments.len()).unwrap();
        let mut bytes = (count - 1).to_le_bytes().to_vec();
        for words in segments {
            bytes.extend(words.to_le_bytes());
        }
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let words: u32 = segments.iter().sum();
        bytes.resize(bytes.len() + words as usize * 8, 0xff);
        bytes
    }

    /// Gives at most so many bytes at a time.
    struct Pieces<'a>(Cursor<&'a [u8]>, usize);

    impl AsyncRead for Pieces<'_> {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
            let most = self.1.min(buf.len());
            Pin::new(&mut self.0).poll_read(cx, &mut buf[..most])
        }
    }

    async fn next<R: AsyncRead + Unpin>(reader: &mut FrameReader<R>) -> Result<Option<Frame>, FrameError> {
        poll_fn(|cx| reader.poll_next(cx)).await
    }

    #[tokio::test]
    async fn frames_of_all_shapes_are_read_in_pieces_of_all_sizes() {
        let shapes: [&[u32]; 6] = [&[0], &[1], &[3, 2], &[1, 0, 4], &[5, 1, 1, 1], &[1, 1, 1, 1, 1, 1, 1, 1]];
        let bytes: Vec<u8> = shapes.iter().flat_map(|shape| frame(shape)).collect();
        for size in 1..=bytes.len() {
            let limits = LinkLimits::server(Role::Device);
            let mut reader = FrameReader::new(Pieces(Cursor::new(&bytes), size), &limits, None);
            for shape in shapes {
                let frame = next(&mut reader).await.unwrap().unwrap();
                assert_eq!(ReaderSegments::len(&frame), shape.len());
                for (index, words) in (0..).zip(shape) {
                    let segment = frame.get_segment(index).unwrap();
                    assert_eq!(segment, vec![0xff; *words as usize * 8], "lost the place with pieces of {size}");
                }
            }
            assert!(next(&mut reader).await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn a_stream_that_ends_within_a_frame_and_too_much_of_anything_are_violations() {
        let mut cut = frame(&[4]);
        cut.pop();
        let too_large = [0_u32, 64 * 1024 + 1].iter().flat_map(|number| number.to_le_bytes()).collect();
        for bytes in [cut, frame(&[1; 9]), too_large, vec![0, 0, 0]] {
            let limits = LinkLimits::server(Role::Device);
            let mut reader = FrameReader::new(Cursor::new(&bytes), &limits, None);
            assert!(matches!(next(&mut reader).await, Err(FrameError::Broken(_))));
        }
    }

    #[tokio::test]
    async fn a_large_frame_waits_for_the_room_that_others_take() {
        let large = frame(&[32 * 1024]);
        let limits = LinkLimits::server(Role::Device);
        let room = Arc::new(Semaphore::new(300 * 1024));
        // The first has all of its frame but the last byte.
        let begun = futures::io::AsyncReadExt::chain(Cursor::new(&large[..large.len() - 1]), Never);
        let mut first = FrameReader::new(begun, &limits, Some(Arc::clone(&room)));
        let mut second = FrameReader::new(Cursor::new(&large), &limits, Some(room));
        assert!(futures::poll!(Box::pin(next(&mut first))).is_pending());
        assert!(futures::poll!(Box::pin(next(&mut second))).is_pending());
        drop(first);
        assert_eq!(next(&mut second).await.unwrap().unwrap().length(), 256 * 1024);
    }

    struct Never;

    impl AsyncRead for Never {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
    }
}
