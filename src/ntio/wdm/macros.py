"""The macros: what a status says, what a control code is made of."""

from __future__ import annotations

from .. import status_codes as _status
from ..abi import CTL_CODE
from ..io_manager import transfer as _transfer

NT_SUCCESS = _status.nt_success
NT_WARNING = _status.nt_warning
NT_ERROR = _status.nt_error

METHOD_FROM_CTL_CODE = _transfer.method_of
DEVICE_TYPE_FROM_CTL_CODE = _transfer.device_type_of

__all__ = ["CTL_CODE"]
