// SPDX-License-Identifier: MIT OR Apache-2.0
//! The keys of an `axi_vdma`.

use serde::Deserialize;

use super::Wiring;
use super::data_width;
use super::mover_window;
use super::wires;
use super::within;
use super::yes;
use crate::fabric::Core;
use crate::fabric::Spec;
use crate::models::vdma::Params;
use crate::models::vdma::Vdma;
use crate::models::vdma::video::Camera;
use crate::models::vdma::video::FASTEST;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VdmaCell {
    offset: u32,
    #[serde(default = "mover_window")]
    size: u32,
    #[serde(default = "yes")]
    include_mm2s: bool,
    #[serde(default = "yes")]
    include_s2mm: bool,
    num_fstores: Option<u32>,
    addr_width: Option<u32>,
    data_width: Option<u32>,
    #[serde(default)]
    include_dre: bool,
    #[serde(default = "yes")]
    frame_counter: bool,
    #[serde(default)]
    enable_vert_flip: bool,
    camera_bytes: Option<u32>,
    camera_lines: Option<u32>,
    camera_pixel: Option<u32>,
    rate: Option<u64>,
    mm2s_introut: Option<Wiring>,
    s2mm_introut: Option<Wiring>,
}

pub fn spec(name: &str, cell: VdmaCell) -> Result<Spec, String> {
    let default = Params::default();
    let camera = default.camera;
    let addr_width = within(
        "addr-width",
        cell.addr_width.unwrap_or(default.addr_width),
        32..=64,
    )?;
    let rate = cell.rate.unwrap_or(default.rate);
    if rate > FASTEST {
        return Err(format!(
            "`rate` is {rate}; {FASTEST} frames a second are the most"
        ));
    }
    // The window has 16 words of start addresses, and a second bank of them only for 32-bit ones.
    let most = if addr_width > 32 { 8 } else { 32 };
    let params = Params {
        mm2s: cell.include_mm2s,
        s2mm: cell.include_s2mm,
        stores: within(
            "num-fstores",
            cell.num_fstores.unwrap_or(default.stores),
            1..=most,
        )?,
        addr_width,
        data_width: data_width(cell.data_width.unwrap_or(default.data_width))?,
        dre: cell.include_dre,
        frame_counter: cell.frame_counter,
        flip: cell.enable_vert_flip,
        camera: Camera {
            bytes: within(
                "camera-bytes",
                cell.camera_bytes.unwrap_or(camera.bytes),
                1..=0xffff,
            )?,
            lines: within(
                "camera-lines",
                cell.camera_lines.unwrap_or(camera.lines),
                1..=0xffff,
            )?,
            pixel: within(
                "camera-pixel",
                cell.camera_pixel.unwrap_or(camera.pixel),
                1..=16,
            )?,
        },
        rate,
    };
    Ok(Spec {
        name: name.to_owned(),
        offset: cell.offset,
        size: cell.size,
        core: Core::Vdma(Box::new(Vdma::new(params))),
        outputs: wires([cell.mm2s_introut, cell.s2mm_introut]),
    })
}
