// SPDX-License-Identifier: MIT OR Apache-2.0
//! The keys of a `microblaze`, PYNQ's subsystem of a processor and its memory.

use serde::Deserialize;

use super::Wiring;
use super::wires;
use crate::fabric::Core;
use crate::fabric::Spec;
use crate::models::microblaze::Microblaze;
use crate::models::microblaze::Params;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct MicroblazeCell {
    offset: u32,
    /// Of the memory.
    size: Option<u32>,
    ddr_base: Option<u32>,
    latency_us: Option<u32>,
    interrupt: Option<Wiring>,
}

/// The mailboxes lie at the end of the first 64 KiB.
const LEAST: u32 = 0x1_0000;

pub fn spec(name: &str, cell: MicroblazeCell) -> Result<Spec, String> {
    let default = Params::default();
    let size = cell.size.unwrap_or(default.size);
    if size < LEAST {
        return Err(format!(
            "`size` is {size:#x}; the mailboxes of a microblaze need {LEAST:#x}"
        ));
    }
    let params = Params {
        size,
        ddr: cell.ddr_base.unwrap_or(default.ddr),
        latency: cell
            .latency_us
            .map_or(default.latency, |us| u64::from(us) * 1000),
    };
    if params.latency == 0 {
        return Err("`latency-us` is 0; a program takes at least 1 to answer".to_owned());
    }
    Ok(Spec {
        name: name.to_owned(),
        offset: cell.offset,
        size,
        core: Core::Microblaze(Microblaze::new(params)),
        outputs: wires([cell.interrupt]),
    })
}
