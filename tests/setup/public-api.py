#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Fails if the crate's public API names a type or trait of a dependency that is not meant to be part of it.

public-api.py AXIRQ.JSON CRATE...: what rustdoc says of the crate, and the crates whose items may be named. A major version
of any other may then come and go without one of ours.
"""

import json
import sys


def named(node):
    """The ids of all types and traits that a part of an item names."""
    if isinstance(node, dict):
        # A path to a type, or to a trait: both have an id and how it was written.
        if isinstance(node.get("id"), int) and ("path" in node or "name" in node):
            yield node["id"]
        for child in node.values():
            yield from named(child)
    elif isinstance(node, list):
        for child in node:
            yield from named(child)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        crate = json.load(file)
    own = crate["paths"][str(crate["root"])]["crate_id"]
    names = {int(number): other["name"] for number, other in crate["external_crates"].items()}
    meant = set(sys.argv[2:])
    leaks = set()
    for item in crate["index"].values():
        inner = item["inner"]
        implementation = inner.get("impl", {})
        # What others implement for every type is theirs.
        if implementation.get("blanket_impl") or implementation.get("is_synthetic"):
            continue
        for number in named(inner):
            path = crate["paths"].get(str(number))
            if path is None or path["crate_id"] == own:
                continue
            if names[path["crate_id"]] not in meant:
                leaks.add(f"{item['name'] or 'an implementation'} names {'::'.join(path['path'])}")
    for leak in sorted(leaks):
        print(leak)
    if not crate["index"] or leaks:
        sys.exit(1)


main()
