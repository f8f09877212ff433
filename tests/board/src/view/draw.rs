// SPDX-License-Identifier: MIT OR Apache-2.0
//! The picture on a screen: pins, interrupts, what the CPU does, and the keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Paragraph};

use super::Host;
use super::keys;
use super::picture::{Channel, Picture, bit};
use super::rate::Counter;

/// Bits of a channel in one row.
const ROW: u32 = 8;
/// Columns that a name may take.
const LONGEST_NAME: usize = 16;
/// A section's borders and one row of it.
const LOWEST: u16 = 3;

const PLAIN: Style = Style::new();
const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const DIM: Style = Style::new().fg(Color::DarkGray);
const KEY: Style = Style::new().fg(Color::Cyan);
const LIT: Style = Style::new().fg(Color::Green).add_modifier(Modifier::BOLD);
const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);

pub fn draw(frame: &mut Frame, picture: &Picture, host: Host) {
    let area = frame.area();
    let name = name_width(picture);
    let help = help(picture, host);
    let help_height = (help.len() as u16).min(area.height);
    let [top, bottom] = [area.y + 1.min(area.height), area.bottom() - help_height];
    let row = |y, height| Rect { y, height, ..area }.intersection(area);
    // What can be pressed comes first: it stays when the window is too low for the rest.
    let mut y = top;
    for (title, rows) in [
        ("pins", pins(picture, name)),
        ("interrupts", lines(picture, name)),
        ("the CPU's register accesses", cells(picture, name)),
    ] {
        let height = (rows.len() as u16 + 2).min(bottom.saturating_sub(y));
        if height >= LOWEST {
            section(frame, row(y, height), title, rows);
            y += height;
        }
    }
    frame.render_widget(Paragraph::new(help), row(bottom, help_height));
    frame.render_widget(title(picture), row(area.y, 1));
}

/// A frame with rows of text; says so if it does not hold them all.
fn section(frame: &mut Frame, area: Rect, title: &str, mut rows: Vec<Line>) {
    let mut block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(DIM)
        .title(Span::styled(format!(" {title} "), BOLD));
    let room = block.inner(area).height as usize;
    if rows.len() > room {
        let more = format!(" {} more: make the window higher ", rows.len() - room);
        block = block.title_bottom(Line::from(more).right_aligned());
        rows.truncate(room);
    }
    frame.render_widget(Paragraph::new(rows).block(block), area);
}

fn title(picture: &Picture) -> Line<'static> {
    let level = if picture.wire.level {
        Span::styled("▔▔ high", LIT)
    } else {
        Span::styled("▁▁ low ", PLAIN)
    };
    Line::from(vec![
        Span::styled(" The simulated board", BOLD),
        Span::raw("   interrupt wire to the processor "),
        level,
        Span::raw(format!(" {}", growth(&picture.wire.raised))),
    ])
}

fn pins(picture: &Picture, name: usize) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    for (index, channel) in picture.channels.iter().enumerate() {
        for first in (0..channel.shape.width.max(1)).step_by(ROW as usize) {
            let label = if first == 0 {
                cut(&channel.label(), name)
            } else {
                String::new()
            };
            // Where one row is not enough, each says with which bit it begins.
            let number = if channel.shape.width > ROW {
                format!("{first:>3}")
            } else {
                String::new()
            };
            let mut row = vec![
                Span::raw(format!(" {label:name$} ")),
                Span::styled(number, DIM),
            ];
            for bit in first..channel.shape.width.min(first + ROW) {
                row.extend(part(picture, index, channel, bit));
            }
            rows.push(Line::from(row));
        }
    }
    if rows.is_empty() {
        rows.push(Line::styled(" The design has no GPIO.", DIM));
    }
    rows
}

/// What is at one bit's pin: a button with its key, or an LED.
fn part(picture: &Picture, index: usize, channel: &Channel, at: u32) -> [Span<'static>; 3] {
    let high = bit(channel.pins, at);
    if !bit(channel.inward, at) {
        let (lamp, style) = if high { ("●", LIT) } else { ("○", DIM) };
        return [Span::raw("  "), Span::styled(lamp, style), Span::raw("   ")];
    }
    let same = |button: &super::picture::Button| (button.channel, button.bit) == (index, at);
    let button = picture.buttons.iter().position(same);
    let key = button.and_then(keys::of).unwrap_or(' ');
    let chosen = button == Some(picture.chosen);
    let (face, style) = if high { ("[#]", LIT) } else { ("[ ]", PLAIN) };
    [
        Span::styled(key.to_string(), KEY),
        Span::styled(face, if chosen { style.patch(CHOSEN) } else { style }),
        Span::raw("  "),
    ]
}

