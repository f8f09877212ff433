// SPDX-License-Identifier: MIT OR Apache-2.0
//! Waits for an interrupt pin, over and over: `wait_pin axi_timer_0/interrupt`.

use axirq::Interrupt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let pin = std::env::args().nth(1).ok_or("usage: wait_pin CELL/PIN")?;
    let interrupt = Interrupt::open(&pin)?;
    loop {
        let event = interrupt.wait().await?;
        println!("{pin}: {} interrupt(s), the newest {:?} ago", event.count, event.age());
        // Here a driver clears the cause in the device.
    }
}
