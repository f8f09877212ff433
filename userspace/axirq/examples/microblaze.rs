// SPDX-License-Identifier: MIT OR Apache-2.0
//! A program on a MicroBlaze, and a conversation with it.
//!
//! `microblaze MEMORY LINES PIN PROGRAM TEXT` runs a program of PYNQ's stream kind, tells it a text, and prints what it
//! answers until that is as long. MEMORY is the subsystem's memory (`iop_pmoda/mb_bram_ctrl`), LINES the AXI GPIO whose
//! wires 0 and 1 are its reset and acknowledge lines, PIN where its interrupt goes.

use std::error::Error;
use std::time::Duration;

use axirq::gpio::AxiGpio;
use axirq::microblaze::Answers;
use axirq::microblaze::Microblaze;
use axirq::microblaze::Program;
use axirq::microblaze::Wiring;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [memory, lines, pin, program, text] = &arguments[..] else {
        return Err("usage: microblaze MEMORY LINES PIN PROGRAM TEXT".into());
    };

    let lines = AxiGpio::open(lines)?.channel(1)?.output(..)?;
    let wiring = Wiring::new(lines.wire(0)?).ack(lines.wire(1)?).pin(pin);
    let mut iop = Microblaze::open(memory, wiring)?;
    iop.run(&Program::read(program)?)?;

    let mut streams = iop.streams(Answers::Interrupt)?;
    streams.set_timeout(Some(Duration::from_secs(10)));
    streams.stdin.write_all(text.as_bytes()).await?;
    let mut answer = vec![0; text.len()];
    streams.stdout.read_exact(&mut answer).await?;
    println!("{}", String::from_utf8_lossy(&answer));
    Ok(())
}
