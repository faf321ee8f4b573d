"""What pywin32's calls take as security attributes: a descriptor, and whether the handle is inherited.

    sa = SECURITY_ATTRIBUTES()
    sa.SetSecurityDescriptorDacl(1, None, 0)      everybody may do everything
    sa.bInheritHandle = True

A call takes one of these, a `SecurityDescriptor`, or None for the default. Access control lists are ntio's own
(`ntio.security.acl.Acl`), or None for one that lets everybody in.

Source: learn.microsoft.com SECURITY_ATTRIBUTES, SetSecurityDescriptorDacl; pywin32's PySECURITY_ATTRIBUTES. Rows: R20
"""

from __future__ import annotations

from dataclasses import replace

from ..driver_kit import SecurityDescriptor
from ..object_manager.objects import OBJ_INHERIT
from ..security.acl import Acl
from ..security.descriptor import Control


class SECURITY_ATTRIBUTES:
    """A descriptor for what is made, and whether its handle is inherited.

    NT: SECURITY_ATTRIBUTES
    """

    def __init__(self) -> None:
        #: The descriptor; None is the default one.
        self.SECURITY_DESCRIPTOR: SecurityDescriptor | None = None
        self.bInheritHandle: bool | int = False

    def SetSecurityDescriptorDacl(self, bSaclPresent: bool | int, SACL: Acl | None, bSaclDefaulted: bool | int) -> None:
        """Say who may do what: the list, everybody everything (None), or the default (not present).

        NT: SetSecurityDescriptorDacl
        """
        known = self.SECURITY_DESCRIPTOR or SecurityDescriptor()
        control = known.control & ~(Control.DACL_PRESENT | Control.DACL_DEFAULTED)
        if bSaclPresent:
            control |= Control.DACL_PRESENT | (Control.DACL_DEFAULTED if bSaclDefaulted else Control(0))
        dacl = SACL if bSaclPresent else None
        self.SECURITY_DESCRIPTOR = replace(known, dacl=dacl, control=control)


#: What a call takes where Windows takes security attributes.
Attributes = SECURITY_ATTRIBUTES | SecurityDescriptor | None


def descriptor_of(attributes: Attributes) -> SecurityDescriptor | None:
    """The descriptor that security attributes hold; raises TypeError for anything else."""
    if attributes is None or isinstance(attributes, SecurityDescriptor):
        return attributes
    if isinstance(attributes, SECURITY_ATTRIBUTES):
        return attributes.SECURITY_DESCRIPTOR
    raise TypeError(f"SECURITY_ATTRIBUTES are needed, not {type(attributes).__name__}")


def inheritance_of(attributes: Attributes) -> int:
    """OBJ_INHERIT for attributes that ask for it, else 0."""
    asked = isinstance(attributes, SECURITY_ATTRIBUTES) and attributes.bInheritHandle
    return OBJ_INHERIT if asked else 0