fn lines(picture: &Picture, name: usize) -> Vec<Line<'static>> {
    if picture.lines.is_empty() {
        let text = " The design has no interrupt controller.";
        return vec![Line::styled(text, DIM)];
    }
    // As its node is called: the controller's name, a slash and a number.
    let input = name + 3;
    let head = format!(
        " {:input$} {:name$} {:5} {:4} {:7} {:>7} {:>9}",
        "input", "from", "kind", "now", "enabled", "raised", "rate"
    );
    let mut rows = vec![Line::styled(head, DIM)];
    let mut shown = 0;
    for line in picture.lines_in_use() {
        shown += 1;
        let enabled = match (line.enabled, line.pending) {
            (true, _) => Span::styled(format!("{:7} ", "yes"), LIT),
            (false, true) => Span::raw(format!("{:7} ", "latched")),
            (false, false) => Span::styled(format!("{:7} ", "no"), DIM),
        };
        rows.push(Line::from(vec![
            Span::raw(format!(
                " {:input$} {:name$} {:5} {:4} ",
                format!("{}/{}", cut(&line.controller, name), line.input),
                cut(line.source.as_deref().unwrap_or("-"), name),
                if line.edge { "edge" } else { "level" },
                if line.level { "high" } else { "low" },
            )),
            enabled,
            Span::raw(growth(&line.raised)),
        ]));
    }
    let others = picture.lines.len() - shown;
    if others > 0 {
        let text = format!(" {others} more, to which nothing leads");
        rows.push(Line::styled(text, DIM));
    }
    rows
}

fn cells(picture: &Picture, name: usize) -> Vec<Line<'static>> {
    let head = format!(
        " {:name$} {:12} {:>9} {:>9} {:>11}",
        "cell", "type", "reads", "writes", "both"
    );
    let mut rows = vec![Line::styled(head, DIM)];
    let mut shown = 0;
    for cell in picture.cells_in_use() {
        shown += 1;
        rows.push(Line::from(format!(
            " {:name$} {:12} {:>9} {:>9} {:>9.1}/s",
            cut(&cell.name, name),
            cut(&cell.kind, 12),
            cell.reads,
            cell.writes,
            cell.accesses.rate()
        )));
    }
    let others = picture.cells.len() - shown;
    if shown == 0 {
        rows = vec![Line::styled(" It has touched no register yet.", DIM)];
    } else if others > 0 {
        let text = format!(" {others} more, which it has not touched");
        rows.push(Line::styled(text, DIM));
    }
    rows
}

fn help(picture: &Picture, host: Host) -> Vec<Line<'static>> {
    let first = match &picture.notice {
        Some(notice) => Line::from(format!(" {notice}")),
        None => press_help(picture.buttons.len()),
    };
    let mut second = vec![Span::styled(" Esc", KEY)];
    match host {
        Host::Shell => {
            second.push(Span::raw(" back to the shell   "));
            second.push(Span::styled("x", KEY));
            second.push(Span::raw(" switches the board off"));
        }
        Host::Terminal => second.push(Span::raw(" leaves")),
    }
    vec![first, Line::from(second)]
}

fn press_help(buttons: usize) -> Line<'static> {
    let Some(last) = buttons.checked_sub(1) else {
        return Line::styled(" nothing to press", DIM);
    };
    let (first, last) = (keys::of(0), keys::of(last.min(keys::KEYS.len() - 1)));
    let (Some(first), Some(last)) = (first, last) else {
        return Line::default();
    };
    let keys = if first == last {
        format!(" {first}")
    } else {
        format!(" {first}…{last}")
    };
    Line::from(vec![
        Span::styled(keys, KEY),
        Span::raw(" push   with "),
        Span::styled("Shift", KEY),
        Span::raw(" hold, let go   "),
        Span::styled("← →", KEY),
        Span::raw(" choose, then "),
        Span::styled("Space", KEY),
        Span::raw(" push, "),
        Span::styled("Enter", KEY),
        Span::raw(" hold"),
    ])
}

fn growth(counter: &Counter) -> String {
    format!("{:>7} {:>7.1}/s", counter.value(), counter.rate())
}

/// Columns for names, so that all sections have theirs below each other.
fn name_width(picture: &Picture) -> usize {
    let channels = picture.channels.iter().map(|channel| channel.label());
    let cells = picture.cells.iter().map(|cell| cell.name.clone());
    let longest = channels.chain(cells).map(|name| name.chars().count()).max();
    longest.unwrap_or(0).clamp("input".len(), LONGEST_NAME)
}

