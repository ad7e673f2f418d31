"""Task + policy -> Batch."""
