"""Rewards that a language model writes: its replies, the checks on its programs, and the loops that search for them."""
