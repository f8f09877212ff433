// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a future, a task and an event loop are, without any hardware: `wake_up [SECONDS]` suspends a task for a while,
//! by default one to five seconds.

use std::collections::hash_map::RandomState;
use std::error::Error;
use std::hash::BuildHasher;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// A future that gives way to `sleep` for some seconds and then goes on, its variables as they were.
async fn wake_up(delay: Duration) {
    let start = Instant::now();
    println!("The time is: {} UTC", time_of_day());
    println!("Suspending future `wake_up` at `.await`\n");
    tokio::time::sleep(delay).await;
    println!("Resuming future `wake_up` from `.await`");
    println!(
        "`wake_up` was suspended for precisely: {:.6} seconds",
        start.elapsed().as_secs_f64()
    );
}

// The event loop: what stands in `main` is the first thing it runs.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let delay = match std::env::args().nth(1) {
        Some(seconds) => Duration::try_from_secs_f64(seconds.parse()?)?,
        None => Duration::from_secs(random(1, 5)),
    };
    println!("Creating a task for future `wake_up`\n");
    let wake_up_task = tokio::spawn(wake_up(delay));
    // Until here nothing of it has run: now this task waits, and the loop turns to the other.
    wake_up_task.await?;
    Ok(())
}

fn time_of_day() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = now.as_secs() % (24 * 60 * 60);
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A number of that range, both ends included.
fn random(from: u64, to: u64) -> u64 {
    // The standard library's one source of chance: each has keys of its own.
    from + RandomState::new().hash_one(()) % (to - from + 1)
}
