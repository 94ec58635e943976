"""Who a message says it is from, and for whom it passes."""
