// SPDX-License-Identifier: MIT OR Apache-2.0
//! A flattened device tree (`.dtb`, `.dtbo`), read whole and without trust: every offset is checked.

/// What every one starts with.
const MAGIC: u32 = 0xd00d_feed;
/// The header, as of version 17, in bytes.
const HEADER: usize = 40;
/// The versions that are laid out as this reader expects.
const VERSION: u32 = 17;
const LAST_COMPATIBLE: u32 = 16;
/// Deeper than any tree is; the kernel's own limit is 64.
const MAX_DEPTH: usize = 64;

const BEGIN_NODE: u32 = 1;
const END_NODE: u32 = 2;
const PROPERTY: u32 = 3;
const NOP: u32 = 4;
const END: u32 = 9;

/// A node with everything below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) properties: Vec<(String, Vec<u8>)>,
    pub(super) children: Vec<Node>,
}

impl Node {
    pub(super) fn property(&self, name: &str) -> Option<&[u8]> {
        self.properties
            .iter()
            .find_map(|(property, value)| (property == name).then_some(value.as_slice()))
    }

    pub(super) fn child(&self, name: &str) -> Option<&Node> {
        self.children.iter().find(|child| child.name == name)
    }

    /// A property that is a list of strings.
    pub(super) fn strings(&self, name: &str) -> Vec<String> {
        self.property(name).map(strings).unwrap_or_default()
    }
}

/// The strings of a property's value, each with its terminator.
pub(crate) fn strings(value: &[u8]) -> Vec<String> {
    let text = value.strip_suffix(&[0]).unwrap_or(value);
    if text.is_empty() {
        return Vec::new();
    }
    text.split(|&byte| byte == 0)
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .collect()
}

/// Reads a tree; the error says what is wrong with it. Also gives the tree's size, which what follows it is not part of.
pub(super) fn parse(bytes: &[u8]) -> Result<(Node, usize), &'static str> {
    let header = |index: usize| word(bytes, index * 4).ok_or("it is shorter than a device tree's header");
    match header(0) {
        Ok(MAGIC) => {}
        _ if bytes.is_empty() => return Err("it is empty"),
        _ => return Err("it does not start as a device tree does"),
    }
    let field = |index| header(index).map(|value| value as usize);
    let (size, structure, strings) = (field(1)?, field(2)?, field(3)?);
    let (version, last_compatible) = (header(5)?, header(6)?);
    let (strings_size, structure_size) = (field(8)?, field(9)?);
    if version < VERSION || last_compatible > LAST_COMPATIBLE {
        return Err("its version is another than 17");
    }
    if size < HEADER {
        return Err("its header is damaged");
    }
    let bytes = bytes
        .get(..size)
        .ok_or("it is cut off: its header tells of more bytes")?;
    let part = |offset: usize, size: usize| {
        let end = offset.checked_add(size).ok_or("its header is damaged")?;
        bytes.get(offset..end).ok_or("its header is damaged")
    };
    let root = Reader {
        structure: part(structure, structure_size)?,
        strings: part(strings, strings_size)?,
        at: 0,
    }
    .tree()?;
    Ok((root, size))
}

fn word(bytes: &[u8], offset: usize) -> Option<u32> {
    let word = bytes.get(offset..offset.checked_add(4)?)?;
    Some(u32::from_be_bytes(word.try_into().ok()?))
}

const CUT: &str = "its nodes are cut off or damaged";

struct Reader<'a> {
    structure: &'a [u8],
    strings: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn tree(mut self) -> Result<Node, &'static str> {
        // The nodes that are open, the root first.
        let mut open = Vec::<Node>::new();
        loop {
            match self.word()? {
                BEGIN_NODE if open.len() < MAX_DEPTH => {
                    let name = self.name()?;
                    open.push(Node {
                        name,
                        ..Node::default()
                    });
                }
                END_NODE => {
                    let node = open.pop().ok_or(CUT)?;
                    match open.last_mut() {
                        Some(parent) => parent.children.push(node),
                        None => return self.end(node),
                    }
                }
                PROPERTY => {
                    let (size, name) = (self.word()? as usize, self.word()? as usize);
                    let name = text(self.strings.get(name..).ok_or(CUT)?)?;
                    let value = self.bytes(size)?.to_vec();
                    open.last_mut().ok_or(CUT)?.properties.push((name, value));
                }
                NOP => {}
                _ => return Err(CUT),
            }
        }
    }

    /// Nothing but the end follows the root.
    fn end(mut self, root: Node) -> Result<Node, &'static str> {
        loop {
            match self.word()? {
                NOP => {}
                END => return Ok(root),
                _ => return Err(CUT),
            }
        }
    }

    fn word(&mut self) -> Result<u32, &'static str> {
        let word = word(self.structure, self.at).ok_or(CUT)?;
        self.at += 4;
        Ok(word)
    }

    /// As many bytes, and those up to the next word.
    fn bytes(&mut self, size: usize) -> Result<&[u8], &'static str> {
        let end = self.at.checked_add(size).ok_or(CUT)?;
        let bytes = self.structure.get(self.at..end).ok_or(CUT)?;
        self.at = end.next_multiple_of(4);
        Ok(bytes)
    }

    fn name(&mut self) -> Result<String, &'static str> {
        let name = text(self.structure.get(self.at..).ok_or(CUT)?)?;
        self.bytes(name.len() + 1)?;
        Ok(name)
    }
}

