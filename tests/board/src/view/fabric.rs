// SPDX-License-Identifier: MIT OR Apache-2.0
//! The view's connection to the simulator: one for orders, questions and events, so that all come in their order.

use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use plsim::client::{Client, Error as Refusal};
use plsim::protocol::{Direction, Request};

use super::picture::{Button, Picture};
use crate::error::{Context, Result};

/// plsim answers at once, even on a busy machine.
const ANSWER: Duration = Duration::from_secs(10);

pub struct Fabric {
    client: Client<UnixStream>,
}

impl Fabric {
    /// Connects, and makes the picture of the design that is there.
    pub fn connect(control: &Path) -> Result<(Self, Picture)> {
        let mut client = Client::connect(control)?;
        client
            .stream()
            .set_read_timeout(Some(ANSWER))
            .context(|| "set a timeout".into())?;
        let picture = Picture::new(&client.design()?);
        client.watch()?;
        Ok((Self { client }, picture))
    }

    /// Asks for everything that no event tells.
    pub fn refresh(&mut self, picture: &mut Picture, at: Duration) -> Result<()> {
        picture.incomplete = false;
        picture.set_wire(at, self.client.irq()?);
        for index in 0..picture.channels.len() {
            let channel = &picture.channels[index];
            let request = Request::Read {
                cell: channel.cell.clone(),
                channel: channel.number,
            };
            let registers = match channel.shape.direction {
                Direction::Both => Some(self.client.peek(&channel.cell)?),
                Direction::In | Direction::Out => None,
            };
            let pins = self.client.ask(&request)?;
            picture.set_channel(index, pins, registers.as_ref());
        }
        let mut controller = None;
        for index in 0..picture.lines.len() {
            let line = &picture.lines[index];
            let (name, number) = (line.controller.clone(), line.input);
            if controller.as_ref() != Some(&name) {
                picture.set_controller(&name, &self.client.peek(&name)?);
            }
            let input = self.client.input(&name, number)?;
            picture.set_line(index, at, input.level != 0, input.raised);
            controller = Some(name);
        }
        for index in 0..picture.cells.len() {
            let counts = self.client.counts(&picture.cells[index].name)?;
            picture.set_cell(index, at, &counts);
        }
        Ok(())
    }

    /// Puts a button's wire to a level. A refusal is something to say, not an end.
    pub fn press(&mut self, picture: &mut Picture, button: Button, level: bool) -> Result<()> {
        let Some(channel) = picture.channels.get(button.channel) else {
            return Ok(());
        };
        let (cell, bit, channel) = (channel.cell.clone(), button.bit, channel.number);
        let request = if level {
            Request::Press { cell, bit, channel }
        } else {
            Request::Release { cell, bit, channel }
        };
        match self.client.order(&request) {
            Err(Refusal::Refused { reason, .. }) => picture.notice = Some(reason),
            done => done?,
        }
        // What it did is seen before the next key is looked at.
        self.received_events(picture);
        Ok(())
    }

    /// To be called when the connection is readable: waits for an event.
    pub fn next_event(&mut self, picture: &mut Picture) -> Result<()> {
        picture.happen(self.client.next_event()?);
        self.received_events(picture);
        Ok(())
    }

    /// Takes in what came along with answers, which nothing would wake us for. Tells whether there was anything.
    pub fn received_events(&mut self, picture: &mut Picture) -> bool {
        let mut any = false;
        while let Some(event) = self.client.received_event() {
            picture.happen(event);
            any = true;
        }
        any
    }
}

impl AsFd for Fabric {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.client.stream().as_fd()
    }
}
