// SPDX-License-Identifier: MIT OR Apache-2.0
//! [`PinName`]: `axi_gpio_0/ip2intc_irpt`, as written by people, PYNQ and the device tree.

use std::fmt;
use std::str::FromStr;

use crate::Error;
use crate::Result;

/// The longest name: its entry under `/sys/class/axirq` is one file name (`NAME_MAX`).
const MAX_LEN: usize = 255;

/// The checked name of a pin, `cell/pin`.
///
/// PYNQ's names are accepted too: a leading slash is dropped, and in the path of a nested cell each slash but the last
/// becomes an underscore, as it does in the device tree.
///
/// ```
/// # fn main() -> axirq::Result<()> {
/// let name: axirq::PinName = "/iop_pmoda/dff_en_reset_vector_0/q".parse()?;
/// assert_eq!(name.cell(), "iop_pmoda_dff_en_reset_vector_0");
/// assert_eq!(name.pin(), "q");
/// assert_eq!(name.to_string(), "iop_pmoda_dff_en_reset_vector_0/q");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PinName {
    cell: String,
    pin: String,
}

impl PinName {
    /// The cell (an instance of an IP core, or an interrupt controller).
    pub fn cell(&self) -> &str {
        &self.cell
    }

    /// The cell's pin, or a controller's input number.
    pub fn pin(&self) -> &str {
        &self.pin
    }
}

impl FromStr for PinName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let bad = |reason| Error::BadName {
            name: name.to_owned(),
            reason,
        };
        let path = name.strip_prefix('/').unwrap_or(name);
        let (cell, pin) = path.rsplit_once('/').ok_or_else(|| bad("the pin is missing"))?;
        if path.len() > MAX_LEN {
            return Err(bad("it is too long"));
        }
        check_part(pin).map_err(bad)?;
        Ok(Self {
            cell: join_cell(cell).map_err(bad)?,
            pin: pin.to_owned(),
        })
    }
}

impl fmt::Display for PinName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.cell, self.pin)
    }
}

/// Checks the name of a cell alone, and brings PYNQ's path of a nested cell into the device tree's form.
#[cfg(any(
    test,
    feature = "dma",
    feature = "gpio",
    feature = "overlay",
    feature = "timer",
    feature = "video"
))]
pub(crate) fn parse_cell(name: &str) -> Result<String> {
    let bad = |reason| Error::BadName {
        name: name.to_owned(),
        reason,
    };
    if name.len() > MAX_LEN {
        return Err(bad("it is too long"));
    }
    join_cell(name.strip_prefix('/').unwrap_or(name)).map_err(bad)
}

fn join_cell(path: &str) -> Result<String, &'static str> {
    path.split('/').try_for_each(check_part)?;
    Ok(path.replace('/', "_"))
}

fn check_part(part: &str) -> Result<(), &'static str> {
    match part {
        "" => Err("a part of it is empty"),
        "." | ".." => Err("`.` and `..` name no cell or pin"),
        _ if part.chars().any(char::is_control) => Err("it contains control characters"),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_usual_forms_are_accepted() {
        for (given, cell, pin) in [
            ("axi_gpio_0/ip2intc_irpt", "axi_gpio_0", "ip2intc_irpt"),
            ("/btns_gpio/ip2intc_irpt", "btns_gpio", "ip2intc_irpt"),
            ("axi_intc_0/31", "axi_intc_0", "31"),
            (
                "video/hdmi_in/frontend/vtc_in/irq",
                "video_hdmi_in_frontend_vtc_in",
                "irq",
            ),
        ] {
            let name: PinName = given.parse().unwrap();
            assert_eq!((name.cell(), name.pin()), (cell, pin));
        }
        assert_eq!(parse_cell("/video/axi_vdma").unwrap(), "video_axi_vdma");
    }

    #[test]
    fn what_could_lead_elsewhere_is_rejected() {
        let long = format!("{}/x", "c".repeat(254));
        for given in [
            "", "/", "cell", "/cell", "cell/", "//pin", "a//b", "../b", "a/..", "a/./b", "a\n/b", "a/\0", &long,
        ] {
            assert!(
                matches!(given.parse::<PinName>(), Err(Error::BadName { .. })),
                "{given:?}"
            );
        }
        for given in ["", "/", "..", "a/../b", "a\0", &long] {
            assert!(matches!(parse_cell(given), Err(Error::BadName { .. })), "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn a_parsed_name_is_its_own_normal_form(given in "\\PC{0,300}|[a-z/._]{0,20}|.{0,20}") {
            if let Ok(name) = given.parse::<PinName>() {
                prop_assert!(!name.cell().contains('/') && !name.pin().contains('/'));
                prop_assert!(![".", "..", ""].contains(&name.cell()));
                prop_assert!(![".", "..", ""].contains(&name.pin()));
                prop_assert!(name.to_string().len() <= MAX_LEN);
                prop_assert_eq!(name.to_string().parse::<PinName>().unwrap(), name);
            }
        }
    }
}
