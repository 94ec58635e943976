"""How a message travelled, its identifiers, and the marks of honest bulk mail."""
