# SPDX-License-Identifier: Apache-2.0
"""`python -m governance.cli` is `governance`."""

from governance.cli import main

main()
