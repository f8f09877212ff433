// SPDX-License-Identifier: MIT OR Apache-2.0
//! Running a test's futures, none of them for ever.

use std::time::Duration;

use axirq::Event;
use axirq::Interrupt;
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::PATIENCE;
use super::QUIET;

/// Runs a future on this thread.
pub fn run<T>(future: impl Future<Output = T>) -> T {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// What a future gives in reasonable time.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
}

/// The next event of a pin.
pub async fn event(interrupt: &Interrupt) -> Event {
    soon(interrupt.pin(), interrupt.wait()).await.unwrap()
}

/// No event comes.
pub async fn assert_quiet(interrupt: &Interrupt) {
    assert_silent_for(QUIET, interrupt).await;
}

async fn assert_silent_for(time: Duration, interrupt: &Interrupt) {
    if let Ok(result) = timeout(time, interrupt.wait()).await {
        panic!("{} was to be quiet, but: {result:?}", interrupt.pin());
    }
}

/// Lets other tasks run until each of them waits.
pub async fn settle() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}
