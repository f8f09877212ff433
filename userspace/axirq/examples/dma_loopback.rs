// SPDX-License-Identifier: MIT OR Apache-2.0
//! Sends packets through an AXI DMA whose stream comes back to it, and compares.
//!
//! `dma_loopback CELL COUNT` sends COUNT packets, each as long as the core can move at once or 64 KiB, whichever is less,
//! with both channels at work at the same time, and says how many bytes came back as they went.

use std::error::Error;

use axirq::dma::AxiDma;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [cell, count] = &arguments[..] else {
        return Err("usage: dma_loopback CELL COUNT".into());
    };

    let dma = AxiDma::open(cell)?;
    let (mut send, mut receive) = (dma.send_channel()?, dma.receive_channel()?);
    let size = dma.longest().min(0x1_0000);
    let (mut out, mut back) = (dma.allocate(size)?, dma.allocate(size)?);
    let mut bytes = 0;
    for number in 0..count.parse()? {
        for (index, byte) in out.iter_mut().enumerate() {
            *byte = (index as u8).wrapping_add(number);
        }
        // Both go on at once, and the buffers come back when they have done.
        let (sent, received) = tokio::try_join!(send.transfer(out, ..), receive.transfer(back, ..))?;
        if received.data() != sent.data() {
            return Err(format!("packet {number} came back changed").into());
        }
        bytes += received.data().len();
        (out, back) = (sent.buffer, received.buffer);
    }
    println!("{bytes} bytes came back as they went");
    Ok(())
}