/// A terminated string. Names are ASCII.
fn text(bytes: &[u8]) -> Result<String, &'static str> {
    let length = bytes.iter().position(|&byte| byte == 0).ok_or(CUT)?;
    let text = std::str::from_utf8(&bytes[..length]).map_err(|_| CUT)?;
    Ok(text.to_owned())
}

#[cfg(test)]
pub(super) mod build {
    //! The other way round.

    use super::*;

    /// A node of nothing but children.
    pub fn node(name: &str, properties: &[(&str, &[u8])], children: Vec<Node>) -> Node {
        Node {
            name: name.to_owned(),
            properties: properties
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.to_vec()))
                .collect(),
            children,
        }
    }

    pub fn blob(root: &Node) -> Vec<u8> {
        let (mut structure, mut strings) = (Vec::new(), Vec::new());
        write(root, &mut structure, &mut strings);
        structure.extend(END.to_be_bytes());
        // An empty memory reservation map stands between header and nodes.
        let (start, size) = (HEADER + 16, structure.len() + strings.len());
        let words = [
            MAGIC as usize,
            start + size,
            start,
            start + structure.len(),
            HEADER,
            VERSION as usize,
            LAST_COMPATIBLE as usize,
            0,
            strings.len(),
            structure.len(),
        ];
        let mut blob: Vec<u8> = words.iter().flat_map(|&word| (word as u32).to_be_bytes()).collect();
        blob.extend([0; 16]);
        blob.extend(structure);
        blob.extend(strings);
        blob
    }

    fn write(node: &Node, structure: &mut Vec<u8>, strings: &mut Vec<u8>) {
        let pad = |structure: &mut Vec<u8>| structure.resize(structure.len().next_multiple_of(4), 0);
        structure.extend(BEGIN_NODE.to_be_bytes());
        structure.extend(node.name.as_bytes());
        structure.push(0);
        pad(structure);
        for (name, value) in &node.properties {
            for word in [PROPERTY, value.len() as u32, strings.len() as u32] {
                structure.extend(word.to_be_bytes());
            }
            structure.extend(value);
            pad(structure);
            strings.extend(name.as_bytes());
            strings.push(0);
        }
        for child in &node.children {
            write(child, structure, strings);
        }
        structure.extend(END_NODE.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::build::*;
    use super::*;

    fn example() -> Node {
        let gpio = node("gpio@a0010000", &[("compatible", b"a\0b\0"), ("empty", b"")], vec![]);
        node("", &[("x", b"12345")], vec![gpio, node("other", &[], vec![])])
    }

    #[test]
    fn what_was_written_is_read() {
        let blob = blob(&example());
        let (root, size) = parse(&blob).unwrap();
        assert_eq!((&root, size), (&example(), blob.len()));
        assert_eq!(root.child("gpio@a0010000").unwrap().strings("compatible"), ["a", "b"]);
        assert!(root.children[0].strings("empty").is_empty());
        // What follows it is no part of it.
        let longer = [&blob[..], b"more"].concat();
        assert_eq!(parse(&longer).unwrap(), (root, size));
    }

    #[test]
    fn every_cut_is_noticed() {
        let blob = blob(&example());
        for length in 0..blob.len() {
            assert!(parse(&blob[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = (0..100).fold(node("x", &[], vec![]), |inner, _| node("x", &[], vec![inner]));
        assert_eq!(parse(&blob(&deep)), Err(CUT));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_damage_panics(damage in proptest::collection::vec((0_usize..300, any::<u8>()), 1..6)) {
            let mut blob = blob(&example());
            for (at, value) in damage {
                let at = at % blob.len();
                blob[at] = value;
            }
            let _ = parse(&blob);
        }
    }
}
