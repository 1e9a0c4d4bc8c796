#!/bin/sh
# Makes or updates Temporal's two databases with Temporal's own tool; safe to run again, and run again at every upgrade.
# The tool reads SQL_PLUGIN, SQL_HOST, SQL_PORT, SQL_USER and SQL_PASSWORD.
set -eu

versioned=/etc/temporal/schema/postgresql/v12

prepare() {
    temporal-sql-tool --db "$1" create
    temporal-sql-tool --db "$1" setup-schema --version 0.0
    temporal-sql-tool --db "$1" update-schema --schema-dir "$versioned/$2/versioned"
}

prepare temporal temporal
prepare temporal_visibility visibility
