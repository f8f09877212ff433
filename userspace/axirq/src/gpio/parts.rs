// SPDX-License-Identifier: MIT OR Apache-2.0
//! What boards have on the wires of a GPIO: [`Button`], [`Switch`], [`Led`], [`RgbLed`].

use super::Input;
use super::Output;
use super::Wire;
use super::Wires;
use crate::Result;

/// A push button: 1 while pressed, on boards wired the usual way.
pub type Button = Wire<Input>;

/// A slide switch.
pub type Switch = Wire<Input>;

/// An LED.
pub type Led = Wire<Output>;

/// An LED of three colours, on three neighbouring wires: blue, green and red in this order, as on the boards that PYNQ
/// supports.
///
/// ```no_run
/// # fn main() -> axirq::Result<()> {
/// use axirq::gpio::AxiGpio;
/// use axirq::gpio::Color;
///
/// let led = AxiGpio::open("rgbleds_gpio")?.rgb_led(0)?;
/// led.on(Color::Cyan)?;
/// assert_eq!(led.color()?, Color::Cyan);
/// led.off()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RgbLed(pub(super) Wires<Output>);

/// What an [`RgbLed`] shows. Each number has a bit for blue, green and red, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Color {
    /// Nothing.
    Black = 0b000,
    /// Blue alone.
    Blue = 0b001,
    /// Green alone.
    Green = 0b010,
    /// Green and blue.
    Cyan = 0b011,
    /// Red alone.
    Red = 0b100,
    /// Red and blue.
    Magenta = 0b101,
    /// Red and green.
    Yellow = 0b110,
    /// All three.
    White = 0b111,
}

impl Color {
    fn of(bits: u32) -> Self {
        const COLORS: [Color; 8] = [
            Color::Black,
            Color::Blue,
            Color::Green,
            Color::Cyan,
            Color::Red,
            Color::Magenta,
            Color::Yellow,
            Color::White,
        ];
        COLORS[(bits & 0b111) as usize]
    }
}

impl RgbLed {
    pub(super) const WIRES: u32 = 3;

    /// Lights the LED in a colour.
    ///
    /// # Errors
    ///
    /// [`Gone`](crate::Error::Gone) once the device has left.
    pub fn on(&self, color: Color) -> Result<()> {
        self.0.write(u32::from(color as u8))
    }

    /// Puts the LED out.
    ///
    /// # Errors
    ///
    /// As for [`RgbLed::on`].
    pub fn off(&self) -> Result<()> {
        self.0.off()
    }

    /// The colour that was last set; [`Color::Black`] if it is out.
    ///
    /// # Errors
    ///
    /// As for [`RgbLed::on`].
    pub fn color(&self) -> Result<Color> {
        self.0.read().map(Color::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_their_bits() {
        for bits in 0..8 {
            assert_eq!(u32::from(Color::of(bits) as u8), bits);
        }
        assert_eq!((Color::Red as u8, Color::Green as u8, Color::Blue as u8), (4, 2, 1));
    }
}
