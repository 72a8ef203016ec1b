# SPDX-License-Identifier: Apache-2.0
"""What we show: committee packs."""
