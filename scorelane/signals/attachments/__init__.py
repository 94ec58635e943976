"""What is attached, by name and by leading bytes."""
