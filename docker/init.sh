#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prepares the databases; running it again changes nothing. Also the first step of an upgrade.
set -eu

airflow db migrate
airflow sync-perm
airflow users create --username "$AIRFLOW_ADMIN_USERNAME" --password "$AIRFLOW_ADMIN_PASSWORD" \
    --email "$AIRFLOW_ADMIN_EMAIL" --firstname AI --lastname Governance --role Admin
governance db upgrade
[ -n "${GOVERNANCE_SIGNING_KEY:-}" ] || governance evidence keygen --if-missing ai-governance
