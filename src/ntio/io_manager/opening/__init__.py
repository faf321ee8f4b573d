"""From a name to a file object, and its end: parsing, mounting, sharing, reparsing, closing.

`open` has the sequence; `mount` and `vpb` find the file system of a disk.
"""
