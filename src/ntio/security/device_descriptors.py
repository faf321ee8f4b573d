r"""The descriptors that devices get when nobody says otherwise, and the ready-made ones of wdmsec.h.

Most devices: administrators everything, everybody else reading, writing and executing. Media with somebody's data on
them are stricter: opening a disk or a volume for reading or writing takes administrative rights, and others may only
look at what it is and go through it to the files behind it.

Sources: learn.microsoft.com "Controlling Device Access (WDM)", "SDDL for Device Objects", CreateFile ("Physical Disks
and Volumes"). Rows: R20, R28
"""

from __future__ import annotations

from typing import Final

from .access_mask import FILE_GENERIC_MAPPING
from .descriptor import SecurityDescriptor
from .sddl import parse_sddl

SDDL_DEVOBJ_KERNEL_ONLY: Final = "D:P"
SDDL_DEVOBJ_SYS_ALL: Final = "D:P(A;;GA;;;SY)"
SDDL_DEVOBJ_SYS_ALL_ADM_ALL: Final = "D:P(A;;GA;;;SY)(A;;GA;;;BA)"
SDDL_DEVOBJ_SYS_ALL_ADM_RX: Final = "D:P(A;;GA;;;SY)(A;;GRGX;;;BA)"
SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R: Final = "D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GR;;;WD)"
SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_R_RES_R: Final = "D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GR;;;WD)(A;;GR;;;RC)"
SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RW_RES_R: Final = "D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GRGW;;;WD)(A;;GR;;;RC)"
SDDL_DEVOBJ_SYS_ALL_ADM_RWX_WORLD_RWX_RES_RWX: Final = "D:P(A;;GA;;;SY)(A;;GRGWGX;;;BA)(A;;GRGWGX;;;WD)(A;;GRGWGX;;;RC)"

_DEVICE: Final = parse_sddl("O:BAG:SYD:P(A;;GRGWGX;;;WD)(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGX;;;RC)").mapped(
    FILE_GENERIC_MAPPING
)
_MEDIUM: Final = parse_sddl("O:BAG:SYD:P(A;;GX;;;WD)(A;;GA;;;SY)(A;;GA;;;BA)(A;;GX;;;RC)").mapped(FILE_GENERIC_MAPPING)

#: FILE_DEVICE_CD_ROM, _DISK, _TAPE, _VIRTUAL_DISK, _MASS_STORAGE.
_MEDIA: Final = frozenset((0x02, 0x07, 0x1F, 0x24, 0x2D))


def default_device_descriptor(device_type: int) -> SecurityDescriptor:
    """The descriptor of a device of that type that was made without one.

    NT: IoCreateDevice
    """
    return _MEDIUM if device_type in _MEDIA else _DEVICE
