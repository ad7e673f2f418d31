"""Problem + response -> score: verifiable rules, one response at a time. Imports no torch."""
