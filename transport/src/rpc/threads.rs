//! The RPC threads: capabilities are bound to the thread they were made on,
//! so each thread runs its own small runtime, and work is sent to it.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use tokio::sync::{mpsc, oneshot};
use tokio::task::LocalSet;

type Job = Box<dyn FnOnce() -> LocalBoxFuture<'static, ()> + Send>;

enum Order {
    Run(Job),
    Stop,
}

/// The thread is stopping, or the work on it panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the RPC thread is gone")]
pub struct ThreadGone;

/// Owns the threads: dropping it ends all work on them and joins them.
#[derive(Debug)]
pub struct RpcThreads {
    handle: RpcHandle,
    joins: Vec<JoinHandle<()>>,
}

/// Sends work to the threads. Cheap to clone; keeps nothing alive.
#[derive(Clone, Debug)]
pub struct RpcHandle {
    threads: Arc<[Thread]>,
}

#[derive(Debug)]
struct Thread {
    orders: mpsc::UnboundedSender<Order>,
    load: Arc<AtomicUsize>,
}

impl RpcThreads {
    /// Runs `work` on the caller's thread, which is the only RPC thread at the same time: what is sent to it runs among the tasks
    /// of `work`, on one current-thread runtime, and ends with it. Nothing wakes another thread on the way of a message.
    ///
    /// # Errors
    /// The system gives no event queue.
    pub fn alone<F, Fut>(work: F) -> std::io::Result<Fut::Output>
    where
        F: FnOnce(Self) -> Fut,
        Fut: Future,
    {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (thread, inbox) = Thread::new();
        let threads = Self { handle: RpcHandle { threads: [thread].into() }, joins: Vec::new() };
        let tasks = LocalSet::new();
        tasks.spawn_local(obey(inbox));
        Ok(tasks.block_on(&runtime, work(threads)))
    }

    /// Starts `count` threads, at least one.
    ///
    /// # Errors
    /// The system gives no thread, or no event queue for one.
    pub fn start(count: usize) -> std::io::Result<Self> {
        let mut threads = Vec::new();
        let mut joins = Vec::new();
        for index in 0..count.max(1) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let (thread, inbox) = Thread::new();
            let join = std::thread::Builder::new()
                .name(format!("rpc-{index}"))
                .spawn(move || runtime.block_on(LocalSet::new().run_until(obey(inbox))))?;
            threads.push(thread);
            joins.push(join);
        }
        Ok(Self { handle: RpcHandle { threads: threads.into() }, joins })
    }

    /// A handle to send work with.
    pub fn handle(&self) -> RpcHandle {
        self.handle.clone()
    }
}

impl Thread {
    /// A thread as others see it, and what it has to obey.
    fn new() -> (Self, mpsc::UnboundedReceiver<Order>) {
        let (orders, inbox) = mpsc::unbounded_channel();
        (Self { orders, load: Arc::default() }, inbox)
    }
}

impl Drop for RpcThreads {
    fn drop(&mut self) {
        for thread in self.handle.threads.iter() {
            // Fails only when the thread has ended already.
            let _ = thread.orders.send(Order::Stop);
        }
        let here = std::thread::current().id();
        for join in self.joins.drain(..) {
            if join.thread().id() != here && join.join().is_err() {
                tracing::error!("an RPC thread had panicked");
            }
        }
    }
}

async fn obey(mut inbox: mpsc::UnboundedReceiver<Order>) {
    while let Some(Order::Run(job)) = inbox.recv().await {
        tokio::task::spawn_local(job());
    }
}

impl RpcHandle {
    /// The number of threads.
    pub fn count(&self) -> usize {
        self.threads.len()
    }

    /// The thread with the least work spawned on it.
    pub fn least_loaded(&self) -> usize {
        let load = |thread: &Thread| thread.load.load(Ordering::Relaxed);
        let lightest = self.threads.iter().enumerate().min_by_key(|(_, thread)| load(thread));
        lightest.map_or(0, |(index, _)| index)
    }

    /// Runs a future on thread `index` (taken modulo their number). The
    /// future may hold capabilities; only what makes it has to be `Send`.
    ///
    /// # Errors
    /// The threads are stopping.
    pub fn spawn<F, Fut>(&self, index: usize, make: F) -> Result<(), ThreadGone>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + 'static,
    {
        let thread = self.threads.get(index % self.threads.len().max(1)).ok_or(ThreadGone)?;
        let load = Load::one_more(&thread.load);
        let job: Job = Box::new(move || {
            let work = make();
            async move {
                let _load = load;
                work.await;
            }
            .boxed_local()
        });
        thread.orders.send(Order::Run(job)).map_err(|_| ThreadGone)
    }

    /// Runs a future on thread `index` and gives its result.
    ///
    /// # Errors
    /// The threads are stopping, or the future panicked.
    pub async fn run<F, Fut, R>(&self, index: usize, make: F) -> Result<R, ThreadGone>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = R> + 'static,
        R: Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        self.spawn(index, move || {
            let work = make();
            async move {
                // Nobody waits for the result any more: then it is not needed.
                let _ = answer.send(work.await);
            }
        })?;
        result.await.map_err(|_| ThreadGone)
    }
}

/// Counts one piece of work for as long as it lives.
struct Load(Arc<AtomicUsize>);

impl Load {
    fn one_more(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(count))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[tokio::test]
    async fn work_runs_on_the_thread_it_is_sent_to_and_ends_with_the_threads() {
        let threads = RpcThreads::start(2).unwrap();
        let handle = threads.handle();
        let name = || async { std::thread::current().name().unwrap_or_default().to_owned() };
        assert_eq!(handle.run(0, name).await.unwrap(), "rpc-0");
        assert_eq!(handle.run(1, name).await.unwrap(), "rpc-1");
        handle.spawn(0, std::future::pending::<()>).unwrap();
        // What ran there counts until a moment after its answer.
        while handle.least_loaded() != 1 {
            tokio::task::yield_now().await;
        }
        drop(threads);
        assert_eq!(handle.run(0, name).await, Err(ThreadGone));
    }

    #[test]
    fn one_thread_serves_whoever_runs_on_it_and_what_is_sent_to_it() {
        let here = std::thread::current().id();
        let handle = RpcThreads::alone(|threads| async move {
            let handle = threads.handle();
            let there = handle.run(7, || async { std::thread::current().id() });
            let task = tokio::spawn(async { std::thread::current().id() });
            assert_eq!((there.await.unwrap(), task.await.unwrap(), handle.count()), (here, here, 1));
            handle.spawn(0, std::future::pending::<()>).unwrap();
            assert_eq!(handle.least_loaded(), 0);
            handle
        });
        assert_eq!(handle.unwrap().spawn(0, std::future::pending::<()>), Err(ThreadGone));
    }
}
