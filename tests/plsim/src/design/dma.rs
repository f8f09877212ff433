// SPDX-License-Identifier: MIT OR Apache-2.0
//! The keys of an `axi_dma`.

use serde::Deserialize;

use super::Wiring;
use super::data_width;
use super::mover_window;
use super::wires;
use super::within;
use super::yes;
use crate::fabric::Core;
use crate::fabric::Spec;
use crate::models::dma::Dma;
use crate::models::dma::Ends;
use crate::models::dma::Params;

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stream {
    #[default]
    Open,
    Loopback,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DmaCell {
    offset: u32,
    #[serde(default = "mover_window")]
    size: u32,
    #[serde(default = "yes")]
    include_mm2s: bool,
    #[serde(default = "yes")]
    include_s2mm: bool,
    #[serde(default)]
    include_sg: bool,
    sg_length_width: Option<u32>,
    addr_width: Option<u32>,
    data_width: Option<u32>,
    #[serde(default)]
    include_dre: bool,
    #[serde(default)]
    stream: Stream,
    #[serde(default = "page")]
    fifo_depth: usize,
    rate: Option<u64>,
    mm2s_introut: Option<Wiring>,
    s2mm_introut: Option<Wiring>,
}

fn page() -> usize {
    0x1000
}

pub fn spec(name: &str, cell: DmaCell) -> Result<Spec, String> {
    if cell.include_sg {
        return Err(
            "`include-sg`: scatter-gather is not modelled; leave it out for direct register mode"
                .to_owned(),
        );
    }
    let default = Params::default();
    let data_width = data_width(cell.data_width.unwrap_or(default.data_width))?;
    let length_width = cell.sg_length_width.unwrap_or(default.length_width);
    let params = Params {
        mm2s: cell.include_mm2s,
        s2mm: cell.include_s2mm,
        length_width: within("sg-length-width", length_width, 8..=26)?,
        addr_width: within(
            "addr-width",
            cell.addr_width.unwrap_or(default.addr_width),
            32..=64,
        )?,
        data_width,
        dre: cell.include_dre,
        rate: cell.rate.unwrap_or(default.rate),
    };
    let ends = match cell.stream {
        Stream::Open => Ends::open(),
        Stream::Loopback if cell.fifo_depth == 0 => {
            return Err("`fifo-depth` is 0; nothing would ever go through".to_owned());
        }
        Stream::Loopback => Ends::loopback(cell.fifo_depth),
    };
    Ok(Spec {
        name: name.to_owned(),
        offset: cell.offset,
        size: cell.size,
        core: Core::Dma(Dma::new(params, ends)),
        outputs: wires([cell.mm2s_introut, cell.s2mm_introut]),
    })
}
