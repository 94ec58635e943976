"""What earlier mail says of the sender and the content."""
