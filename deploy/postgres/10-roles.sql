-- Run once by psql, when the database directory is empty: the role that owns the service's database and migrates it, the roles of the
-- API and of the worker, which own nothing, and a role for Temporal, which makes its two databases itself and may not enter the
-- database of the service. An older installation runs the lines about shouhu_* by hand, as a superuser, before it migrates.
\getenv shouhu_password SHOUHU_DB_PASSWORD
\getenv app_password SHOUHU_APP_DB_PASSWORD
\getenv worker_password SHOUHU_WORKER_DB_PASSWORD
\getenv temporal_password TEMPORAL_DB_PASSWORD
CREATE ROLE shouhu LOGIN PASSWORD :'shouhu_password';
CREATE ROLE temporal LOGIN CREATEDB PASSWORD :'temporal_password';
CREATE DATABASE shouhu OWNER shouhu;
CREATE ROLE shouhu_app LOGIN NOINHERIT PASSWORD :'app_password';
CREATE ROLE shouhu_worker LOGIN NOINHERIT PASSWORD :'worker_password';
CREATE ROLE shouhu_wide NOLOGIN NOINHERIT;
CREATE ROLE shouhu_door NOLOGIN NOINHERIT;
GRANT shouhu_wide, shouhu_door TO shouhu_app;
REVOKE CONNECT, TEMPORARY ON DATABASE shouhu FROM PUBLIC;
GRANT CONNECT ON DATABASE shouhu TO shouhu_app, shouhu_worker;
