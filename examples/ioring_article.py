"""The I/O-ring sample program in Python's own words: read 0x200 bytes of a file through a ring and print them.

Usage: python ioring_article.py [FILE]          without a file, this interpreter's own executable
"""

from __future__ import annotations

import sys

import ntio

SIZE = 0x200

path = sys.argv[1] if len(sys.argv) > 1 else sys.executable
with ntio.open(path) as file, ntio.Ring(8) as ring:
    print(f"a ring of {ring.entries} requests")
    done = ring.start_read(file, 0, SIZE).wait(10.0)
    done.raise_for_status()
    count = int(done.information[0])
    print(f"read {count:#x} bytes")
    print(done.data[0, :count].tobytes()[:64].hex(" ", 4))
