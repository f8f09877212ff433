// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the view knows of the board: made of a design, kept by events and answers. Knows neither sockets nor screens.

use std::time::Duration;

use plsim::protocol::{
    Counts, Described, Destination, Direction, Event, Irq, Pins, Registers, Shape,
};

use super::rate::Counter;

/// Everything there is to see.
#[derive(Debug, Default, Clone)]
pub struct Picture {
    pub channels: Vec<Channel>,
    pub lines: Vec<Line>,
    pub cells: Vec<Cell>,
    /// The PL-to-GIC wire.
    pub wire: Wire,
    /// What can be pressed, in the order of its keys.
    pub buttons: Vec<Button>,
    /// The chosen one of [`Self::buttons`]; has no meaning if there is none.
    pub chosen: usize,
    /// What there is to say.
    pub notice: Option<String>,
    /// Events were lost: all of it has to be asked for.
    pub incomplete: bool,
}

/// A channel of a GPIO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Channel {
    pub cell: String,
    /// From 1.
    pub number: u32,
    /// It is not the cell's only one.
    pub one_of_two: bool,
    pub shape: Shape,
    /// The bits that are inputs now.
    pub inward: u32,
    /// Levels, of inputs and outputs alike.
    pub pins: u32,
}

/// A bit that can be an input: a button or switch is at its pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Button {
    /// Index of its channel.
    pub channel: usize,
    pub bit: u32,
}

/// An input of an interrupt controller.
#[derive(Debug, Clone)]
pub struct Line {
    pub controller: String,
    pub input: u32,
    /// The cell whose output is wired to it.
    pub source: Option<String>,
    pub edge: bool,
    pub level: bool,
    /// The controller would pass it on: somebody waits for it.
    pub enabled: bool,
    /// The controller has latched it.
    pub pending: bool,
    pub raised: Counter,
}

/// What the CPU does to a cell.
#[derive(Debug, Clone)]
pub struct Cell {
    pub name: String,
    pub kind: String,
    pub reads: u64,
    pub writes: u64,
    pub accesses: Counter,
}

#[derive(Debug, Default, Clone)]
pub struct Wire {
    pub level: bool,
    pub raised: Counter,
}

impl Picture {
    pub fn new(design: &[Described]) -> Self {
        let mut picture = Self::default();
        for cell in design {
            picture.add_channels(cell);
            picture.add_lines(cell, design);
            picture.cells.push(Cell {
                name: cell.cell.clone(),
                kind: cell.kind.clone(),
                reads: 0,
                writes: 0,
                accesses: Counter::default(),
            });
        }
        picture
    }

    fn add_channels(&mut self, cell: &Described) {
        for (number, shape) in (1..).zip(&cell.channels) {
            let channel = self.channels.len();
            let mask = mask(shape.width);
            if shape.direction != Direction::Out {
                let bits = 0..shape.width.min(u32::BITS);
                self.buttons.extend(bits.map(|bit| Button { channel, bit }));
            }
            self.channels.push(Channel {
                cell: cell.cell.clone(),
                number,
                one_of_two: cell.channels.len() > 1,
                shape: *shape,
                inward: match shape.direction {
                    Direction::Out => 0,
                    Direction::In | Direction::Both => mask,
                },
                pins: 0,
            });
        }
    }

    fn add_lines(&mut self, cell: &Described, design: &[Described]) {
        if cell.kind != "axi_intc" {
            return;
        }
        for input in 0..cell.inputs {
            let leads_here = |to: &Destination| {
                matches!(to, Destination::Input { cell: to, input: at }
                    if *to == cell.cell && *at == input)
            };
            let source = design.iter().find_map(|other| {
                let output = other.outputs.iter().find(|pin| leads_here(&pin.to))?;
                Some(match other.outputs.len() {
                    1 => other.cell.clone(),
                    _ => format!("{}/{}", other.cell, output.pin),
                })
            });
            self.lines.push(Line {
                controller: cell.cell.clone(),
                input,
                source,
                edge: bit(cell.edge, input),
                level: false,
                enabled: false,
                pending: false,
                raised: Counter::default(),
            });
        }
    }

