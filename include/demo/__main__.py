# SPDX-License-Identifier: Apache-2.0
"""`python -m include.demo run | up | down | status`."""

import argparse
import os
import sys

from include.demo import layout as places
from include.demo import report, standing, story
from include.demo.errors import DemoError
from include.demo.layout import Layout
from include.demo.report import Stages
from include.demo.signals import Interrupted, interruptible
from include.demo.story import Tools

_HELP = {
    "run": "a fresh company, one pass through everything, then stop",
    "up": "start the stack of the last run again and leave it running",
    "down": "stop it",
    "status": "say what runs",
}


def main(arguments: list[str] | None = None, tools: Tools | None = None) -> int:
    """Do what was asked and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m include.demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in _HELP.items():
        commands.add_parser(name, help=text)
    command = parser.parse_args(arguments).command
    try:
        with interruptible():
            return _do(command, places.from_environment(os.environ), tools)
    except DemoError as error:
        report.fail(report.console(stderr=True), error)
        return 1
    except Interrupted as signal:
        report.console(stderr=True).print(f"ended by {signal}; nothing is left running")
        return signal.exit_status


def _do(command: str, layout: Layout, tools: Tools | None) -> int:
    out = report.console()
    if command == "run":
        report.show(out, story.tell(layout, Stages(out), tools), layout)
    elif command == "up":
        standing.up(layout, out)
    elif command == "down":
        standing.down(layout, out)
    else:
        return 0 if standing.status(layout, out) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
