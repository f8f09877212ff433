#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Compares types of functions as kernels with kCFI do before each indirect call: callbacks.py CALLBACKS.o MODULE.ko…

CALLBACKS.o is built from callbacks.c, and has the types that C calls with. In the modules the type of a function
is the word before it. Every function that kmod/linux hands to C has to be there.
"""

import pathlib
import re
import struct
import sys


def symbols(path):
    """Name, value and content of its section, if it has one, of each symbol. ELF, 64 bits, little-endian."""
    image = pathlib.Path(path).read_bytes()
    start, count = struct.unpack_from("<Q", image, 0x28)[0], struct.unpack_from("<H", image, 0x3C)[0]
    # Each section: type, offset, size, link.
    sections = []
    for at in range(start, start + count * 64, 64):
        kind, offset, size, link = struct.unpack_from("<4x I 16x Q Q I", image, at)
        sections.append((kind, image[offset : offset + size], link))
    for kind, table, link in sections:
        if kind != 2:
            continue
        names = sections[link][1]
        for name, _, section, value in struct.iter_unpack("<I B x H Q 8x", table):
            content = sections[section][1] if 0 < section < count else b""
            yield names[name : names.index(b"\0", name)].decode(), value, content


callbacks, *modules = sys.argv[1:]
prefix = "__kcfi_typeid_"
wanted = {name.removeprefix(prefix): value for name, value, _ in symbols(callbacks) if name.startswith(prefix)}

rooms = pathlib.Path(__file__).parents[2] / "kmod/linux"
handed = set()
for room in rooms.glob("*.rs"):
    # Those with names of C's own are called directly.
    for function in re.findall(r'extern "C" fn (?!axirq_)(\w+)', room.read_text()):
        handed.add((room.stem, function))
faults = [f"callbacks.c does not say how {a}::{b} is called" for a, b in sorted(handed) if f"{a}_{b}" not in wanted]
faults += [f"kmod/linux has no {name}" for name in wanted if not any(name == f"{a}_{b}" for a, b in handed)]

seen = 0
for room, function in sorted(handed):
    name = f"{room}_{function}"
    mangled = f"5linux{len(room)}{room}{len(function)}{function}"
    found = [
        struct.unpack_from("<I", content, value - 4)[0]
        for module in modules
        for symbol, value, content in symbols(module)
        if mangled in symbol and content
    ]
    seen += len(found)
    if not found:
        faults.append(f"no module has {room}::{function}")
    elif any(type_id != wanted.get(name) for type_id in found):
        faults.append(f"{room}::{function} is of another type than C calls it as")
for fault in faults:
    print(f"axirq: {fault}", file=sys.stderr)
if faults:
    sys.exit(1)
print(f"axirq: {seen} functions of the types that C calls them as")
