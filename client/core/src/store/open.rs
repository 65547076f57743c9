//! Opens a store: makes it, or finds it whole, or has what came from the nodes come again. Knows nothing of messages.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use raftchat_model::{Durability, Write};
use raftchat_schema::id::UserId;
use raftchat_schema::level::Level;

use super::database::{Database, OpenFailure, Table, View};
use super::error::{StoreError, StoreOpenError};
use super::keys::{self, Kind};
use super::rows::Origin;
use super::{Store, apply, frame, overlay, place, rows::Row as _};

/// The format of what this program writes; it reads no other.
const FORMAT: u32 = 1;
/// Beyond this much to be read at each start, the database is closed and opened once more.
const JOURNAL_BYTES_MAX: u64 = 8 << 20;

pub(super) fn open(dir: &Path, me: UserId) -> Result<Store, StoreOpenError> {
    raftchat_files::make_private_dir(dir)
        .map_err(StoreOpenError::io("making, for this user alone, the directory", dir))?;
    let lock = lock(dir)?;
    let damaged = |error: StoreError| opening(dir, error);
    let database = open_database(dir)?;
    let view = database.view();
    let batches = last_batches(&view).map_err(damaged)?;
    let origin = origin(&view).map_err(damaged)?;
    let outgrown = outgrown(&view).map_err(damaged)?;
    let unclean = AtomicBool::new(view.has(Table::Rows, &Kind::Unclean.key()).map_err(damaged)?);
    drop(view);
    let last_batch = batches.into_iter().max().flatten();
    let store = Store {
        database,
        last_batch: Mutex::new(last_batch.unwrap_or_default()),
        unclean,
        dir: dir.to_owned(),
        _lock: lock,
    };
    match origin {
        Some(origin) => must_be(dir, origin, me)?,
        None if last_batch.is_none() => store.claim(me).map_err(damaged)?,
        None => {
            let reason = "nothing says whose they are".to_owned();
            return Err(StoreOpenError::Damaged { path: dir.to_owned(), reason });
        }
    }
    if batches.into_iter().any(|batch| batch != last_batch) {
        tracing::error!("a part of what was stored is lost; what came from the nodes is fetched anew");
        store.write(&[Write::Forget], Durability::Synced).map_err(damaged)?;
    }
    if outgrown.is_some_and(|known| known < Level::newest()) {
        tracing::info!("nodes told what the program before this one could not read; all of theirs is fetched anew");
        store.catch_up_with_program().map_err(damaged)?;
    }
    Ok(store)
}

/// Takes the directory for this program alone, until the file is dropped.
pub(super) fn lock(dir: &Path) -> Result<File, StoreOpenError> {
    let path = dir.join("lock");
    let open = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = open.map_err(StoreOpenError::io("opening", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreOpenError::InUse { path: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(StoreOpenError::io("locking", &path)(error)),
    }
}

impl Store {
    fn catch_up_with_program(&self) -> Result<(), StoreError> {
        self.batch(Durability::Synced, |rows| {
            rows.erase(Table::Rows, Kind::Outgrown.key());
            apply::apply(rows, &Write::Forget)
        })
    }

    fn claim(&self, me: UserId) -> Result<(), StoreError> {
        let origin = Origin { format: FORMAT, me };
        self.batch(Durability::Synced, |rows| {
            rows.put(Table::Rows, Kind::Origin.key(), &origin);
            Ok(())
        })
    }
}

/// What an error of the open database means to whoever opens the store: only damage is moved aside.
fn opening(dir: &Path, error: StoreError) -> StoreOpenError {
    match error {
        StoreError::Damaged { reason, .. } => {
            StoreOpenError::Damaged { path: dir.to_owned(), reason: reason.to_owned() }
        }
        other => StoreOpenError::Failed(other),
    }
}

/// A journal that a crash left long is read once, not at every start.
fn open_database(dir: &Path) -> Result<Database, StoreOpenError> {
    place::sweep(dir).map_err(StoreOpenError::io("looking through", dir))?;
    let path = place::current(dir).map_err(StoreOpenError::io("looking through", dir))?;
    let open = || {
        Database::open(&path).map_err(|failure| match failure {
            OpenFailure::InUse => StoreOpenError::InUse { path: dir.to_owned() },
            OpenFailure::Damaged(reason) => StoreOpenError::Damaged { path: dir.to_owned(), reason: reason.to_owned() },
            OpenFailure::Io(source) => StoreOpenError::io("opening", &path)(source),
        })
    };
    let damaged = |error: StoreError| opening(dir, error);
    let database = open()?;
    if database.journal_bytes().map_err(damaged)? <= JOURNAL_BYTES_MAX {
        return Ok(database);
    }
    database.close().map_err(damaged)?;
    open()
}

/// The number of the last batch, as each table has it. fjall cuts a damaged journal short without a word: tables that
/// were written out at different times then differ.
fn last_batches(view: &View) -> Result<[Option<u64>; 3], StoreError> {
    let mut batches = [None; 3];
    for (table, batch) in Table::ALL.into_iter().zip(&mut batches) {
        *batch = view.get(table, keys::BATCH)?.and_then(|sealed| overlay::read(keys::BATCH, &sealed));
    }
    Ok(batches)
}

/// The level of the program that could not read all of it, if there was one.
fn outgrown(view: &View) -> Result<Option<Level>, StoreError> {
    let key = Kind::Outgrown.key();
    let known: Option<u64> = view.get(Table::Rows, &key)?.and_then(|sealed| overlay::read(&key, &sealed));
    Ok(known.and_then(|known| u32::try_from(known).ok()).map(Level))
}

fn origin(view: &View) -> Result<Option<Origin>, StoreError> {
    let key = Kind::Origin.key();
    let sealed = view.get(Table::Rows, &key)?;
    Ok(sealed.and_then(|sealed| frame::unseal(&key, &sealed).and_then(Origin::decode)))
}

fn must_be(dir: &Path, origin: Origin, me: UserId) -> Result<(), StoreOpenError> {
    let path = dir.to_owned();
    if origin.format != FORMAT {
        return Err(StoreOpenError::Newer { path, found: origin.format, known: FORMAT });
    }
    if origin.me != me {
        return Err(StoreOpenError::OtherUser { path, found: origin.me, me });
    }
    Ok(())
}
