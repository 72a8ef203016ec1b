# SPDX-License-Identifier: Apache-2.0
"""The duties of the CAIO Guidebook as functions of facts, policy and clock."""
