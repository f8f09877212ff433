// SPDX-License-Identifier: MIT OR Apache-2.0
//! The engine on registers that do what the simulator's do not: lag, stay stuck, and answer nonsense.

use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use nix::sys::eventfd::EfdFlags;
use nix::sys::eventfd::EventFd;

use super::engine::End;
use super::engine::Engine;
use super::engine::Fault;
use super::engine::Registers;
use super::engine::Way;
use super::regs;
use crate::Result;

const LONG: Option<Duration> = Some(Duration::from_secs(20));

/// The registers of a core.
#[derive(Debug, Default)]
struct Fake(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Of both channels, by offset.
    values: [u32; regs::END / 4],
    /// Writes of LENGTH.
    started: Vec<(Way, u32)>,
    resets: usize,
    /// Resets do not end.
    stuck: bool,
    /// So many reads of a status go by before it is idle.
    lag: u32,
    /// All that is read.
    nonsense: Option<u32>,
}

/// The channel and register behind an offset.
fn decode(offset: usize) -> (Way, usize) {
    match offset.checked_sub(regs::S2MM) {
        None => (Way::Send, offset),
        Some(offset) => (Way::Receive, offset),
    }
}

impl Registers for Fake {
    fn read(&self, offset: usize) -> Result<u32> {
        let mut state = self.0.lock().unwrap();
        if let Some(nonsense) = state.nonsense {
            return Ok(nonsense);
        }
        if decode(offset).1 == regs::DMASR && state.values[offset / 4] & regs::IOC_IRQ != 0 {
            match state.lag.checked_sub(1) {
                None => state.values[offset / 4] |= regs::IDLE,
                Some(lag) => state.lag = lag,
            }
        }
        Ok(state.values[offset / 4])
    }

    fn write(&self, offset: usize, value: u32) -> Result<()> {
        let mut state = self.0.lock().unwrap();
        let (way, register) = decode(offset);
        match register {
            regs::DMACR if value & regs::RESET != 0 => {
                state.resets += 1;
                state.values = Default::default();
                for way in Way::BOTH {
                    state.values[way.register(regs::DMASR) / 4] = regs::HALTED;
                }
                if state.stuck {
                    state.values[offset / 4] = regs::RESET;
                }
            }
            regs::DMACR if value & regs::RS != 0 => {
                state.values[offset / 4] = value;
                state.values[way.register(regs::DMASR) / 4] &= !regs::HALTED;
            }
            regs::DMASR => state.values[offset / 4] &= !value,
            regs::LENGTH => {
                assert_eq!(state.values[way.register(regs::DMASR) / 4] & regs::HALTED, 0, "{way:?}");
                state.values[way.register(regs::DMASR) / 4] &= !regs::IDLE;
                state.values[offset / 4] = value;
                state.started.push((way, value));
            }
            _ => state.values[offset / 4] = value,
        }
        Ok(())
    }
}

type Core = Engine<Fake>;

/// A core that was reset.
fn core() -> Core {
    let core = Engine::new(Fake::default(), Way::Send, false).unwrap();
    assert_eq!(core.reset().unwrap(), None);
    core
}

fn start(core: &Core, way: Way, bytes: usize) {
    assert_eq!(core.start(way, 0x4000_0000, bytes).unwrap(), None);
}

/// Something happens in hardware.
fn with<T>(core: &Core, f: impl FnOnce(&mut State) -> T) -> T {
    f(&mut core.registers().0.lock().unwrap())
}

fn status(core: &Core, way: Way, bits: u32) {
    with(core, |state| state.values[way.register(regs::DMASR) / 4] |= bits);
}

fn file() -> EventFd {
    EventFd::from_flags(EfdFlags::EFD_NONBLOCK).unwrap()
}

const FAILED: fn(Fault) -> Option<(End, bool)> = |fault| Some((End::Failed(fault), true));

#[test]
fn transfer_is_over_once() {
    let core = core();
    start(&core, Way::Receive, 100);
    assert!(!core.look(Way::Receive).unwrap());
    assert_eq!(core.take(Way::Receive), None);
    with(&core, |state| {
        state.values[Way::Receive.register(regs::LENGTH) / 4] = 60
    });
    status(&core, Way::Receive, regs::IOC_IRQ | regs::IDLE);
    assert!(core.look(Way::Receive).unwrap());
    assert!(core.look(Way::Receive).unwrap());
    let acknowledged = with(&core, |state| state.values[Way::Receive.register(regs::DMASR) / 4]);
    assert_eq!(acknowledged & regs::IOC_IRQ, 0);
    assert_eq!(core.take(Way::Receive), Some((End::Done(60), true)));
    assert_eq!(core.take(Way::Receive), None);
    assert_eq!(with(&core, |state| state.resets), 1);
}

