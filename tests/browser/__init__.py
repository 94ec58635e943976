"""A package, so that its system and its browser end with its last test and not with the session."""
