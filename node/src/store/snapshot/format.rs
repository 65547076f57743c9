//! The snapshot file: a header, all rows in the order of their keys, a count and a hash. The same state gives the same
//! bytes on every node. Knows nothing of where such files are kept.
//!
//! ```text
//! magic · frame(header) · frame(rows) … · u32 0 · u64 count · SHA-256 of all before
//! frame = u32 length · body · XXH3-64 of the body          rows = (u32 key length · u32 row length · key · row) …
//! ```

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use raftchat_schema::stored::SnapshotHeader;
use raftchat_schema::wire;
use sha2::{Digest as _, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use crate::store::error::{StoreError, must_know};
use crate::store::files;
use crate::store::state::StateView;

/// The format this program writes and reads.
pub const SNAPSHOT_FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"rcsnap\0\x01";
/// A block of rows ends before it would be larger; a single larger row stands alone.
const BLOCK_BYTES_MAX: usize = 256 << 10;
/// Longer frames are damage, not data.
const FRAME_BYTES_MAX: u32 = 64 << 20;

/// A snapshot on disk that was found whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotFile {
    /// Where it is.
    pub path: PathBuf,
    /// Names its content: the last entry and a part of the hash. Equal on all nodes for the same state.
    pub id: String,
    /// In bytes.
    pub length: u64,
    /// What it is a snapshot of.
    pub header: SnapshotHeader,
    /// How many rows it holds.
    pub rows: u64,
}

struct Hashing<T> {
    inner: T,
    hash: Sha256,
    length: u64,
}

impl<T> Hashing<T> {
    fn new(inner: T) -> Self {
        Self { inner, hash: Sha256::new(), length: 0 }
    }

    fn digest(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }
}

impl<W: Write> Hashing<W> {
    fn put(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hash.update(bytes);
        self.length = self.length.saturating_add(bytes.len() as u64);
        self.inner.write_all(bytes)
    }

    fn frame(&mut self, body: &[u8]) -> std::io::Result<()> {
        let length = u32::try_from(body.len()).map_err(std::io::Error::other)?;
        self.put(&length.to_be_bytes())?;
        self.put(body)?;
        self.put(&xxh3_64(body).to_be_bytes())
    }
}

impl<R: Read> Hashing<R> {
    fn take<const N: usize>(&mut self) -> std::io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.inner.read_exact(&mut bytes)?;
        self.seen(&bytes);
        Ok(bytes)
    }

    fn seen(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.length = self.length.saturating_add(bytes.len() as u64);
    }
}

/// Writes all rows of the view to `path`, durably.
pub(crate) fn write(path: &Path, header: SnapshotHeader, view: &StateView) -> Result<SnapshotFile, StoreError> {
    let failed = |error| StoreError::io("writing the snapshot", path)(error);
    let file = File::create(path).map_err(failed)?;
    let mut out = Hashing::new(BufWriter::with_capacity(BLOCK_BYTES_MAX, file));
    out.put(MAGIC).and_then(|()| out.frame(&wire::encode_snapshot_header(&header))).map_err(failed)?;
    let mut block = Vec::with_capacity(BLOCK_BYTES_MAX);
    let mut rows = 0_u64;
    view.every_row(|key, row| {
        let size = key.len().saturating_add(row.len()).saturating_add(8);
        if !block.is_empty() && block.len().saturating_add(size) > BLOCK_BYTES_MAX {
            out.frame(&block).map_err(failed)?;
            block.clear();
        }
        for part in [key, row] {
            let length = u32::try_from(part.len()).map_err(|error| failed(std::io::Error::other(error)))?;
            block.extend(length.to_be_bytes());
        }
        block.extend(key);
        block.extend(row);
        rows = rows.saturating_add(1);
        Ok::<(), StoreError>(())
    })?;
    if !block.is_empty() {
        out.frame(&block).map_err(failed)?;
    }
    out.put(&0_u32.to_be_bytes()).and_then(|()| out.put(&rows.to_be_bytes())).map_err(failed)?;
    let digest = out.digest();
    out.put(&digest).map_err(failed)?;
    out.inner
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error)
        .and_then(|file| file.sync_all())
        .map_err(failed)?;
    let id = id_of(&header, &digest);
    Ok(SnapshotFile { path: path.to_owned(), id, length: out.length, header, rows })
}

