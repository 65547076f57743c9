//! Watches the frames of a Cap'n Proto stream as they are read: how many
//! segments they announce and how long they take to arrive. Knows the framing,
//! not the messages.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::io::AsyncRead;
use tokio::sync::oneshot;
use tokio::time::Sleep;

use crate::limits::LinkLimits;

const WORD: u64 = 8;

/// An `AsyncRead` that passes bytes through and fails on a frame that breaks
/// the limits.
pub(crate) struct FrameGuard<R> {
    inner: R,
    place: Place,
    max_segments: u32,
    deadline: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    violation: Option<oneshot::Sender<String>>,
}

/// Where in a frame the next byte belongs.
enum Place {
    /// In the segment table: the bytes of a four-byte number so far, how many
    /// numbers came, and what they said.
    Table { number: [u8; 4], filled: usize, index: u32, segments: u32, words: u64 },
    /// In padding or segments, with so many bytes to come.
    Body { left: u64 },
}

const START: Place = Place::Table { number: [0; 4], filled: 0, index: 0, segments: 0, words: 0 };

impl<R> FrameGuard<R> {
    /// The reader, and where it says what the other side did wrong, if it
    /// ever does.
    pub(crate) fn new(inner: R, limits: &LinkLimits) -> (Self, oneshot::Receiver<String>) {
        let (sender, violation) = oneshot::channel();
        let guard = Self {
            inner,
            place: START,
            max_segments: limits.segments,
            deadline: limits.frame_deadline,
            timer: None,
            violation: Some(sender),
        };
        (guard, violation)
    }

    fn within_frame(&self) -> bool {
        !matches!(self.place, Place::Table { filled: 0, index: 0, .. })
    }

    fn fail(&mut self, cause: String) -> io::Error {
        let error = io::Error::new(io::ErrorKind::InvalidData, cause.clone());
        if let Some(violation) = self.violation.take() {
            // Nobody listens once the link is being closed anyway.
            let _ = violation.send(cause);
        }
        error
    }

    /// Follows bytes that were just read.
    fn follow(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some((&byte, rest)) = bytes.split_first() {
            if let Place::Body { left } = &mut self.place {
                let taken = (bytes.len() as u64).min(*left);
                *left -= taken;
                let finished = *left == 0;
                bytes = bytes.get(usize::try_from(taken).unwrap_or(bytes.len())..).unwrap_or_default();
                if finished {
                    self.finish_frame();
                }
                continue;
            }
            self.table_byte(byte)?;
            bytes = rest;
        }
        Ok(())
    }

    fn table_byte(&mut self, byte: u8) -> io::Result<()> {
        let Place::Table { number, filled, index, segments, words } = &mut self.place else {
            return Ok(());
        };
        if let Some(slot) = number.get_mut(*filled) {
            *slot = byte;
        }
        *filled += 1;
        if *filled < number.len() {
            return Ok(());
        }
        let value = u32::from_le_bytes(*number);
        *filled = 0;
        if *index == 0 {
            *segments = value.wrapping_add(1);
            if *segments == 0 || *segments > self.max_segments {
                let cause = format!(
                    "a message of {} segments; at most {} are allowed",
                    u64::from(value) + 1,
                    self.max_segments
                );
                return Err(self.fail(cause));
            }
        } else {
            *words += u64::from(value);
        }
        if *index < *segments {
            *index += 1;
            return Ok(());
        }
        // The table is padded to whole words: count and lengths are odd in
        // number exactly when the segments are even.
        let padding = if *segments % 2 == 0 { 4 } else { 0 };
        let left = padding + *words * WORD;
        self.place = Place::Body { left };
        if left == 0 {
            self.finish_frame();
        }
        Ok(())
    }

    fn finish_frame(&mut self) {
        self.place = START;
        self.timer = None;
    }

    /// Fails when the frame under way has taken too long; else arranges to be
    /// woken when it will have.
    fn check_deadline(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if !self.within_frame() {
            return Ok(());
        }
        let deadline = self.deadline;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(deadline)));
        if timer.as_mut().poll(cx).is_pending() {
            return Ok(());
        }
        Err(self.fail(format!("a message was begun and not completed within {deadline:?}")))
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for FrameGuard<R> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        match Pin::new(&mut this.inner).poll_read(cx, buf) {
            Poll::Pending => match this.check_deadline(cx) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            },
            Poll::Ready(Ok(0)) if this.within_frame() && !buf.is_empty() => {
                Poll::Ready(Err(this.fail("the stream ended within a message".to_owned())))
            }
            Poll::Ready(Ok(count)) => {
                this.follow(buf.get(..count).unwrap_or_default())?;
                // Bytes that trickle in may always be there when asked for.
                // A timer is made only where reading had to wait, so that a
                // frame that is there whole costs none.
                if this.timer.is_some() {
                    this.check_deadline(cx)?;
                }
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::identity::Role;
    use futures::io::{AsyncReadExt, Cursor};

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

    #[tokio::test]
    async fn frames_of_all_shapes_are_followed_in_pieces_of_all_sizes() {
        let shapes: [&[u32]; 6] = [&[0], &[1], &[3, 2], &[1, 0, 4], &[5, 1, 1, 1], &[1, 1, 1, 1, 1, 1, 1, 1]];
        let bytes: Vec<u8> = shapes.iter().flat_map(|shape| frame(shape)).collect();
        for size in 1..=bytes.len() {
            let limits = LinkLimits::server(Role::Device);
            let (mut guard, mut violation) = FrameGuard::new(Cursor::new(&bytes), &limits);
            let mut piece = vec![0; size];
            while guard.read(&mut piece).await.unwrap() > 0 {}
            assert!(!guard.within_frame(), "lost the place with pieces of {size}");
            assert!(violation.try_recv().is_err());
        }
    }

    #[tokio::test]
    async fn a_stream_that_ends_within_a_frame_and_too_many_segments_are_violations() {
        let mut cut = frame(&[4]);
        cut.pop();
        for bytes in [cut, frame(&[1; 9])] {
            let limits = LinkLimits::server(Role::Device);
            let (mut guard, mut violation) = FrameGuard::new(Cursor::new(&bytes), &limits);
            assert!(guard.read_to_end(&mut Vec::new()).await.is_err());
            assert!(violation.try_recv().is_ok());
        }
    }
}
