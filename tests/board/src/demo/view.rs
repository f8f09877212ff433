// SPDX-License-Identifier: MIT OR Apache-2.0
//! The board as a person sees it: redrawn in place on a terminal, a line for each change elsewhere.

use std::io::{IsTerminal, Write, stdout};

const PINS: u32 = 4;

/// What there is to see.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Scene {
    /// Time of the last change, by the simulator's clock.
    pub us: u64,
    pub buttons: u32,
    pub leds: u32,
    /// The PL-to-GIC wire.
    pub wire: bool,
}

pub struct View {
    to: Box<dyn Write>,
    in_place: bool,
    /// The picture is on the screen, and the cursor below it.
    drawn: bool,
    last: Scene,
}

/// Lines of the picture.
const HEIGHT: usize = 2;

impl View {
    pub fn on_stdout() -> Self {
        Self::new(Box::new(stdout()), stdout().is_terminal())
    }

    fn new(to: Box<dyn Write>, in_place: bool) -> Self {
        Self {
            to,
            in_place,
            drawn: false,
            last: Scene::default(),
        }
    }

    pub fn show(&mut self, scene: &Scene) {
        let picture = if self.in_place {
            let up = if self.drawn {
                format!("\x1b[{HEIGHT}A")
            } else {
                String::new()
            };
            self.drawn = true;
            format!("{up}{}", picture(scene))
        } else if (scene.buttons, scene.leds) != (self.last.buttons, self.last.leds) {
            line(scene)
        } else {
            String::new()
        };
        self.last = scene.clone();
        self.put(&picture);
    }

    /// A line of text below the picture, which goes on below that.
    pub fn say(&mut self, text: &str) {
        self.drawn = false;
        self.put(&format!("{text}\n"));
    }

    fn put(&mut self, text: &str) {
        // Who closes the output wants no pictures.
        let _ = self
            .to
            .write_all(text.as_bytes())
            .and_then(|()| self.to.flush());
    }
}

fn picture(scene: &Scene) -> String {
    let row = |pins: u32, on: &str, off: &str| -> String {
        (0..PINS)
            .map(|pin| if pins & (1 << pin) != 0 { on } else { off })
            .collect()
    };
    let wire = if scene.wire { "high" } else { "low " };
    format!(
        "\r  buttons  {}  interrupt {wire}\x1b[K\n\r  LEDs     {}\x1b[K\n",
        row(scene.buttons, "[#] ", "[ ] "),
        row(scene.leds, " \x1b[1;32m●\x1b[0m  ", " ○  "),
    )
}

fn line(scene: &Scene) -> String {
    let row = |pins: u32, on: char| -> String {
        (0..PINS)
            .map(|pin| if pins & (1 << pin) != 0 { on } else { '.' })
            .collect()
    };
    let seconds = scene.us / 1_000_000;
    let millis = scene.us / 1_000 % 1_000;
    format!(
        "  {seconds:5}.{millis:03} s  buttons {}  LEDs {}\n",
        row(scene.buttons, '#'),
        row(scene.leds, '*')
    )
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::io;
    use std::rc::Rc;

    use super::*;

    #[derive(Default, Clone)]
    struct Screen(Rc<RefCell<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Screen {
        fn text(&self) -> String {
            String::from_utf8(self.0.take()).unwrap()
        }
    }

    #[test]
    fn each_change_of_pins_is_a_line_where_nothing_can_be_redrawn() {
        let screen = Screen::default();
        let mut view = View::new(Box::new(screen.clone()), false);
        let mut scene = Scene {
            us: 1_234_567,
            buttons: 0b0101,
            leds: 0b0001,
            wire: false,
        };
        view.show(&scene);
        assert_eq!(screen.text(), "      1.234 s  buttons #.#.  LEDs *...\n");
        scene.wire = true;
        view.show(&scene);
        assert_eq!(screen.text(), "", "the wire alone is no line");
        scene.leds = 0b0101;
        view.show(&scene);
        assert_eq!(screen.text(), "      1.234 s  buttons #.#.  LEDs *.*.\n");
    }

    #[test]
    fn picture_is_redrawn_over_itself_but_not_over_what_was_said() {
        let screen = Screen::default();
        let mut view = View::new(Box::new(screen.clone()), true);
        let scene = Scene::default();
        view.show(&scene);
        let first = screen.text();
        assert_eq!(
            (first.matches('\n').count(), first.contains("\x1b[2A")),
            (HEIGHT, false)
        );
        view.show(&scene);
        assert_eq!(screen.text(), format!("\x1b[2A{first}"));
        view.say("Now");
        assert_eq!(screen.text(), "Now\n");
        view.show(&scene);
        assert_eq!(screen.text(), first);
    }
}
