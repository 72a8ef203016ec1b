# SPDX-License-Identifier: Apache-2.0
"""Where facts come from: MLflow's registry and the tables that models are judged on."""
