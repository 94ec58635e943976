"""The kinds of mail: each function takes a `Scene` and returns a `Letter`."""
