# SPDX-License-Identifier: Apache-2.0
"""What a task calls: read, decide, write, tell. One module per DAG; each step may run twice."""
