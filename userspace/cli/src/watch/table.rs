// SPDX-License-Identifier: MIT OR Apache-2.0
//! The live table in a terminal, drawn over the one before. What the terminal has no room for is left out, and counted.

use std::cell::RefCell;
use std::io;
use std::io::Write;
use std::rc::Rc;
use std::time::Duration;

use terminal_size::Height;
use terminal_size::Width;
use terminal_size::terminal_size;

use super::Row;
use super::micros;
use crate::Failure;
use crate::list::trigger;

/// The table as it was last drawn.
#[derive(Default)]
pub struct Table {
    /// Lines above the cursor that are the table's.
    drawn: usize,
}

impl Table {
    /// Draws it anew.
    pub fn draw(&mut self, rows: &[Rc<RefCell<Row>>], elapsed: Duration) -> Result<(), Failure> {
        let (width, height) = terminal_size().map_or((usize::MAX, usize::MAX), |(Width(width), Height(height))| {
            (usize::from(width), usize::from(height))
        });
        let counts: Vec<_> = rows.iter().map(|row| row.borrow().count).collect();
        // The heading, and the line that the cursor is on.
        let shown = most_active(&counts, height.saturating_sub(2));
        let names = rows.iter().map(|row| row.borrow().pin.len()).max().unwrap_or(0);
        let mut lines = vec![heading(names)];
        for (row, shown) in rows.iter().zip(&shown) {
            // Asked of all, so that none shows the sum of several times later.
            let line = line(&mut row.borrow_mut(), elapsed, names);
            if *shown {
                lines.push(line);
            }
        }
        let left_out = shown.iter().filter(|shown| !**shown).count();
        if left_out > 0 {
            lines.push(format!("and {left_out} less active"));
        }
        let mut out = io::stdout().lock();
        if self.drawn > 0 {
            write!(out, "\x1b[{}A", self.drawn)?;
        }
        for line in &lines {
            // A longer line would take two. \x1b[K: clear what an earlier one left.
            let line: String = line.chars().take(width).collect();
            writeln!(out, "{line}\x1b[K")?;
        }
        // Below, where the terminal was higher before.
        write!(out, "\x1b[J")?;
        out.flush()?;
        self.drawn = lines.len();
        Ok(())
    }
}

/// Which rows are shown in so many lines: the most active ones, and a line for the others.
fn most_active(counts: &[u64], lines: usize) -> Vec<bool> {
    if counts.len() <= lines {
        return vec![true; counts.len()];
    }
    let mut order: Vec<_> = (0..counts.len()).collect();
    order.sort_by_key(|&row| std::cmp::Reverse(counts[row]));
    let mut shown = vec![false; counts.len()];
    for row in order.into_iter().take(lines.saturating_sub(1)) {
        shown[row] = true;
    }
    shown
}

fn heading(width: usize) -> String {
    format!(
        "{:width$}  {:7}  {:>10}  {:>9}  {:>8}  {:>8}",
        "PIN", "TRIGGER", "COUNT", "RATE/s", "LAST us", "MAX us"
    )
}

fn line(row: &mut Row, elapsed: Duration, width: usize) -> String {
    let rate = row.rate(elapsed);
    let (pin, count) = (&row.pin, row.count);
    let (last, max) = (micros(row.last), micros(row.max));
    let trigger = if row.gone { "gone" } else { trigger(row.trigger) };
    format!("{pin:width$}  {trigger:7}  {count:>10}  {rate:>9.1}  {last:>8.1}  {max:>8.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_active_rows_are_shown_in_their_order() {
        assert_eq!(most_active(&[1, 2, 3], 3), [true; 3]);
        // One line goes to those that are left out.
        assert_eq!(most_active(&[5, 0, 7, 0], 3), [true, false, true, false]);
        assert_eq!(most_active(&[0, 0, 0], 2), [true, false, false]);
        for lines in [0, 1] {
            assert_eq!(most_active(&[1, 2], lines), [false; 2]);
        }
        assert!(most_active(&[], 0).is_empty());
    }
}
