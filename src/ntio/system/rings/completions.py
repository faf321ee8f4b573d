"""What a ring gives back: one row of status, byte count and data per request.

Rows: R6
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...status import error_for, nt_success


@dataclass(frozen=True, slots=True, eq=False)
class Completions:
    """The results of n requests, rows in request order.

    `status` is uint32[n], NTSTATUS; `information` uint64[n], bytes moved; `data` uint8[n, m] for reads, None otherwise.
    Bytes of a row of `data` past its `information` are zero where ntio made the array, untouched in the caller's `out`.
    NT: IORING_CQE
    """

    status: npt.NDArray[np.uint32]
    information: npt.NDArray[np.uint64]
    data: npt.NDArray[np.uint8] | None = None

    def __len__(self) -> int:
        return len(self.status)

    @property
    def ok(self) -> bool:
        """Whether every request succeeded."""
        return not len(self.status) or bool(nt_success(int(self.status.max())))

    def raise_for_status(self) -> Completions:
        """Raise the NtError of the first request that failed; returns itself when none did."""
        if not self.ok:
            row = int(np.argmax(self.status >= 0x8000_0000))
            failed = int((self.status >= 0x8000_0000).sum())
            others = f"; {failed} of {len(self)} failed" if failed > 1 else ""
            raise error_for(int(self.status[row]), f"request {row} of {len(self)} failed{others}")
        return self
