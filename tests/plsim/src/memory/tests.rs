// SPDX-License-Identifier: MIT OR Apache-2.0
//! Regions come, go and are accessed; a map of single bytes says what must come of it.

use proptest::prelude::*;

use super::*;

fn ram(size: u64) -> Region {
    Region {
        size,
        readable: true,
        writable: true,
        backing: Some(Box::new(vec![0u8; size as usize])),
    }
}

#[test]
fn access_may_span_regions_that_touch_and_no_gap() {
    let mut memory = Memory::default();
    memory.map(0x1000, ram(0x100)).unwrap();
    memory.map(0x1100, ram(0x100)).unwrap();
    memory.write(0x10fe, &[1, 2, 3, 4]).unwrap();
    let mut back = [0; 4];
    memory.read(0x10fe, &mut back).unwrap();
    assert_eq!(back, [1, 2, 3, 4]);
    assert_eq!(memory.write(0x11fe, &[9; 3]), Err(Fault::Decode));
    memory.read(0x11fe, &mut back[..2]).unwrap();
    assert_eq!(back[..2], [0, 0], "nothing of a failing write is done");
    assert_eq!(memory.read(0xfff, &mut back), Err(Fault::Decode));
    assert_eq!(memory.read(u64::MAX, &mut back), Err(Fault::Decode));
}

#[test]
fn memory_that_refuses_is_another_fault_than_no_memory() {
    let mut memory = Memory::default();
    let rom = Region {
        writable: false,
        ..ram(16)
    };
    let far = Region {
        backing: None,
        ..ram(16)
    };
    memory.map(0, rom).unwrap();
    memory.map(16, far).unwrap();
    assert_eq!(memory.write(0, &[1]), Err(Fault::Slave));
    assert_eq!(memory.read(0, &mut [0]), Ok(()));
    assert_eq!(memory.read(16, &mut [0]), Err(Fault::Slave));
    assert_eq!(memory.read(32, &mut [0]), Err(Fault::Decode));
    let reachable: Vec<bool> = memory.list().iter().map(|line| line.reachable).collect();
    assert_eq!(reachable, [true, false]);
}

#[test]
fn last_address_belongs_to_a_region_and_nothing_comes_after_it() {
    let mut memory = Memory::default();
    memory.map(u64::MAX - 0xf, ram(0x10)).unwrap();
    assert_eq!(memory.write(u64::MAX, &[1]), Ok(()));
    assert_eq!(memory.write(u64::MAX, &[1, 2]), Err(Fault::Decode));
    let beyond = memory.map(u64::MAX, ram(2));
    assert!(matches!(beyond, Err(MapError::Range { .. })));
    assert!(matches!(memory.map(0, ram(0)), Err(MapError::Range { .. })));
}

#[test]
fn unmap_takes_whole_regions_only() {
    let mut memory = Memory::default();
    for start in [0x1000, 0x2000, 0x4000] {
        memory.map(start, ram(0x1000)).unwrap();
    }
    let cut = memory.unmap(0x1800, 0x1000);
    assert!(matches!(cut, Err(MapError::Partial { other: 0x1000, .. })));
    let cut = memory.unmap(0x1000, 0x1800);
    assert!(matches!(cut, Err(MapError::Partial { other: 0x2000, .. })));
    assert_eq!(memory.list().len(), 3);
    memory.unmap(0, 0x3000).unwrap();
    assert_eq!(memory.list().len(), 1);
    let nothing = memory.unmap(0, 0x3000);
    assert!(matches!(nothing, Err(MapError::Nothing { .. })));
}

#[derive(Clone, Debug)]
enum Step {
    Map(u64, u64),
    Unmap(u64, u64),
    Write(u64, Vec<u8>),
    Read(u64, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let range = || (0u64..64, 0u64..24);
    let step = prop_oneof![
        range().prop_map(|(address, size)| Step::Map(address, size)),
        range().prop_map(|(address, size)| Step::Unmap(address, size)),
        (0u64..90, prop::collection::vec(any::<u8>(), 0..20)).prop_map(|(a, d)| Step::Write(a, d)),
        (0u64..90, 0usize..20).prop_map(|(address, size)| Step::Read(address, size)),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    /// The reference: for each address, the region it belongs to and its byte.
    #[test]
    fn map_behaves_like_single_bytes(steps in steps()) {
        let mut memory = Memory::default();
        let mut bytes: BTreeMap<u64, (u64, u8)> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Map(address, size) => {
                    let free = (address..address + size).all(|at| !bytes.contains_key(&at));
                    let expected = free && size > 0;
                    prop_assert_eq!(memory.map(address, ram(size)).is_ok(), expected);
                    if expected {
                        bytes.extend((address..address + size).map(|at| (at, (address, 0))));
                    }
                }
                Step::Unmap(address, size) => {
                    let inside = |at: &u64| (address..address + size).contains(at);
                    let hit: Vec<u64> = bytes
                        .iter()
                        .filter(|(at, _)| inside(at))
                        .map(|(_, (region, _))| *region)
                        .collect();
                    let whole = bytes
                        .iter()
                        .filter(|(_, (region, _))| hit.contains(region))
                        .all(|(at, _)| inside(at));
                    let expected = whole && !hit.is_empty();
                    prop_assert_eq!(memory.unmap(address, size).is_ok(), expected);
                    if expected {
                        bytes.retain(|at, _| !inside(at));
                    }
                }
                Step::Write(address, data) => {
                    let places = address..address + data.len() as u64;
                    let there = places.clone().all(|at| bytes.contains_key(&at));
                    prop_assert_eq!(memory.write(address, &data).is_ok(), there);
                    for (at, &byte) in places.zip(&data).filter(|_| there) {
                        bytes.entry(at).and_modify(|place| place.1 = byte);
                    }
                }
                Step::Read(address, size) => {
                    let mut data = vec![0; size];
                    let expected: Option<Vec<u8>> = (address..address + size as u64)
                        .map(|at| bytes.get(&at).map(|place| place.1))
                        .collect();
                    let read = memory.read(address, &mut data).is_ok();
                    prop_assert_eq!(read.then_some(data), expected);
                }
            }
        }
    }
}
