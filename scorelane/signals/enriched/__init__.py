"""What enrichment providers said of the message's entities."""
