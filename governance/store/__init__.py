# SPDX-License-Identifier: Apache-2.0
"""What we remember: facts that are appended and never changed."""