    /// Takes in what has happened.
    pub fn happen(&mut self, event: Event) {
        match event {
            Event::Pins {
                cell,
                channel: number,
                pins,
                ..
            } => {
                let known =
                    |channel: &&mut Channel| channel.cell == cell && channel.number == number;
                if let Some(channel) = self.channels.iter_mut().find(known) {
                    channel.pins = pins;
                }
            }
            Event::Irq { irq, .. } => self.wire.level = irq != 0,
            Event::Mark { mark } => self.notice = Some(mark),
            Event::Lost { .. } => self.incomplete = true,
        }
    }

    /// The levels of a channel, and, where a register decides, which way it faces.
    pub fn set_channel(&mut self, index: usize, pins: Pins, registers: Option<&Registers>) {
        let Some(channel) = self.channels.get_mut(index) else {
            return;
        };
        channel.pins = pins.pins;
        if let Some(registers) = registers {
            let name = if channel.number == 1 {
                "GPIO_TRI"
            } else {
                "GPIO2_TRI"
            };
            let tri = registers.get(name).copied().unwrap_or(u32::MAX);
            channel.inward = tri & mask(channel.shape.width);
        }
    }

    /// What a controller makes of its inputs.
    pub fn set_controller(&mut self, name: &str, registers: &Registers) {
        let register = |name: &str| registers.get(name).copied().unwrap_or(0);
        // The master enable gates all of them.
        let on = bit(register("MER"), 0);
        let lines = self.lines.iter_mut();
        for line in lines.filter(|line| line.controller == name) {
            line.enabled = on && bit(register("IER"), line.input);
            line.pending = bit(register("ISR"), line.input);
        }
    }

    pub fn set_line(&mut self, index: usize, at: Duration, level: bool, raised: u64) {
        if let Some(line) = self.lines.get_mut(index) {
            line.level = level;
            line.raised.set(at, raised);
        }
    }

    pub fn set_wire(&mut self, at: Duration, irq: Irq) {
        self.wire.level = irq.level != 0;
        self.wire.raised.set(at, irq.raised);
    }

    pub fn set_cell(&mut self, index: usize, at: Duration, counts: &Counts) {
        if let Some(cell) = self.cells.get_mut(index) {
            cell.reads = counts.values().map(|count| count.r).sum();
            cell.writes = counts.values().map(|count| count.w).sum();
            cell.accesses.set(at, cell.reads + cell.writes);
        }
    }

    /// The level at a button's pin; none while its bit is an output, which cannot be pressed.
    pub fn level(&self, button: usize) -> Option<bool> {
        let Button { channel, bit: at } = self.buttons.get(button)?;
        let channel = self.channels.get(*channel)?;
        bit(channel.inward, *at).then(|| bit(channel.pins, *at))
    }

    /// Chooses the button `step` further on, round and round.
    pub fn choose(&mut self, step: isize) {
        let last = self.buttons.len().saturating_sub(1);
        self.chosen = match self.chosen.checked_add_signed(step) {
            None => last,
            Some(next) if next > last => 0,
            Some(next) => next,
        };
    }

    /// Lines worth a place on the screen: others lead nowhere, and nothing has ever moved on them.
    pub fn lines_in_use(&self) -> impl Iterator<Item = &Line> {
        self.lines
            .iter()
            .filter(|line| line.source.is_some() || line.enabled || line.raised.value() > 0)
    }

    /// Cells that the CPU has touched.
    pub fn cells_in_use(&self) -> impl Iterator<Item = &Cell> {
        self.cells.iter().filter(|cell| cell.accesses.value() > 0)
    }
}

