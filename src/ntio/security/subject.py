"""The subject: on whose behalf a thread runs.

A System has one token for everybody who calls it; a thread may take on another for a while, as a server does for its
client. Both are seen by access checks only, and those are made for user mode only.

Source: learn.microsoft.com "Client Impersonation", SeCaptureSubjectContext. Rows: R20
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..hal.machine import Hal
from .token import Token


class Subjects:
    """Who calls a System: its primary token, and what threads impersonate.

    NT: SECURITY_SUBJECT_CONTEXT
    """

    def __init__(self, hal: Hal, primary: Token) -> None:
        self.primary = primary
        self._thread = hal.new_thread_state()

    def current(self) -> Token:
        """The token that counts for the calling thread.

        NT: SeCaptureSubjectContext
        """
        return getattr(self._thread, "token", None) or self.primary

    def assume(self, token: Token | None) -> Token | None:
        """Have the calling thread run as `token` from now on, or (None) as itself; returns what it ran as before.

        NT: PsImpersonateClient, PsRevertToSelf
        """
        before: Token | None = getattr(self._thread, "token", None)
        self._thread.token = token
        return before

    @contextmanager
    def impersonate(self, token: Token) -> Iterator[None]:
        """Have the calling thread run as `token` within the block; blocks nest.

        NT: PsImpersonateClient
        """
        before = self.assume(token)
        try:
            yield
        finally:
            self.assume(before)
