// SPDX-License-Identifier: MIT OR Apache-2.0
//! Compiled overlays, made by hand: what `dtc -@` makes of `&LABEL { NODES };`.

/// A node's name, its properties, and what is below it.
pub struct Node(pub &'static str, pub Vec<(&'static str, Vec<u8>)>, pub Vec<Node>);

/// A property's value that is a list of strings.
pub fn strings(list: &[&str]) -> Vec<u8> {
    list.iter().flat_map(|text| [text.as_bytes(), &[0]].concat()).collect()
}

/// An IP core of axirq's own compatible, with one interrupt.
pub fn core(name: &'static str) -> Node {
    let properties = vec![
        ("compatible", strings(&["axirq,ip-core"])),
        ("interrupts", vec![0; 8]),
        ("interrupt-names", strings(&["irq"])),
    ];
    Node(name, properties, vec![])
}

/// An overlay that puts these on the node with the label `amba_pl`.
pub fn overlay(properties: Vec<(&'static str, Vec<u8>)>, nodes: Vec<Node>) -> Vec<u8> {
    let content = Node("__overlay__", properties, nodes);
    let fragment = Node("fragment@0", vec![("target", vec![0xff; 4])], vec![content]);
    let fixups = Node(
        "__fixups__",
        vec![("amba_pl", strings(&["/fragment@0:target:0"]))],
        vec![],
    );
    compile(&Node("", vec![], vec![fragment, fixups]))
}

/// A device tree.
pub fn compile(root: &Node) -> Vec<u8> {
    let (mut nodes, mut names) = (Vec::new(), Vec::new());
    write(root, &mut nodes, &mut names);
    nodes.extend(9_u32.to_be_bytes());
    let sizes = [
        56 + nodes.len() + names.len(),
        56,
        56 + nodes.len(),
        40,
        17,
        16,
        0,
        names.len(),
        nodes.len(),
    ];
    let mut blob = 0xd00d_feed_u32.to_be_bytes().to_vec();
    blob.extend(
        sizes
            .iter()
            .flat_map(|&size| u32::try_from(size).unwrap().to_be_bytes()),
    );
    blob.extend([0; 16]);
    [blob, nodes, names].concat()
}

fn write(Node(name, properties, children): &Node, nodes: &mut Vec<u8>, names: &mut Vec<u8>) {
    let pad = |nodes: &mut Vec<u8>| nodes.resize(nodes.len().next_multiple_of(4), 0);
    nodes.extend(1_u32.to_be_bytes());
    nodes.extend(strings(&[name]));
    pad(nodes);
    for (property, value) in properties {
        for word in [3, value.len(), names.len()] {
            nodes.extend(u32::try_from(word).unwrap().to_be_bytes());
        }
        nodes.extend(value);
        pad(nodes);
        names.extend(strings(&[property]));
    }
    for child in children {
        write(child, nodes, names);
    }
    nodes.extend(2_u32.to_be_bytes());
}
