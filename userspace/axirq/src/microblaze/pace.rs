// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`Pace`]: when one looks for an answer, and when one gives up.

#[cfg(feature = "tokio")]
use std::panic;
#[cfg(feature = "tokio")]
use std::panic::AssertUnwindSafe;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use super::interrupt::ProgramInterrupt;
use crate::Error;
use crate::Result;

/// How it is noticed that a program has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// The program raises its interrupt.
    Interrupt,
    /// It does not, so its memory is looked at once in this time.
    Polled(Duration),
}

/// How often interrupts may be found to be for nothing, one after the other, before we take our time. A MicroBlaze that
/// was reset in the middle of raising its interrupt leaves the flip-flop's enable at 1: each acknowledgement is then an
/// interrupt at once, until the next program raises its own.
const IN_VAIN: u32 = 16;

/// The pause then, and where nobody said another one.
pub(super) const PAUSE: Duration = Duration::from_millis(1);

/// How one waits for what a program does.
#[derive(Debug)]
pub(super) struct Pace<'a> {
    cell: &'a str,
    interrupt: Option<&'a mut ProgramInterrupt>,
    /// Between two looks, if there is no interrupt.
    pause: Duration,
    /// After which a wait fails.
    pub(super) timeout: Option<Duration>,
}

/// What to wait for before looking again.
enum Next {
    Interrupt,
    Pause(Duration),
}

/// One wait: since when, and how often for nothing.
struct Progress {
    start: Instant,
    in_vain: u32,
}

impl Progress {
    fn new() -> Self {
        Self {
            start: Instant::now(),
            in_vain: 0,
        }
    }
}

impl<'a> Pace<'a> {
    pub(super) fn interrupt(cell: &'a str, interrupt: &'a mut ProgramInterrupt) -> Self {
        Self {
            cell,
            interrupt: Some(interrupt),
            pause: PAUSE,
            timeout: None,
        }
    }

    pub(super) fn polled(cell: &'a str, pause: Duration) -> Self {
        Self {
            cell,
            interrupt: None,
            pause,
            timeout: None,
        }
    }

    /// Looks until something is found. Nothing is found and then lost: no await comes between the two.
    #[cfg(feature = "tokio")]
    pub(super) async fn until<T>(&mut self, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        let mut progress = Progress::new();
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            let left = self.left(&progress)?;
            match (self.next(&mut progress), &mut self.interrupt) {
                (Next::Interrupt, Some(interrupt)) => match left {
                    None => drop(interrupt.wait().await?),
                    Some(left) => {
                        let wait = timed(self.cell, || tokio::time::timeout(left, interrupt.wait()))?;
                        // Whether it is over is asked after one more look.
                        if let Ok(event) = wait.await {
                            event?;
                        }
                    }
                },
                (Next::Interrupt, None) => {}
                (Next::Pause(pause), _) => timed(self.cell, || tokio::time::sleep(least(pause, left)))?.await,
            }
        }
    }

    /// Blocking twin of `until`.
    pub(super) fn blocking_until<T>(&mut self, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
        let mut progress = Progress::new();
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            let left = self.left(&progress)?;
            match (self.next(&mut progress), &mut self.interrupt) {
                (Next::Interrupt, Some(interrupt)) => match left {
                    None => drop(interrupt.blocking_wait()?),
                    Some(left) => drop(interrupt.blocking_wait_timeout(left)?),
                },
                (Next::Interrupt, None) => {}
                (Next::Pause(pause), _) => thread::sleep(least(pause, left)),
            }
        }
    }

    /// How much time is left. `None` is any.
    fn left(&self, progress: &Progress) -> Result<Option<Duration>> {
        let waited = progress.start.elapsed();
        match self.timeout.map(|timeout| timeout.saturating_sub(waited)) {
            Some(Duration::ZERO) => Err(Error::NoAnswer {
                cell: self.cell.to_owned(),
                waited,
            }),
            left => Ok(left),
        }
    }

    fn next(&self, progress: &mut Progress) -> Next {
        if self.interrupt.is_none() {
            return Next::Pause(self.pause);
        }
        progress.in_vain += 1;
        if progress.in_vain <= IN_VAIN {
            return Next::Interrupt;
        }
        progress.in_vain = 0;
        Next::Pause(PAUSE)
    }
}

fn least(pause: Duration, left: Option<Duration>) -> Duration {
    left.map_or(pause, |left| pause.min(left))
}

/// Makes a future of tokio's clock.
#[cfg(feature = "tokio")]
fn timed<T>(cell: &str, make: impl FnOnce() -> T) -> Result<T> {
    if tokio::runtime::Handle::try_current().is_err() {
        return Err(Error::NoRuntime { pin: cell.to_owned() });
    }
    // tokio has no question for whether a runtime has a clock: it panics if not, before anything has begun.
    panic::catch_unwind(AssertUnwindSafe(make)).map_err(|_| Error::RuntimeWithoutTime { cell: cell.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(timeout: Duration) -> Pace<'static> {
        let mut pace = Pace::polled("iop", Duration::from_millis(1));
        pace.timeout = Some(timeout);
        pace
    }

    fn after(looks: u32) -> impl FnMut() -> Result<Option<u32>> {
        let mut left = looks;
        move || {
            left -= 1;
            Ok((left == 0).then_some(looks))
        }
    }

    #[test]
    fn polling_finds_and_gives_up() {
        let mut long = pace(Duration::from_secs(60));
        assert_eq!(long.blocking_until(after(5)).unwrap(), 5);
        // What is there is found, even by one who has no time.
        assert_eq!(pace(Duration::ZERO).blocking_until(after(1)).unwrap(), 1);
        let silent = pace(Duration::from_millis(5)).blocking_until(|| Ok(None::<()>));
        assert!(matches!(silent, Err(Error::NoAnswer { waited, .. }) if waited >= Duration::from_millis(5)));
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn polling_finds_and_gives_up_in_a_task() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            assert_eq!(pace(Duration::from_secs(60)).until(after(5)).await.unwrap(), 5);
            let silent = pace(Duration::from_millis(5)).until(|| Ok(None::<()>)).await;
            assert!(matches!(silent, Err(Error::NoAnswer { .. })));
        });
    }

    #[cfg(feature = "tokio")]
    #[test]
    fn runtime_without_a_clock_is_an_error() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(pace(Duration::from_secs(60)).until(after(2)));
        assert!(matches!(found, Err(Error::RuntimeWithoutTime { .. })), "{found:?}");
    }
}