#[test]
fn no_more_has_arrived_than_there_was_room_for() {
    let core = core();
    start(&core, Way::Receive, 100);
    with(&core, |state| {
        state.values[Way::Receive.register(regs::LENGTH) / 4] = u32::MAX
    });
    status(&core, Way::Receive, regs::IOC_IRQ | regs::IDLE);
    assert!(core.look(Way::Receive).unwrap());
    assert_eq!(core.take(Way::Receive), Some((End::Done(100), true)));
}

#[test]
fn channel_runs_until_a_reset() {
    let core = core();
    for _ in 0..3 {
        start(&core, Way::Send, 8);
        status(&core, Way::Send, regs::IOC_IRQ);
        assert!(core.abort(Way::Send).unwrap());
    }
    assert_eq!(with(&core, |state| (state.started.len(), state.resets)), (3, 1));
    assert_eq!(core.reset().unwrap(), None);
    // LENGTH in a halted channel would not pass.
    start(&core, Way::Send, 8);
}

#[test]
fn interrupt_that_is_quicker_than_its_status_is_waited_for() {
    let core = core();
    start(&core, Way::Send, 8);
    with(&core, |state| state.lag = 5);
    status(&core, Way::Send, regs::IOC_IRQ);
    assert!(core.look(Way::Send).unwrap());
    assert_eq!(core.take(Way::Send), Some((End::Done(8), true)));
    // One that never comes is an error, and a reset.
    start(&core, Way::Send, 8);
    with(&core, |state| state.lag = u32::MAX);
    status(&core, Way::Send, regs::IOC_IRQ);
    assert!(core.look(Way::Send).unwrap());
    assert_eq!(core.take(Way::Send), FAILED(Fault::Stuck("MM2S_DMASR")));
    assert_eq!(with(&core, |state| state.resets), 2);
}

#[test]
fn error_resets_both_channels_and_each_has_its_own() {
    for (bits, fault) in [
        (regs::INT_ERR, Fault::Internal),
        (regs::SLV_ERR, Fault::Slave),
        (regs::DEC_ERR, Fault::Decode),
        (regs::DEC_ERR | regs::INT_ERR, Fault::Decode),
        (regs::INT_ERR | regs::IOC_IRQ | regs::IDLE, Fault::Internal),
    ] {
        let core = core();
        start(&core, Way::Send, 8);
        start(&core, Way::Receive, 8);
        status(&core, Way::Send, bits | regs::ERR_IRQ | regs::HALTED);
        assert!(core.look(Way::Send).unwrap());
        assert_eq!(core.take(Way::Send), FAILED(fault));
        assert!(core.look(Way::Receive).unwrap());
        assert_eq!(core.take(Way::Receive), FAILED(Fault::Reset));
        assert_eq!(with(&core, |state| state.resets), 2);
        start(&core, Way::Receive, 8);
        assert!(!core.look(Way::Receive).unwrap());
    }
}

#[test]
fn what_is_complete_before_a_reset_stays_so() {
    let core = core();
    start(&core, Way::Send, 8);
    start(&core, Way::Receive, 8);
    status(&core, Way::Send, regs::SLV_ERR | regs::ERR_IRQ);
    status(&core, Way::Receive, regs::IOC_IRQ | regs::IDLE);
    assert!(core.look(Way::Send).unwrap());
    assert_eq!(core.take(Way::Receive), Some((End::Done(8), true)));
    // Two errors at once are two errors.
    start(&core, Way::Send, 8);
    start(&core, Way::Receive, 8);
    status(&core, Way::Send, regs::SLV_ERR);
    status(&core, Way::Receive, regs::INT_ERR);
    assert_eq!(core.reset().unwrap(), None);
    assert_eq!(core.take(Way::Send), Some((End::Failed(Fault::Slave), true)));
    assert_eq!(core.take(Way::Receive), FAILED(Fault::Internal));
}

#[test]
fn memory_stays_with_a_core_that_does_not_come_out_of_reset() {
    let core = core();
    start(&core, Way::Send, 8);
    start(&core, Way::Receive, 8);
    with(&core, |state| state.stuck = true);
    status(&core, Way::Send, regs::DEC_ERR);
    assert!(core.look(Way::Send).unwrap());
    assert_eq!(core.take(Way::Send), Some((End::Failed(Fault::Decode), false)));
    assert!(!core.abort(Way::Receive).unwrap());
    // Nothing is started before it has come out.
    assert_eq!(core.start(Way::Send, 0, 8).unwrap(), Some(Fault::Stuck("DMACR")));
    with(&core, |state| state.stuck = false);
    start(&core, Way::Send, 8);
}

