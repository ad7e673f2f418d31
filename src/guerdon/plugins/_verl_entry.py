"""What verl imports through the entry point ``verl.plugins``: importing it registers guerdon's names."""

from guerdon.plugins.verl import load

load()
