// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`GpioLine`]: a line of the kernel's GPIO chips as a line into the subsystem.

use std::fmt;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::atomic::fence;

use gpiocdev::Request;
use gpiocdev::chip;
use gpiocdev::chip::Chip;
use gpiocdev::line::Value;

use super::ControlLine;
use crate::Error;
use crate::Result;

/// The processor's GPIO, and which of its lines is the first to go into the programmable logic.
const EMIO: [(&str, u32); 2] = [("zynq_gpio", 54), ("zynqmp_gpio", 78)];

/// Who has requested the line, as `gpioinfo` shows it.
const CONSUMER: &str = "axirq";

/// A GPIO line of the kernel that goes into the programmable logic: of the processor itself (EMIO), as on PYNQ's boards,
/// or of any other chip with a driver.
///
/// It is this value's alone: the kernel refuses it to everybody else.
///
/// ```no_run
/// # fn main() -> axirq::Result<()> {
/// use axirq::microblaze::GpioLine;
/// use axirq::microblaze::Microblaze;
/// use axirq::microblaze::Wiring;
///
/// // Pynq-Z1, the MicroBlaze of the first Pmod.
/// let wiring = Wiring::new(GpioLine::emio(0, true)?).ack(GpioLine::emio(4, false)?);
/// let iop = Microblaze::open("iop_pmoda/mb_bram_ctrl", wiring)?;
/// # Ok(())
/// # }
/// ```
pub struct GpioLine {
    request: Request,
    chip: PathBuf,
    name: String,
}

impl GpioLine {
    /// Takes a line of a chip, such as `/dev/gpiochip0`, by its number. It is driven at `level` from then on; a reset
    /// line begins at `true`.
    ///
    /// # Errors
    ///
    /// [`GpioLineInUse`](Error::GpioLineInUse), [`PermissionDenied`](Error::PermissionDenied),
    /// [`NoGpioLine`](Error::NoGpioLine) if the chip has none of this number, and what the system calls say.
    pub fn open(chip: impl AsRef<Path>, line: u32, level: bool) -> Result<Self> {
        let chip = chip.as_ref();
        let name = format!("{} line {line}", chip.display());
        let request = Request::builder()
            .on_chip(chip)
            .with_consumer(CONSUMER)
            .with_line(line)
            .as_output(Value::from(level))
            .request()
            .map_err(|error| explain_request(chip, line, &name, error))?;
        Ok(Self {
            request,
            chip: chip.to_owned(),
            name,
        })
    }

    /// Takes the line that the device tree gives this name (`gpio-line-names`).
    ///
    /// # Errors
    ///
    /// As for [`GpioLine::open`].
    pub fn find(name: &str, level: bool) -> Result<Self> {
        let has = |chip: &Chip| {
            let mut lines = chip.line_info_iter()?;
            Ok(lines.find_map(|info| info.ok().filter(|info| info.name == name).map(|info| info.offset)))
        };
        let (chip, line) = search(name, has)?;
        Self::open(chip, line, level)
    }

    /// Takes a bit of the processor's EMIO GPIO, of a Zynq-7000 or a Zynq UltraScale+: bit 0 is the first that goes into
    /// the programmable logic.
    ///
    /// # Errors
    ///
    /// As for [`GpioLine::open`]; on any other machine [`NoGpioLine`](Error::NoGpioLine).
    pub fn emio(bit: u32, level: bool) -> Result<Self> {
        let has = |chip: &Chip| {
            let label = chip.info()?.label;
            let processor = EMIO.into_iter().find(|(name, _)| *name == label);
            Ok(processor.and_then(|(_, first)| first.checked_add(bit)))
        };
        let (chip, line) = search(&format!("EMIO bit {bit}"), has)?;
        Self::open(chip, line, level)
    }
}

impl ControlLine for GpioLine {
    fn set(&self, level: bool) -> Result<()> {
        self.request
            .set_lone_value(Value::from(level))
            // Drivers do not wait until a write has arrived; reading the same core does.
            .and_then(|()| self.request.lone_value())
            .map_err(|error| {
                if self.chip.exists() {
                    return explain(&self.name, error);
                }
                Error::Gone {
                    name: self.name.clone(),
                }
            })?;
        // The subsystem's memory lies elsewhere on the bus: what is read there must not be older.
        fence(Ordering::SeqCst);
        Ok(())
    }
}

impl fmt::Debug for GpioLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GpioLine").field(&self.name).finish()
    }
}

/// The first chip that has a line, and its number there. Chips that one may not look at are told of if no other has it.
fn search(line: &str, has: impl Fn(&Chip) -> gpiocdev::Result<Option<u32>>) -> Result<(PathBuf, u32)> {
    let mut refused = None;
    for path in chip::chips().map_err(|error| explain_open(Path::new("/dev"), error))? {
        match Chip::from_path(&path).and_then(|chip| has(&chip)) {
            Ok(Some(line)) => return Ok((path, line)),
            Ok(None) => {}
            Err(error) => {
                refused.get_or_insert_with(|| explain_open(&path, error));
            }
        }
    }
    Err(refused.unwrap_or_else(|| Error::NoGpioLine { line: line.to_owned() }))
}

/// Why a line was not given: its chip says so, as far as it can be asked.
fn explain_request(path: &Path, line: u32, name: &str, error: gpiocdev::Error) -> Error {
    let chip = match Chip::from_path(path) {
        Ok(chip) => chip,
        Err(error) => return explain_open(path, error),
    };
    if chip.info().is_ok_and(|info| line >= info.num_lines) {
        return Error::NoGpioLine { line: name.to_owned() };
    }
    match chip.line_info(line) {
        Ok(info) if info.used => Error::GpioLineInUse {
            line: name.to_owned(),
            consumer: info.consumer,
        },
        _ => explain(name, error),
    }
}

/// Why a chip could not be opened.
fn explain_open(path: &Path, error: gpiocdev::Error) -> Error {
    let gpiocdev::Error::Os(errno) = &error else {
        return explain(&path.display().to_string(), error);
    };
    match errno.0 {
        libc::EACCES | libc::EPERM => Error::PermissionDenied { path: path.to_owned() },
        errno => Error::system("open", path.display().to_string(), io::Error::from_raw_os_error(errno)),
    }
}

fn explain(name: &str, error: gpiocdev::Error) -> Error {
    Error::system("ioctl", name, io::Error::other(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_are_not_there_say_so() {
        let error = GpioLine::open("/nowhere/gpiochip0", 0, true).unwrap_err();
        assert!(matches!(error, Error::System { call: "open", .. }), "{error:?}");
        let error = GpioLine::open("/dev/null", 0, true).unwrap_err();
        assert!(matches!(error, Error::System { .. }), "{error:?}");
        let error = GpioLine::find("no line is called that", true).unwrap_err();
        assert!(matches!(error, Error::NoGpioLine { .. }), "{error:?}");
    }
}
