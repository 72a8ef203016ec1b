# SPDX-License-Identifier: Apache-2.0
"""Write a file whole or not at all: nobody ever opens half of one."""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

from governance.errors import ReportError

if TYPE_CHECKING:
    from pathlib import Path


def write_whole(path: Path, data: bytes, *, hint: str = "Name a file in a directory that you can write.") -> None:
    """Put `data` under its name once all of it is on disk; what was there before is replaced.

    Raises:
        ReportError: it cannot be written; what was there before is still there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{uuid.uuid4().hex}.part")
        try:
            with draft.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        raise ReportError(f"{path}: {getattr(error, 'strerror', None) or error}", hint=hint) from error
