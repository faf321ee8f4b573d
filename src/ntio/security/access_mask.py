"""Access masks: which rights are asked for, granted or denied, and how generic ones become those of a type.

    31 30 29 28 | 27 26 | 25              | 24                     | 20 .. 16        | 15 .. 0
    R  W  X  A  |       | MAXIMUM_ALLOWED | ACCESS_SYSTEM_SECURITY | standard rights | the type's own rights

A program may ask for the four generic rights without knowing what kind of object it opens; a type's `GenericMapping`
says what they stand for. No handle ever holds a generic right, nor MAXIMUM_ALLOWED, which asks for whatever can be had.

Sources: [MS-DTYP] 2.4.3; learn.microsoft.com "Access Mask Format", "ACCESS_MASK" of the WDK. Rows: R20
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

# Who asks. Kernel mode is not checked.
KERNEL_MODE: Final = 0
USER_MODE: Final = 1

# Standard rights: every type has them.
DELETE: Final = 0x1_0000
READ_CONTROL: Final = 0x2_0000
WRITE_DAC: Final = 0x4_0000
WRITE_OWNER: Final = 0x8_0000
SYNCHRONIZE: Final = 0x10_0000
STANDARD_RIGHTS_REQUIRED: Final = 0xF_0000
STANDARD_RIGHTS_READ: Final = READ_CONTROL
STANDARD_RIGHTS_WRITE: Final = READ_CONTROL
STANDARD_RIGHTS_EXECUTE: Final = READ_CONTROL
STANDARD_RIGHTS_ALL: Final = 0x1F_0000

ACCESS_SYSTEM_SECURITY: Final = 0x100_0000
MAXIMUM_ALLOWED: Final = 0x200_0000
GENERIC_ALL: Final = 0x1000_0000
GENERIC_EXECUTE: Final = 0x2000_0000
GENERIC_WRITE: Final = 0x4000_0000
GENERIC_READ: Final = 0x8000_0000

_GENERIC = GENERIC_READ | GENERIC_WRITE | GENERIC_EXECUTE | GENERIC_ALL


@dataclass(frozen=True, slots=True)
class GenericMapping:
    """What the four generic rights mean for one type of object.

    NT: GENERIC_MAPPING
    """

    read: int
    write: int
    execute: int
    all: int

    def map(self, mask: int) -> int:
        """A mask with its generic rights replaced by what they stand for.

        NT: RtlMapGenericMask
        """
        if not mask & _GENERIC:
            return mask
        mapped = mask & ~_GENERIC
        for generic, rights in (
            (GENERIC_READ, self.read),
            (GENERIC_WRITE, self.write),
            (GENERIC_EXECUTE, self.execute),
            (GENERIC_ALL, self.all),
        ):
            if mask & generic:
                mapped |= rights
        return mapped


#: Files and devices: FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS.
FILE_GENERIC_MAPPING: Final = GenericMapping(0x12_0089, 0x12_0116, 0x12_00A0, 0x1F_01FF)
