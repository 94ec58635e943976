-- Once, by a superuser of a deployed server, before the first migration. Passwords come from psql variables:
--   psql -v owner_password=... -v worker_password=... -v api_password=... -f deploy/roles.sql
CREATE ROLE scorelane_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE scorelane_worker LOGIN BYPASSRLS PASSWORD :'worker_password';
CREATE ROLE scorelane_api LOGIN PASSWORD :'api_password';
CREATE DATABASE scorelane OWNER scorelane_owner;
