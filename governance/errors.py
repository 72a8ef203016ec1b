# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, whether trying again may help, and what to do next.

::

    GovernanceError
    ├── PolicyError                 missing, malformed or contradictory policy     never retried
    ├── SourceError                 an outside system answered wrongly             never retried
    │   └── SourceUnavailableError  it did not answer                              retried
    ├── CheckNotRunError            a check could not be carried out               recorded, the gate blocks
    ├── StoreError                  the governance database is not as expected     never retried
    │   ├── ConflictError           the same fact was told twice, differently      retried
    │   └── NotFoundError           no such subject, decision or pack              never retried
    ├── RefusedError                somebody may not, or the facts do not carry it never retried
    ├── DeliveryError               a message did not go out                       retried
    ├── ReportError                 a document could not be rendered               never retried
    ├── EvidenceError               a record does not match its seal               never retried
    └── SeveralError                several of one batch went wrong                retried if one of them is

A failed check, a blocked gate or an overdue duty is a value, not an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class GovernanceError(Exception):
    """Base of every error this package raises on purpose.

    Args:
        message: what happened, naming the file, field or system.
        hint: the next thing a person should do.
    """

    retryable: bool = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        """Message and hint, each on a line of its own."""
        message = super().__str__()
        return f"{message}\n{self.hint}" if self.hint else message


class PolicyError(GovernanceError):
    """The policy files are missing, malformed or contradict themselves."""


class SourceError(GovernanceError):
    """An outside system answered, but not with what it promised."""


class SourceUnavailableError(SourceError):
    """An outside system did not answer."""

    retryable = True


class CheckNotRunError(GovernanceError):
    """A check could not be carried out. Not the same as a check that failed.

    Args:
        message: as for every error.
        hint: as for every error.
        ja: message and remedy in Japanese, for the gate's reasons; default: as in English.
    """

    def __init__(self, message: str, *, hint: str = "", ja: str = "") -> None:
        super().__init__(message, hint=hint)
        self.ja = ja or " ".join(str(self).splitlines())


class StoreError(GovernanceError):
    """The governance database is missing, older or other than expected."""


class ConflictError(StoreError):
    """The same fact was told twice with different content."""

    retryable = True


class NotFoundError(StoreError):
    """Nothing is known under that name."""


class RefusedError(GovernanceError):
    """Somebody may not do that, or the facts do not carry it. The attempt is recorded."""


class DeliveryError(GovernanceError):
    """A message did not go out."""

    retryable = True


class ReportError(GovernanceError):
    """A document could not be rendered."""


class EvidenceError(GovernanceError):
    """A record does not match the evidence that was sealed for it."""


class SeveralError(GovernanceError):
    """Some subjects of a batch went wrong; the others are done.

    Args:
        errors: what went wrong, by subject. What is not ours is unexpected, and may pass.
    """

    def __init__(self, errors: Mapping[str, Exception]) -> None:
        super().__init__("\n".join(f"{subject}: {_told(error)}" for subject, error in errors.items()))
        self.retryable = any(not isinstance(error, GovernanceError) or error.retryable for error in errors.values())


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, GovernanceError) else f"{type(error).__name__}: {error}"
