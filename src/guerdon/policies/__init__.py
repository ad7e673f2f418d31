"""What acts and is trained."""