/// A text that has only so many columns.
fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(columns.saturating_sub(1)).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer::Buffer;

    use super::super::picture::tests::{design, pins};
    use super::*;
    use plsim::protocol::{Count, Counts, Irq, Registers};

    fn drawn(picture: &Picture, columns: u16, rows: u16) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal
            .draw(|frame| draw(frame, picture, Host::Shell))
            .unwrap();
        terminal.backend().buffer().clone()
    }

    fn text(buffer: &Buffer) -> Vec<String> {
        let rows = buffer.content().chunks(buffer.area.width.max(1) as usize);
        rows.map(|row| {
            let row: String = row.iter().map(|cell| cell.symbol()).collect();
            row.trim_end().to_owned()
        })
        .collect()
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// The design with something going on.
    fn busy() -> Picture {
        let mut picture = Picture::new(&design());
        picture.happen(pins("btns", 1, 0b10));
        picture.happen(pins("leds", 1, 0b0101));
        for (second, raised) in [(0, 10), (1, 13)] {
            let (level, fired) = (1, 0);
            picture.set_wire(
                at(second),
                Irq {
                    level,
                    raised,
                    fired,
                },
            );
            picture.set_line(0, at(second), true, raised);
            let counts = Counts::from([("ISR".into(), Count { r: raised, w: 2 })]);
            picture.set_cell(0, at(second), &counts);
        }
        let registers = Registers::from([("IER".into(), 1), ("MER".into(), 3), ("ISR".into(), 4)]);
        picture.set_controller("intc", &registers);
        picture
    }

    #[test]
    fn whole_picture() {
        let expected = "
 The simulated board   interrupt wire to the processor ▔▔ high      13     3.0/s
╭ pins ────────────────────────────────────────────────────────────────────────╮
│ btns    a[ ]  s[#]                                                           │
│ leds      ●     ○     ●     ○                                                │
│ mixed/1   ○                                                                  │
│ mixed/2 d[ ]  f[ ]                                                           │
╰──────────────────────────────────────────────────────────────────────────────╯
╭ interrupts ──────────────────────────────────────────────────────────────────╮
│ input      from    kind  now  enabled  raised      rate                      │
│ intc/0     btns    level high yes          13     3.0/s                      │
│ intc/2     timer   edge  low  latched       0     0.0/s                      │
│ 2 more, to which nothing leads                                               │
╰──────────────────────────────────────────────────────────────────────────────╯
╭ the CPU's register accesses ─────────────────────────────────────────────────╮
│ cell    type             reads    writes        both                         │
│ intc    axi_intc            13         2       3.0/s                         │
│ 4 more, which it has not touched                                             │
╰──────────────────────────────────────────────────────────────────────────────╯

 a…f push   with Shift hold, let go   ← → choose, then Space push, Enter hold
 Esc back to the shell   x switches the board off";
        let drawn = text(&drawn(&busy(), 80, 21)).join("\n");
        assert_eq!(format!("\n{drawn}"), expected);
    }

    #[test]
    fn lit_led_and_chosen_button_stand_out() {
        let mut picture = busy();
        picture.choose(1);
        let buffer = drawn(&picture, 80, 24);
        let style = |x, y| buffer.cell((x, y)).unwrap().style();
        let symbol = |x, y| buffer.cell((x, y)).unwrap().symbol();
        assert_eq!((symbol(12, 3), symbol(18, 3)), ("●", "○"));
        assert_eq!(style(12, 3).fg, Some(Color::Green));
        assert_ne!(style(18, 3).fg, Some(Color::Green));
        assert_eq!((symbol(12, 2), symbol(18, 2)), (" ", "#"));
        assert!(style(18, 2).add_modifier.contains(Modifier::REVERSED));
        assert!(!style(12, 2).add_modifier.contains(Modifier::REVERSED));
    }

    #[test]
    fn low_window_keeps_pins_and_keys_and_says_what_it_lacks() {
        let low = text(&drawn(&busy(), 88, 12));
        assert!(
            low[2].contains("btns") && low[6].starts_with('╰'),
            "{low:#?}"
        );
        assert!(
            low[9].contains("3 more: make the window higher"),
            "{low:#?}"
        );
        assert!(low[11].contains("Esc"), "{low:#?}");
    }

    #[test]
    fn no_window_is_too_small_to_draw_in() {
        for columns in [0, 1, 2, 5, 13, 40, 300] {
            for rows in [0, 1, 2, 3, 4, 7, 100] {
                drawn(&busy(), columns, rows);
                drawn(&Picture::default(), columns, rows);
            }
        }
    }

    #[test]
    fn notice_takes_the_place_of_the_help() {
        let mut picture = busy();
        picture.notice = Some("refused".into());
        let rows = text(&drawn(&picture, 80, 24));
        assert_eq!(rows[22], " refused");
        assert!(rows[23].contains("Esc"));
    }

    #[test]
    fn wide_channel_takes_several_rows() {
        use plsim::protocol::{Described, Direction, Shape};
        let shape = Shape {
            width: 32,
            direction: Direction::In,
        };
        let wide = Described {
            cell: "a_gpio_with_quite_a_long_name".into(),
            kind: "axi_gpio".into(),
            inputs: 0,
            edge: 0,
            channels: vec![shape],
            outputs: Vec::new(),
        };
        let rows = text(&drawn(&Picture::new(&[wide]), 80, 24));
        assert!(rows[2].contains("a_gpio_with_qui…   0a[ ]"), "{rows:#?}");
        // More bits than there are keys: these can be chosen.
        assert!(rows[5].contains(" 24 [ ]   [ ]"), "{rows:#?}");
        assert!(rows[6].starts_with('╰'));
    }
}
