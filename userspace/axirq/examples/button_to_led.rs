// SPDX-License-Identifier: MIT OR Apache-2.0
//! Each LED is lit while the button of the same number is pressed: four independent tasks on one thread, which sleeps
//! as long as nobody presses anything.
//!
//! `button_to_led [--seconds N]` runs for N seconds, else until SIGTERM or Ctrl-C, and then prints one line of JSON: how
//! often a task was resumed, how many interrupts there were, and the CPU time it all took.

use std::cell::Cell;
use std::error::Error;
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use axirq::Interrupt;
use axirq::gpio::AxiGpio;
use axirq::gpio::Button;
use axirq::gpio::Led;
use nix::sys::resource::UsageWho;
use nix::sys::resource::getrusage;
use nix::sys::time::TimeValLike;
use tokio::signal;
use tokio::signal::unix::SignalKind;
use tokio::task::JoinSet;
use tokio::task::LocalSet;
use tokio::time::sleep;

async fn button_to_led(button: Button, led: Led, wakeups: Rc<Cell<u64>>) -> axirq::Result<()> {
    loop {
        button.wait_for_level(1).await?;
        led.on()?;
        wakeups.set(wakeups.get() + 1);
        button.wait_for_level(0).await?;
        led.off()?;
        wakeups.set(wakeups.get() + 1);
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let limit = seconds_from_arguments()?;
    let buttons = AxiGpio::open("btns_gpio")?;
    let leds = AxiGpio::open("leds_gpio")?;
    // Only to count: who does not wait costs nothing.
    let counter = Interrupt::open("btns_gpio/ip2intc_irpt")?;
    let before = counter.sequence()?;
    let wakeups = Rc::new(Cell::new(0));

    let mut tasks = JoinSet::new();
    let local = LocalSet::new();
    for number in 0..4 {
        let (button, led) = (buttons.button(number)?, leds.led(number)?);
        tasks.spawn_local_on(button_to_led(button, led, Rc::clone(&wakeups)), &local);
    }
    let mut terminated = signal::unix::signal(SignalKind::terminate())?;
    local
        .run_until(async {
            tokio::select! {
                () = sleep_until_over(limit) => Ok(()),
                _ = terminated.recv() => Ok(()),
                result = signal::ctrl_c() => result.map_err(Box::<dyn Error>::from),
                // A task ends by an error alone.
                Some(ended) = tasks.join_next() => ended?.map_err(Box::<dyn Error>::from),
            }
        })
        .await?;

    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    println!(
        r#"{{"wakeups":{},"interrupts":{},"user_us":{},"system_us":{}}}"#,
        wakeups.get(),
        counter.sequence()? - before,
        usage.user_time().num_microseconds(),
        usage.system_time().num_microseconds(),
    );
    Ok(())
}

async fn sleep_until_over(limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep(limit).await,
        None => pending().await,
    }
}

fn seconds_from_arguments() -> Result<Option<Duration>, Box<dyn Error>> {
    const USAGE: &str = "usage: button_to_led [--seconds N]";
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Ok(None),
        ["--seconds", seconds] => Ok(Some(Duration::from_secs(seconds.parse().map_err(|_| USAGE)?))),
        _ => Err(USAGE.into()),
    }
}