#[test]
fn bus_that_answers_nonsense_is_an_error() {
    let core = core();
    start(&core, Way::Send, 8);
    with(&core, |state| state.nonsense = Some(u32::MAX));
    assert!(core.look(Way::Send).unwrap());
    let stuck = End::Failed(Fault::Stuck("MM2S_DMASR"));
    assert_eq!(core.take(Way::Send), Some((stuck, false)));
    assert_eq!(core.reset().unwrap(), Some(Fault::Stuck("DMACR")));
    // A channel that stays halted takes no transfer.
    with(&core, |state| state.nonsense = Some(regs::HALTED));
    assert_eq!(
        core.start(Way::Receive, 0, 8).unwrap(),
        Some(Fault::Stuck("S2MM_DMASR"))
    );
}

#[test]
fn registers_tell_what_the_core_was_made_with() {
    let core = core();
    // Of a channel that is not there all registers are 0.
    with(&core, |state| state.values = Default::default());
    assert!(!core.has(Way::Send).unwrap() && !core.scatters(Way::Send).unwrap());
    with(&core, |state| {
        state.values[Way::Receive.register(regs::DMACR) / 4] = 0x0001_0002;
        state.values[Way::Receive.register(regs::DMASR) / 4] = 0x0001_0009;
    });
    assert!(core.has(Way::Receive).unwrap() && core.scatters(Way::Receive).unwrap());
    assert!(!core.has(Way::Send).unwrap() && !core.scatters(Way::Send).unwrap());
}

#[test]
fn channels_have_one_owner_each() {
    let core = core();
    assert!(core.claim(Way::Send) && core.claim(Way::Receive));
    assert!(!core.claim(Way::Send) && !core.claim(Way::Receive));
    core.release(Way::Send);
    assert!(core.claim(Way::Send) && !core.claim(Way::Receive));
}

#[test]
fn sleeping_thread_hears_of_a_reset() {
    let core = Arc::new(core());
    // Whether the reset comes before it sleeps or after, it is woken.
    for round in 0..100 {
        start(&core, Way::Receive, 8);
        let sleeper = thread::spawn({
            let core = Arc::clone(&core);
            move || {
                let file = file();
                while !core.look(Way::Receive).unwrap() {
                    assert!(core.sleep(Way::Receive, &file, LONG).unwrap());
                }
                core.take(Way::Receive)
            }
        });
        if round % 2 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(core.reset().unwrap(), None);
        assert_eq!(sleeper.join().unwrap(), FAILED(Fault::Reset));
    }
}

#[test]
fn sleep_ends_with_its_time_its_file_or_its_transfer() {
    let core = core();
    start(&core, Way::Send, 8);
    let line = file();
    assert!(core.sleep(Way::Send, &line, Some(Duration::from_millis(1))).unwrap());
    line.write(1).unwrap();
    assert!(core.sleep(Way::Send, &line, None).unwrap());
    let (gone, other_end) = nix::unistd::pipe().unwrap();
    drop(other_end);
    assert!(!core.sleep(Way::Send, &gone, None).unwrap());
    assert_eq!(core.reset().unwrap(), None);
    assert!(core.sleep(Way::Send, &file(), None).unwrap());
}

#[cfg(feature = "tokio")]
mod tasks {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;
    use std::task::Wake;
    use std::task::Waker;

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn waiting_task_hears_of_the_other_channels_error_once() {
        let core = core();
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let count = || wakes.0.load(Ordering::Relaxed);
        start(&core, Way::Send, 8);
        start(&core, Way::Receive, 8);
        assert!(!core.listen(Way::Receive, &waker));
        status(&core, Way::Send, regs::SLV_ERR);
        assert!(core.look(Way::Send).unwrap());
        assert_eq!(count(), 1);
        assert!(core.listen(Way::Receive, &waker));
        assert_eq!(core.reset().unwrap(), None);
        core.unlisten(Way::Receive);
        assert_eq!(core.reset().unwrap(), None);
        assert_eq!(core.take(Way::Receive), FAILED(Fault::Reset));
        // Who finds out himself is not woken, nor is who listens no more.
        let before = count();
        start(&core, Way::Receive, 8);
        assert!(!core.listen(Way::Receive, &waker));
        status(&core, Way::Receive, regs::INT_ERR);
        assert!(core.look(Way::Receive).unwrap());
        core.unlisten(Way::Receive);
        assert_eq!(core.take(Way::Receive), FAILED(Fault::Internal));
        assert_eq!(core.reset().unwrap(), None);
        assert_eq!(count(), before);
        assert_eq!(Arc::strong_count(&wakes), 2);
    }
}
