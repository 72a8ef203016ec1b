# SPDX-License-Identifier: Apache-2.0
"""The demo company 株式会社サンプル, whose models fill a real MLflow server."""

import os

# MLflow reads these when it is first imported, so they stand before any module of ours.
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