impl Channel {
    /// What it is called: its cell, and its number where there are two.
    pub fn label(&self) -> String {
        if self.one_of_two {
            format!("{}/{}", self.cell, self.number)
        } else {
            self.cell.clone()
        }
    }
}

fn mask(width: u32) -> u32 {
    u32::MAX
        .checked_shr(u32::BITS.saturating_sub(width))
        .unwrap_or(0)
}

/// Whether a bit is set; those that a word does not have are not.
pub fn bit(word: u32, bit: u32) -> bool {
    word.checked_shr(bit).is_some_and(|word| word & 1 != 0)
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use plsim::protocol::Count;
    use plsim::protocol::Pin;

    fn cell(name: &str, kind: &str, outputs: &[Destination]) -> Described {
        let pins = ["first", "second"].into_iter().zip(outputs);
        let pin = |(pin, to): (&str, &Destination)| Pin {
            pin: pin.into(),
            to: to.clone(),
        };
        Described {
            cell: name.into(),
            kind: kind.into(),
            inputs: 0,
            edge: 0,
            channels: Vec::new(),
            outputs: pins.map(pin).collect(),
        }
    }

    fn gpio(name: &str, channels: &[(u32, Direction)], outputs: &[Destination]) -> Described {
        let shape = |&(width, direction): &(u32, Direction)| Shape { width, direction };
        Described {
            channels: channels.iter().map(shape).collect(),
            ..cell(name, "axi_gpio", outputs)
        }
    }

    fn input(input: u32) -> Destination {
        let cell = "intc".into();
        Destination::Input { cell, input }
    }

    /// A controller; buttons on its input 0, one timer on its edge input 2; LEDs; and a GPIO with both.
    pub fn design() -> Vec<Described> {
        vec![
            Described {
                inputs: 4,
                edge: 0b0100,
                ..cell("intc", "axi_intc", &[Destination::Ps])
            },
            gpio("btns", &[(2, Direction::In)], &[input(0)]),
            gpio("leds", &[(4, Direction::Out)], &[]),
            gpio("mixed", &[(1, Direction::Out), (2, Direction::Both)], &[]),
            Described {
                inputs: 3,
                ..cell("timer", "axi_timer", &[input(2)])
            },
        ]
    }

    pub fn pins(cell: &str, channel: u32, pins: u32) -> Event {
        let cell = cell.into();
        Event::Pins {
            us: 0,
            cell,
            channel,
            pins,
        }
    }

    fn registers(values: &[(&str, u32)]) -> Registers {
        let own = |(name, value): &(&str, u32)| ((*name).to_owned(), *value);
        values.iter().map(own).collect()
    }

    #[test]
    fn picture_shows_what_the_design_has() {
        let mut design = design();
        design.push(cell("dma", "axi_dma", &[input(1), input(3)]));
        let picture = Picture::new(&design);
        let labels: Vec<String> = picture.channels.iter().map(Channel::label).collect();
        assert_eq!(labels, ["btns", "leds", "mixed/1", "mixed/2"]);
        let buttons: Vec<_> = picture.buttons.iter().map(|b| (b.channel, b.bit)).collect();
        assert_eq!(buttons, [(0, 0), (0, 1), (3, 0), (3, 1)]);
        let sources: Vec<_> = picture
            .lines
            .iter()
            .map(|l| (l.source.as_deref(), l.edge))
            .collect();
        assert_eq!(
            sources,
            [
                (Some("btns"), false),
                (Some("dma/first"), false),
                (Some("timer"), true),
                (Some("dma/second"), false)
            ]
        );
        assert_eq!(picture.cells.len(), 6);
    }

    #[test]
    fn events_move_pins_and_the_wire() {
        let mut picture = Picture::new(&design());
        picture.happen(pins("leds", 1, 0b1010));
        picture.happen(pins("mixed", 2, 0b10));
        picture.happen(Event::Irq { us: 1, irq: 1 });
        let levels: Vec<u32> = picture
            .channels
            .iter()
            .map(|channel| channel.pins)
            .collect();
        assert_eq!(levels, [0, 0b1010, 0, 0b10]);
        assert!(picture.wire.level);
        // Of a cell or channel that is not in the design.
        picture.happen(pins("leds", 2, 1));
        picture.happen(pins("nobody", 1, 1));
        assert_eq!(picture.channels[1].pins, 0b1010);
    }

    #[test]
    fn lost_events_leave_the_picture_incomplete_and_a_mark_is_shown() {
        let mut picture = Picture::new(&design());
        assert!(!picture.incomplete);
        picture.happen(Event::Lost { lost: 3 });
        assert!(picture.incomplete);
        picture.happen(Event::Mark {
            mark: "hello".into(),
        });
        assert_eq!(picture.notice.as_deref(), Some("hello"));
    }

    #[test]
    fn direction_register_says_what_can_be_pressed() {
        let mut picture = Picture::new(&design());
        let levels = Pins {
            input: 0b11,
            output: 0,
            pins: 0b11,
        };
        picture.set_channel(
            3,
            levels,
            Some(&registers(&[("GPIO_TRI", 0), ("GPIO2_TRI", 0xffff_fffd)])),
        );
        assert_eq!(picture.channels[3].inward, 0b01);
        assert_eq!((picture.level(2), picture.level(3)), (Some(true), None));
        assert_eq!((picture.level(0), picture.level(99)), (Some(false), None));
    }

    #[test]
    fn line_is_enabled_only_while_the_master_enable_is_set() {
        let mut picture = Picture::new(&design());
        picture.set_controller(
            "intc",
            &registers(&[("IER", 0b101), ("MER", 0), ("ISR", 0b100)]),
        );
        assert!(!picture.lines.iter().any(|line| line.enabled));
        assert!(picture.lines[2].pending);
        picture.set_controller(
            "intc",
            &registers(&[("IER", 0b101), ("MER", 3), ("ISR", 0)]),
        );
        let enabled: Vec<bool> = picture.lines.iter().map(|line| line.enabled).collect();
        assert_eq!(enabled, [true, false, true, false]);
        assert!(!picture.lines[2].pending);
    }

    #[test]
    fn what_nothing_leads_to_is_shown_once_it_moves() {
        let mut picture = Picture::new(&design());
        let shown = |picture: &Picture| -> Vec<u32> {
            picture.lines_in_use().map(|line| line.input).collect()
        };
        assert_eq!(shown(&picture), [0, 2]);
        picture.set_line(3, Duration::from_secs(1), true, 1);
        assert_eq!(shown(&picture), [0, 2, 3]);
        assert_eq!(picture.cells_in_use().count(), 0);
        let counts = Counts::from([
            ("TCSR0".into(), Count { r: 2, w: 1 }),
            ("TLR0".into(), Count { r: 0, w: 1 }),
        ]);
        picture.set_cell(4, Duration::from_secs(1), &counts);
        let timer = picture.cells_in_use().next().unwrap();
        assert_eq!(
            (timer.name.as_str(), timer.reads, timer.writes),
            ("timer", 2, 2)
        );
    }

    #[test]
    fn choosing_goes_round() {
        let mut picture = Picture::new(&design());
        let mut chosen = |step| {
            picture.choose(step);
            picture.chosen
        };
        assert_eq!([chosen(-1), chosen(1), chosen(1)], [3, 0, 1]);
        let mut empty = Picture::new(&[]);
        empty.choose(1);
        empty.choose(-1);
        assert_eq!(empty.level(empty.chosen), None);
    }

    #[test]
    fn widest_channel_has_all_its_bits() {
        let wide = gpio("wide", &[(32, Direction::In)], &[]);
        let picture = Picture::new(&[wide]);
        assert_eq!(
            (picture.buttons.len(), picture.channels[0].inward),
            (32, u32::MAX)
        );
        assert_eq!((mask(0), bit(u32::MAX, 32)), (0, false));
    }
}
