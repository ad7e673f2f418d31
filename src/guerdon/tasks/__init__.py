"""Prompts or environments with their verifier."""

from guerdon.tasks.jsonl import JsonlProblems as JsonlProblems
from guerdon.tasks.reasoning_gym import ReasoningGym as ReasoningGym
