// SPDX-License-Identifier: MIT OR Apache-2.0
//! Frames through a pipeline: from an AXI VDMA's input by way of a worker to its output, and none of them copied on the way.
//!
//! `video_pipeline CELL WIDTHxHEIGHT FRAMES PNG [MILLISECONDS]` reads so many frames, shows the negative of each that the
//! worker is in time for, writes the first of them to the file PNG, and says how many there were and where the others
//! went. With MILLISECONDS the worker takes that much longer for a frame.
//!
//! ```text
//! read_frame --try_send--> worker ----send----> write_frame
//!   a task     2 wait,     a thread   1 waits     a task
//!            else dropped
//! ```

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::thread;
use std::time::Duration;

use axirq::video::AxiVdma;
use axirq::video::Frame;
use axirq::video::Input;
use axirq::video::Mode;
use axirq::video::Output;
use axirq::video::PixelFormat;
use tokio::sync::mpsc;
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

/// How a PNG has its pixels. PYNQ's boards have them in the other order, `Bgr24`.
const FORMAT: PixelFormat = PixelFormat::Rgb24;

/// How many frames wait before the worker, and behind it.
const WAIT: [usize; 2] = [2, 1];
/// Those, one in the worker, one in the hands of the last task, two that the display has, and one to be read.
const HELD: usize = WAIT[0] + WAIT[1] + 1 + 1 + 2 + 1;

/// What the reader has seen.
#[derive(Default)]
struct Tally {
    /// Frames that came.
    came: u64,
    /// Those that were gone before this program asked for them.
    by_hardware: u64,
    /// Those that the worker was too slow for.
    by_pipeline: u64,
}

async fn read(mut camera: Input, count: u64, worker: Sender<Frame>) -> axirq::Result<Tally> {
    let mut tally = Tally::default();
    for _ in 0..count {
        let frame = camera.read_frame().await?;
        tally.came = frame.number() + 1;
        tally.by_hardware += frame.dropped();
        match worker.try_send(frame) {
            Ok(()) => {}
            // Better a gap than pictures that are late. The frame's memory goes back to the camera.
            Err(TrySendError::Full(_)) => tally.by_pipeline += 1,
            // An error ended the others, who tell of it.
            Err(TrySendError::Closed(_)) => break,
        }
    }
    Ok(tally)
}

/// The negatives, and the first of them as a PNG has it: one line after the other.
fn work(mut frames: Receiver<Frame>, display: Sender<Frame>, delay: Duration) -> Vec<u8> {
    let mut first = Vec::new();
    let mut line = Vec::new();
    while let Some(mut frame) = frames.blocking_recv() {
        let is_first = first.is_empty();
        for row in frame.rows_mut() {
            // A frame's memory is slow to read where the core is not coherent with the caches: once, and all of a line.
            line.clear();
            line.extend_from_slice(row);
            line.iter_mut().for_each(|byte| *byte = !*byte);
            row.copy_from_slice(&line);
            if is_first {
                first.extend_from_slice(&line);
            }
        }
        thread::sleep(delay);
        if display.blocking_send(frame).is_err() {
            break;
        }
    }
    first
}

async fn show(mut display: Output, mut frames: Receiver<Frame>) -> axirq::Result<u64> {
    while let Some(frame) = frames.recv().await {
        display.write_frame(frame).await?;
    }
    // The last one.
    display.shown().await?;
    Ok(display.frame_count())
}

fn write_png(path: &str, mode: Mode, pixels: &[u8]) -> Result<(), Box<dyn Error>> {
    let mut encoder = png::Encoder::new(BufWriter::new(File::create(path)?), mode.width(), mode.height());
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    Ok(writer.finish()?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    const USAGE: &str = "usage: video_pipeline CELL WIDTHxHEIGHT FRAMES PNG [MILLISECONDS]";

    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let (cell, size, count, path, delay) = match &arguments[..] {
        [cell, size, count, path] => (cell, size, count, path, 0),
        [cell, size, count, path, delay] => (cell, size, count, path, delay.parse()?),
        _ => return Err(USAGE.into()),
    };
    let (width, height) = size.split_once('x').ok_or(USAGE)?;
    let mode = Mode::new(width.parse()?, height.parse()?, FORMAT)?;
    let count = count.parse()?;

    let vdma = AxiVdma::open(cell)?;
    let (mut camera, mut display) = (vdma.input()?, vdma.output()?);
    camera.set_spares(HELD);
    display.start(mode)?;
    camera.start(mode)?;

    let (to_worker, from_camera) = mpsc::channel(WAIT[0]);
    let (to_display, from_worker) = mpsc::channel(WAIT[1]);
    let reader = tokio::spawn(read(camera, count, to_worker));
    let delay = Duration::from_millis(delay);
    // What computes has a thread of its own, so that the tasks are on time.
    let worker = tokio::task::spawn_blocking(move || work(from_camera, to_display, delay));
    let shown = tokio::spawn(show(display, from_worker)).await??;
    let (first, tally) = (worker.await?, reader.await??);

    if !first.is_empty() {
        write_png(path, mode, &first)?;
    }
    let Tally {
        came,
        by_hardware,
        by_pipeline,
    } = tally;
    println!("{came} frames came: {by_hardware} dropped by the hardware, {by_pipeline} by the pipeline, {shown} shown");
    Ok(())
}
