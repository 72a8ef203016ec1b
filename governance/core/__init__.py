# SPDX-License-Identifier: Apache-2.0
"""What we decide: pure functions of facts, policy and clock."""
