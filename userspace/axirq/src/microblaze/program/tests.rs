// SPDX-License-Identifier: MIT OR Apache-2.0
//! ELFs as linkers write them, and as nobody should.

use proptest::prelude::*;

use super::*;

const ROOM: usize = 0x1_0000;

/// Physical address, bytes, size in memory.
type Load<'a> = (u32, &'a [u8], u32);

/// An ELF of 32 bits: header, program headers, bytes.
fn elf_for(machine: u16, big: bool, loads: &[Load<'_>]) -> Vec<u8> {
    let half = |value: u16| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let word = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut file = vec![0x7f, b'E', b'L', b'F', 1, if big { 2 } else { 1 }, 1, 0];
    file.resize(16, 0);
    file.extend([half(2), half(machine)].concat());
    file.extend([word(1), word(0), word(52), word(0), word(0)].concat());
    let count = u16::try_from(loads.len()).unwrap();
    file.extend([half(52), half(32), half(count), half(0), half(0), half(0)].concat());
    let mut at = 52 + 32 * u32::from(count);
    for (address, bytes, size) in loads {
        let length = u32::try_from(bytes.len()).unwrap();
        // The virtual address is another: the physical one counts.
        let fields = [1, at, 0x8000_0000, *address, length, *size, 7, 4];
        file.extend(fields.map(word).concat());
        at += length;
    }
    for (_, bytes, _) in loads {
        file.extend(*bytes);
    }
    file
}

fn elf(loads: &[Load<'_>]) -> Vec<u8> {
    elf_for(EM_MICROBLAZE, false, loads)
}

fn parse(bytes: &[u8]) -> Result<Program> {
    Program::from_bytes("test", bytes)
}

#[test]
fn elf_is_laid_out_by_its_physical_addresses() {
    let file = elf(&[(0x50, &[1, 2, 3, 4, 5], 12), (0, &[9, 8, 7, 6], 4)]);
    let words = parse(&file).unwrap().words(ROOM).unwrap();
    assert_eq!(words.len(), 0x5c / 4);
    assert_eq!(words[0], 0x0607_0809);
    assert_eq!(words[0x14..], [0x0403_0201, 5, 0]);
    assert!(words[1..0x14].iter().all(|word| *word == 0));
}

#[test]
fn what_is_no_elf_is_a_flat_binary() {
    let program = parse(&[1, 2, 3, 4, 5]).unwrap();
    assert_eq!(program.words(ROOM).unwrap(), [0x0403_0201, 5]);
    assert_eq!(program.words(8).unwrap().len(), 2);
    assert!(matches!(
        program.words(4),
        Err(Error::ProgramTooLarge { size: 5, room: 4, .. })
    ));
    assert!(matches!(parse(&[]), Err(Error::BadProgram { .. })));
}

#[test]
fn foreign_programs_are_named() {
    let load: [Load<'_>; 1] = [(0, &[0; 4], 4)];
    for (machine, big, named) in [
        (183, false, "ELF machine 183"),
        (40, false, "ELF machine 40"),
        (EM_MICROBLAZE, true, "big-endian MicroBlaze"),
    ] {
        let error = parse(&elf_for(machine, big, &load)).unwrap_err();
        assert!(matches!(error, Error::ForeignProgram { .. }), "{error:?}");
        assert!(error.to_string().contains(named), "{error}");
    }
    // Of 64 bits, as the test itself is.
    let mut wide = elf(&load);
    wide[4] = 2;
    assert!(matches!(parse(&wide), Err(Error::ForeignProgram { .. })));
    wide[4] = 3;
    assert!(matches!(parse(&wide), Err(Error::BadProgram { .. })));
    wide[4] = 1;
    wide[5] = 9;
    assert!(matches!(parse(&wide), Err(Error::BadProgram { .. })));
}

#[test]
fn an_elf_that_ends_anywhere_is_refused() {
    let whole = elf(&[(0, &[1; 40], 40), (0x100, &[2; 8], 64)]);
    parse(&whole).unwrap();
    for length in 4..whole.len() {
        let error = parse(&whole[..length]).unwrap_err();
        assert!(matches!(error, Error::TruncatedProgram { .. }), "{length}: {error:?}");
    }
}

#[test]
fn segments_belong_into_the_memory_and_apart() {
    let outside = parse(&elf(&[(0, &[1; 4], 4), (0xfffc, &[1; 4], 5)])).unwrap();
    assert!(matches!(
        outside.words(ROOM),
        Err(Error::SegmentOutside {
            address: 0xfffc,
            size: 5,
            ..
        })
    ));
    let wraps = parse(&elf(&[(0xffff_fffc, &[1; 4], 0x100)])).unwrap();
    assert!(matches!(wraps.words(ROOM), Err(Error::SegmentOutside { .. })));
    let large = parse(&elf(&[(0, &[1; 4], 0x1_0001)])).unwrap();
    assert!(matches!(large.words(ROOM), Err(Error::ProgramTooLarge { .. })));
    let fits = parse(&elf(&[(0, &[1; 4], 0x1_0000)])).unwrap();
    assert_eq!(fits.words(ROOM).unwrap().len(), 0x4000);
    for (first, second) in [(0, 4), (0x10, 0x10), (0x10, 0x13)] {
        let overlap = parse(&elf(&[(second, &[1; 4], 8), (first, &[1; 4], 8)]));
        assert!(matches!(overlap, Err(Error::SegmentsOverlap { .. })), "{overlap:?}");
    }
}

/// A small file that speaks of much: each of its headers of all its bytes, at another place.
#[test]
fn bytes_that_many_segments_share_are_there_once() {
    let bytes = vec![7; 0x1_0000];
    let mut loads: Vec<Load<'_>> = (0..1000).map(|n| (n * 0x1_0000, &[][..], 0x1_0000)).collect();
    loads.push((1000 * 0x1_0000, &bytes, 0x1_0000));
    let mut file = elf(&loads);
    let at = file.len() - bytes.len();
    for header in file[52..at].chunks_exact_mut(32) {
        header[4..8].copy_from_slice(&u32::try_from(at).unwrap().to_le_bytes());
        header[16..20].copy_from_slice(&0x1_0000_u32.to_le_bytes());
    }
    let program = parse(&file).unwrap();
    assert_eq!((program.segments.len(), program.file.len()), (1001, file.len()));
    assert!(matches!(program.words(ROOM), Err(Error::SegmentOutside { .. })));
}

#[test]
fn elf_with_nothing_to_load_is_no_program() {
    for loads in [&[][..], &[(0, &[][..], 0)]] {
        assert!(matches!(parse(&elf(loads)), Err(Error::BadProgram { .. })));
    }
    // More bytes than memory for them.
    assert!(matches!(parse(&elf(&[(0, &[1; 8], 4)])), Err(Error::BadProgram { .. })));
}

#[test]
fn files_that_are_not_there_say_so() {
    let error = Program::read("/nowhere/program.elf").unwrap_err();
    assert!(matches!(error, Error::System { call: "read", .. }), "{error:?}");
}

proptest! {
    /// Whatever the bytes are, there is an answer, and what is loaded is within the memory.
    #[test]
    fn no_bytes_break_the_parser(
        mut bytes in prop::collection::vec(any::<u8>(), 0..300),
        is_elf in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
    ) {
        if is_elf {
            bytes = elf(&[(0, &bytes, 0x200), (0x400, &[1, 2, 3], 3)]);
            for (index, value) in changes {
                let at = index.index(bytes.len());
                bytes[at] = value;
            }
        }
        if let Ok(words) = parse(&bytes).and_then(|program| program.words(ROOM)) {
            prop_assert!(words.len() * 4 <= ROOM);
        }
    }

    /// Reference: a plain copy of each segment to its place.
    #[test]
    fn segments_apart_are_all_there(
        gaps in prop::collection::vec((0u32..0x100, prop::collection::vec(any::<u8>(), 1..0x80), 0u32..0x80), 1..8),
    ) {
        let mut at = 0;
        let mut loads = Vec::new();
        let mut wanted = vec![0; ROOM];
        for (gap, bytes, zeros) in &gaps {
            at += gap;
            let size = u32::try_from(bytes.len()).unwrap() + zeros;
            loads.push((at, &bytes[..], size));
            wanted[at as usize..][..bytes.len()].copy_from_slice(bytes);
            at += size;
        }
        loads.reverse();
        let words = parse(&elf(&loads)).unwrap().words(ROOM).unwrap();
        let mut got: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
        got.resize(ROOM, 0);
        prop_assert_eq!(got, wanted);
    }
}
