# SPDX-License-Identifier: Apache-2.0
"""What can go wrong in the demo: a message, a remedy and the log to read."""

from pathlib import Path


class DemoError(Exception):
    """A stage of the demo failed; it carries what the reader needs to go on.

    Args:
        message: What failed, in one line.
        hint: What to do about it.
        log: The log file that knows more.
        detail: The last lines of that log, or anything else worth showing.
    """

    def __init__(self, message: str, *, hint: str = "", log: Path | None = None, detail: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.log = log
        self.detail = detail

    def lines(self) -> list[str]:
        """Say all of it, most important line first."""
        said = [f"error: {self}"]
        said += [f"  | {line}" for line in self.detail.splitlines()]
        said += [f"log:   {self.log}"] if self.log else []
        return said + ([f"hint:  {self.hint}"] if self.hint else [])
