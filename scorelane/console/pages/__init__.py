"""One module a page: its routes, what it asks of the database, what it shows."""
