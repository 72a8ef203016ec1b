-- SPDX-License-Identifier: Apache-2.0
-- Runs once, on an empty volume: one role and one database for each of Airflow, governance and MLflow.
-- The passwords come from the environment and so stand neither here nor in a process list.
\set ON_ERROR_STOP on
\getenv airflow_password DB_PASSWORD_AIRFLOW
\getenv governance_password DB_PASSWORD_GOVERNANCE
\getenv mlflow_password DB_PASSWORD_MLFLOW

CREATE ROLE airflow LOGIN PASSWORD :'airflow_password';
CREATE ROLE governance LOGIN PASSWORD :'governance_password';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';

CREATE DATABASE airflow OWNER airflow ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE governance OWNER governance ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE mlflow OWNER mlflow ENCODING 'UTF8' TEMPLATE template0;

-- Nobody but its owner gets into a database.
REVOKE CONNECT, TEMPORARY ON DATABASE airflow FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE governance FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE mlflow FROM PUBLIC;
