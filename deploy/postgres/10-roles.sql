-- Run once by psql, when the database directory is empty: a role and a database for the service, and a role for Temporal, which
-- makes its two databases itself and may not enter the database of the service.
\getenv shouhu_password SHOUHU_DB_PASSWORD
\getenv temporal_password TEMPORAL_DB_PASSWORD
CREATE ROLE shouhu LOGIN PASSWORD :'shouhu_password';
CREATE ROLE temporal LOGIN CREATEDB PASSWORD :'temporal_password';
CREATE DATABASE shouhu OWNER shouhu;
REVOKE CONNECT, TEMPORARY ON DATABASE shouhu FROM PUBLIC;
