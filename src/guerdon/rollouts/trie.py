"""A catalogue of token sequences as a tree: which tokens may follow a prefix so that an item can still come out.

Idea
    A generative recommender writes an item's code token by token. Only codes that exist may come out, so every token
    that extends no item is left out.
Deviations
    The code released with ReRe leaves a whole row masked after a prefix that no item has, which makes the next token
    uniform. Here nothing is allowed there, and a catalogue from which one could get there is refused.
"""

from collections.abc import Sequence

from guerdon.errors import GuerdonError

Prefix = tuple[int, ...]


class Trie:
    """The prefixes of a catalogue's items, none of which is a prefix of another."""

    def __init__(self, items: Sequence[Sequence[int]]) -> None:
        whole = [tuple(item) for item in items]
        children: dict[Prefix, set[int]] = {}
        for item in whole:
            for place, token in enumerate(item):
                children.setdefault(item[:place], set()).add(token)
        if not whole or () in whole or len(set(whole)) < len(whole):
            raise GuerdonError(f"a catalogue must hold different items of one token or more, got {len(whole)} items")
        if longer := next((item for item in whole if item in children), None):
            raise GuerdonError(
                f"no item may be the beginning of another, got {longer}; end items with a token of its own"
            )
        self.items: frozenset[Prefix] = frozenset(whole)
        self._children = {prefix: tuple(sorted(tokens)) for prefix, tokens in children.items()}

    def allowed(self, prefix: Sequence[int]) -> Prefix:
        """Tokens that may follow, ascending; none after a whole item and after what begins no item."""
        return self._children.get(tuple(prefix), ())
