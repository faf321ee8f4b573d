r"""The directories every System starts with, and who may do what in them.

Source: spec iomgr.md 3.4; the descriptors are those that Windows Server 2003 was seen to have, by the public
kernel-mode test `ObSecurity` of ReactOS. Rows: R20
"""

from __future__ import annotations

from typing import Final

from ..security.sddl import parse_sddl
from .namespace import Namespace

_READ, _WRITE, _ALL = "0x20003", "0x2000c", "0xf000f"
_OPEN = f"(A;;{_READ};;;WD)(A;;{_ALL};;;SY)(A;;{_ALL};;;BA)(A;;{_READ};;;RC)"
_CLOSED = f"(A;;{_ALL};;;SY)(A;;{_READ};;;BA)"
_HANDED_DOWN = "(A;OICIIO;GX;;;WD)(A;OICIIO;GA;;;BA)(A;OICIIO;GA;;;SY)(A;OICIIO;GA;;;CO)"
_VISIBLE = f"(A;;{_READ};;;WD)(A;;{_ALL};;;SY)(A;;{_ALL};;;BA)"

_ENTRIES: Final = {
    "\\": _OPEN,
    "\\ArcName": _OPEN,
    "\\BaseNamedObjects": f"(A;;0x2000f;;;WD)(A;;{_ALL};;;SY)(A;;0x2;;;RC)",
    "\\Callback": _VISIBLE,
    "\\Device": _OPEN,
    "\\Driver": _CLOSED,
    "\\FileSystem": _CLOSED,
    "\\FileSystem\\Filters": _CLOSED,
    "\\GLOBAL??": f"(A;;{_READ};;;WD)(A;;{_ALL};;;SY){_HANDED_DOWN}",
    "\\KernelObjects": _VISIBLE,
    "\\ObjectTypes": _CLOSED,
}
_DESCRIPTORS: Final = {path: parse_sddl(f"O:BAG:SYD:{entries}") for path, entries in _ENTRIES.items()}
_LINKS: Final = {
    "\\DosDevices": "\\??",
    "\\GLOBAL??\\Global": "\\GLOBAL??",
    "\\BaseNamedObjects\\Global": "\\BaseNamedObjects",
    "\\BaseNamedObjects\\Local": "\\BaseNamedObjects",
}


def make_root(namespace: Namespace) -> None:
    """Make the directories and links of a new System."""
    for path, descriptor in _DESCRIPTORS.items():
        directory = namespace.root if path == "\\" else namespace.make_directory(path)
        directory.security_descriptor = descriptor
    for path, target in _LINKS.items():
        namespace.link(path, target)
