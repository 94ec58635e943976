#!/bin/sh
# Run once by the postgres image on an empty data folder: the three roles and the database.
set -eu
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" \
  -v owner_password="$OWNER_PASSWORD" -v worker_password="$WORKER_PASSWORD" -v api_password="$API_PASSWORD" \
  -f /deploy/roles.sql
