"""One hash for a whole tree: names, and contents, in an order that does not depend on the machine.

    python examples/tree_hasher.py FOLDER

Two trees have the same hash exactly when they hold the same files with the same contents. Files are read through a
ring by the hundred, as arrays that are hashed where they lie: no copy is made.
"""

from __future__ import annotations

import hashlib
import os
import sys

import ntio


def hash_tree(root: str) -> tuple[str, int, int]:
    """The hash of a folder, how many files it holds, and how many bytes; raises NtError for what cannot be read."""
    paths = sorted(os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names)
    digest, size = hashlib.sha256(), 0
    for batch in ntio.read_file_batches(paths):
        for row, path in enumerate(batch.paths):
            if error := batch.error(row):
                raise error
            name = os.fsencode(os.path.relpath(path, root))
            data = batch[row]
            digest.update(len(name).to_bytes(8, "little") + name + len(data).to_bytes(8, "little"))
            digest.update(data)
        size += int(batch.length.sum())
    return digest.hexdigest(), len(paths), size


def main() -> None:
    """Hash the folder that is named, or this one."""
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    digest, files, size = hash_tree(root)
    print(f"{digest}  {root} ({files:,} files, {size:,} bytes)")


if __name__ == "__main__":
    main()
