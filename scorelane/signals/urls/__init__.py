"""What the links look like, and whether they fit text and sender."""
