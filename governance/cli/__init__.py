# SPDX-License-Identifier: Apache-2.0
"""`governance ...`: the steps of the DAGs from a shell."""

import gc


def main() -> None:
    """Run the command line.

    Most of a command's time goes into loading modules, and nearly all that they leave behind stays: Python's searches
    for garbage among it find nothing and take a quarter of the time. So they begin when the runtime is built
    (`shell.runtime`), or after a command that needs none.
    """
    gc.disable()
    from governance.cli import app  # noqa: PLC0415 - not before the line above

    try:
        app.main()
    finally:
        gc.enable()
