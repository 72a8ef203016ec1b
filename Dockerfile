# syntax=docker/dockerfile:1
# SPDX-License-Identifier: Apache-2.0
# One image for every Airflow component, the `governance` command and the MLflow server.

FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
WORKDIR /src
RUN python -m venv /opt/venv
ENV PATH="/opt/venv/bin:$PATH"

# Dependencies first: this layer changes only with the lock. --compile writes the bytecode once, here.
COPY requirements/runtime.lock requirements/
RUN pip install --compile --require-hashes -r requirements/runtime.lock

# The wheel's build tools (hatchling and what it needs) are held to the hashes of dev.lock as well.
COPY requirements/bootstrap.lock requirements/dev.lock requirements/
RUN python -m venv /opt/build && /opt/build/bin/pip install --require-hashes -r requirements/bootstrap.lock
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY governance governance
RUN /opt/build/bin/uv build --wheel --build-constraints requirements/dev.lock --require-hashes --out-dir /dist . \
    && pip install --compile --no-deps --no-index /dist/*.whl \
    && pip check


FROM python:3.12-slim
LABEL org.opencontainers.image.title="ai-governance-pipeline" org.opencontainers.image.licenses="Apache-2.0"
ENV PATH="/opt/venv/bin:$PATH" \
    PYTHONUNBUFFERED=1 \
    PYTHONUTF8=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    AIRFLOW_HOME=/opt/airflow
RUN useradd --uid 10001 --no-create-home --home-dir /opt/airflow --shell /usr/sbin/nologin governance \
    && install -d -o governance -g governance \
        /opt/airflow /opt/airflow/logs /opt/governance /opt/governance/packs /opt/governance/evidence \
        /opt/governance/checkpoints /var/lib/mlflow \
    && install -d -m 700 -o governance -g governance /opt/governance/keys
COPY --from=build /opt/venv /opt/venv
WORKDIR /opt/governance
COPY docker/healthcheck.py docker/init.sh docker/
COPY dags dags
COPY plugins plugins
COPY include include
COPY tools tools
USER governance
CMD ["airflow", "version"]