/// Reads a snapshot from end to end and hands over its rows block by block. What was handed over counts only when this
/// returns without an error.
pub(crate) fn read_rows(
    path: &Path,
    mut visit: impl FnMut(Vec<(Vec<u8>, Vec<u8>)>) -> Result<(), StoreError>,
) -> Result<SnapshotFile, StoreError> {
    let damaged = |what| StoreError::DamagedSnapshot { path: path.to_owned(), what };
    let file = File::open(path).map_err(StoreError::io("reading the snapshot", path))?;
    let mut input = Hashing::new(BufReader::with_capacity(BLOCK_BYTES_MAX, file));
    let mut read = Reading { path, input: &mut input };
    if read.take::<8>()? != *MAGIC {
        return Err(damaged("it does not begin like one"));
    }
    let header = read.frame()?.ok_or_else(|| damaged("it has no header"))?;
    let header = wire::decode_snapshot_header(&header).map_err(|_| damaged("its header cannot be read"))?;
    if header.format != SNAPSHOT_FORMAT {
        let (found, known) = (header.format, SNAPSHOT_FORMAT);
        return Err(StoreError::OtherFormat { path: path.to_owned(), found, known });
    }
    must_know(header.level)?;
    let mut count = 0_u64;
    let mut last_key: Option<Vec<u8>> = None;
    while let Some(block) = read.frame()? {
        let rows = split_rows(&block).ok_or_else(|| damaged("a block of rows cannot be read"))?;
        for (key, _) in &rows {
            if last_key.as_ref().is_some_and(|last| last >= key) {
                return Err(damaged("its rows are not in order"));
            }
            last_key = Some(key.clone());
        }
        count = count.saturating_add(rows.len() as u64);
        visit(rows)?;
    }
    let rows = u64::from_be_bytes(read.take()?);
    let digest = read.input.digest();
    if read.take::<32>()? != digest {
        return Err(damaged("its hash does not fit"));
    }
    if rows != count {
        return Err(damaged("rows are missing"));
    }
    if !matches!(input.inner.read(&mut [0]), Ok(0)) {
        return Err(damaged("something follows its end"));
    }
    let id = id_of(&header, &digest);
    Ok(SnapshotFile { path: path.to_owned(), id, length: input.length, header, rows })
}

struct Reading<'a> {
    path: &'a Path,
    input: &'a mut Hashing<BufReader<File>>,
}

impl Reading<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], StoreError> {
        self.input.take().map_err(|error| self.ended(error))
    }

    /// The next frame; none at the end of the rows.
    fn frame(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let damaged = |what| StoreError::DamagedSnapshot { path: self.path.to_owned(), what };
        let length = self.input.take::<4>().map(u32::from_be_bytes).map_err(|error| self.ended(error))?;
        if length == 0 {
            return Ok(None);
        }
        if length > FRAME_BYTES_MAX {
            return Err(damaged("a block claims to be larger than any is"));
        }
        let mut body = Vec::new();
        let limit = u64::from(length);
        let read = (&mut self.input.inner).take(limit).read_to_end(&mut body).map_err(|error| self.ended(error))?;
        if read as u64 != limit {
            return Err(damaged("it is cut short"));
        }
        self.input.seen(&body);
        if u64::from_be_bytes(self.take()?) != xxh3_64(&body) {
            return Err(damaged("a block's checksum does not fit"));
        }
        Ok(Some(body))
    }

    fn ended(&self, error: std::io::Error) -> StoreError {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            return StoreError::DamagedSnapshot { path: self.path.to_owned(), what: "it is cut short" };
        }
        StoreError::io("reading the snapshot", self.path)(error)
    }
}

fn split_rows(mut block: &[u8]) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut rows = Vec::new();
    while !block.is_empty() {
        let (key_length, rest) = block.split_first_chunk::<4>()?;
        let (row_length, rest) = rest.split_first_chunk::<4>()?;
        let key_length = usize::try_from(u32::from_be_bytes(*key_length)).ok()?;
        let row_length = usize::try_from(u32::from_be_bytes(*row_length)).ok()?;
        let (key, rest) = rest.split_at_checked(key_length)?;
        let (row, rest) = rest.split_at_checked(row_length)?;
        rows.push((key.to_vec(), row.to_vec()));
        block = rest;
    }
    Some(rows)
}

fn id_of(header: &SnapshotHeader, digest: &[u8; 32]) -> String {
    let hash = files::hex(digest.first_chunk::<8>().map_or(&[], |part| part));
    header
        .last_applied
        .map_or_else(|| format!("0-0-0-{hash}"), |last| format!("{}-{}-{}-{hash}", last.term, last.leader, last.index))
}
