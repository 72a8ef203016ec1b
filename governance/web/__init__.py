# SPDX-License-Identifier: Apache-2.0
"""What the plugin mounts in the Airflow UI. Nobody gets past it without Airflow's login, but for signed hints."""
