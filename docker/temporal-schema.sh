#!/bin/sh
# Creates Temporal's two databases, or brings their schema up to date; safe to run again.
# Reads POSTGRES_HOST, POSTGRES_USER and SQL_PASSWORD.
set -eu

sql() {
  temporal-sql-tool --plugin postgres12 --ep "$POSTGRES_HOST" -p 5432 -u "$POSTGRES_USER" "$@"
}

# set_up DATABASE SCHEMA
set_up() {
  echo "Schema of $1"
  sql --db "$1" create
  sql --db "$1" setup-schema -v 0.0
  sql --db "$1" update-schema -d "/etc/temporal/schema/postgresql/v12/$2/versioned"
}

set_up temporal temporal
set_up temporal_visibility visibility
