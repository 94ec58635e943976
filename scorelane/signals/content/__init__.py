"""What the message says, and how its text and HTML look."""
