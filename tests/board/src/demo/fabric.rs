// SPDX-License-Identifier: MIT OR Apache-2.0
//! The fabric as the demo's fingers and eyes have it: one connection to press buttons, one to watch pins.

use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use plsim::client::Client;
use plsim::protocol::Event;

use super::fingers::Move;
use super::view::{Scene, View};
use super::{BUTTONS, LEDS};
use crate::board::Board;
use crate::error::{Context, Error, Result};

/// plsim answers at once, even on a busy machine.
const ANSWER: Duration = Duration::from_secs(30);
/// What an LED may take to follow its button; in truth some milliseconds.
const FOLLOW: Duration = Duration::from_secs(20);
/// After the last LED the program goes back to sleep, which takes it a moment.
const SETTLE: Duration = Duration::from_millis(300);

pub struct Fabric {
    pub control: Client<UnixStream>,
    events: Receiver<Event>,
    cells: Vec<String>,
    scene: Scene,
    /// When a button last moved, by the simulator's clock.
    pressed_at: u64,
    latencies: Vec<Duration>,
}

impl Fabric {
    pub fn connect(board: &Board) -> Result<Self> {
        let mut control = Client::connect(board.control())?;
        control
            .stream()
            .set_read_timeout(Some(ANSWER))
            .context(|| "set a timeout".into())?;
        let cells = control.cells()?;
        let mut watcher = Client::connect(board.control())?;
        watcher.watch()?;
        let (sender, events) = channel();
        // Ends with the simulator, or when nobody listens any more.
        thread::spawn(move || {
            while let Ok(event) = watcher.next_event() {
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            control,
            events,
            cells,
            scene: Scene::default(),
            pressed_at: 0,
            latencies: Vec::new(),
        })
    }

    /// Plays the moves, each when its LED has followed the one before. Tells what went wrong, after which it stops.
    pub fn play(&mut self, moves: &[Move], view: &mut View) -> Result<Option<String>> {
        for step in moves {
            if let Some(problem) = self.pause(step.after, view)? {
                return Ok(Some(problem));
            }
            if step.press {
                self.control.press(BUTTONS, step.button)?;
            } else {
                self.control.release(BUTTONS, step.button)?;
            }
            if let Some(problem) = self.follow(step, view)? {
                return Ok(Some(problem));
            }
        }
        self.pause(SETTLE, view)
    }

    /// Waits until the LEDs show what the buttons do.
    fn follow(&mut self, step: &Move, view: &mut View) -> Result<Option<String>> {
        let expected = step.apply(self.scene.leds);
        let deadline = Instant::now() + FOLLOW;
        while let Some(event) = self.next(deadline)? {
            match self.see(event, view)? {
                None => {}
                Some(leds) if leds == expected => {
                    let seen = self.scene.us.saturating_sub(self.pressed_at);
                    self.latencies.push(Duration::from_micros(seen));
                    return Ok(None);
                }
                Some(leds) => {
                    return Ok(Some(format!(
                        "after {step} the LEDs show {leds:#06b}, and not {expected:#06b}"
                    )));
                }
            }
        }
        Ok(Some(format!(
            "LED {} did not follow {step} within {} s",
            step.button,
            FOLLOW.as_secs()
        )))
    }

    /// Lets time pass in which no LED may change.
    pub fn pause(&mut self, time: Duration, view: &mut View) -> Result<Option<String>> {
        let deadline = Instant::now() + time;
        while let Some(event) = self.next(deadline)? {
            if let Some(leds) = self.see(event, view)? {
                return Ok(Some(format!(
                    "the LEDs changed to {leds:#06b}, and nobody had pressed anything"
                )));
            }
        }
        Ok(None)
    }

    /// How often the PL-to-GIC wire has gone active.
    pub fn wire(&mut self) -> Result<u64> {
        Ok(self.control.irq()?.raised)
    }

    /// Register accesses by the CPU, of all cells.
    pub fn all_accesses(&mut self) -> Result<u64> {
        let mut all = 0;
        for cell in &self.cells {
            all += self
                .control
                .counts(cell)?
                .values()
                .map(|count| count.r + count.w)
                .sum::<u64>();
        }
        Ok(all)
    }

    /// From button to LED, one for each move since the last time.
    pub fn take_latencies(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.latencies)
    }

    fn next(&self, deadline: Instant) -> Result<Option<Event>> {
        match self
            .events
            .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        {
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(plsim::client::Error::Closed.into()),
        }
    }

    /// Takes in what has changed; gives the LEDs if it is they.
    fn see(&mut self, event: Event, view: &mut View) -> Result<Option<u32>> {
        let mut changed = None;
        match event {
            Event::Pins { us, cell, pins, .. } if cell == BUTTONS => {
                (self.scene.us, self.scene.buttons, self.pressed_at) = (us, pins, us);
            }
            Event::Pins { us, cell, pins, .. } if cell == LEDS => {
                (self.scene.us, self.scene.leds) = (us, pins);
                changed = Some(pins);
            }
            Event::Irq { us, irq } => (self.scene.us, self.scene.wire) = (us, irq == 1),
            Event::Pins { .. } | Event::Mark { .. } => {}
            Event::Lost { lost } => {
                let reason =
                    format!("{lost} changes of pins were lost: the machine is too busy for a demo");
                return Err(Error::Guest(reason));
            }
        }
        view.show(&self.scene);
        Ok(changed)
    }
}
