"""
Policies for the users whose events are sent: suppression and sampling.

Both decide by the identity of the call, so all events of a user have the same decision.
"""

import copy
import hashlib
from collections.abc import Callable, Collection, Container, Iterable, Mapping
from typing import Any, Final, TypeAlias

from braze_heap._wiring import check_function, kind_of, warn
from braze_heap.policies.selection import ResolvedChoice, Vocabulary, types_of

__all__ = ["Sample", "Suppress"]

Suppress: TypeAlias = Container[str] | Callable[[str], object]
"""
Identities whose events are not sent: a container such as a set, or a function of an
identity. It is used for each event, so a change of the set takes effect at once.
"""

Sample: TypeAlias = Mapping[Any, float]
"""
Choice of events, as in ``include``, to the share of users whose events are sent, from 0
to 1. A choice of one type takes precedence over a choice of several.
"""


def suppressor(suppress: Suppress | None) -> Callable[[str], object] | None:
    """Return the function that decides whether an identity is suppressed."""
    if suppress is None:
        return None
    if isinstance(suppress, str | bytes | bytearray | type):
        raise TypeError(
            "suppress must be a set of identities or a function of an identity, not "
            f"{kind_of(suppress)}: write suppress={{'cust-1'}}"
        )
    if not isinstance(suppress, Container):
        check_function("suppress", suppress, takes="an identity")
        return suppress
    if isinstance(suppress, Collection):
        for each in suppress:
            if not isinstance(each, str):
                raise TypeError(
                    f"suppress contains {kind_of(each)}, which is never equal to an "
                    "identity: identities are text"
                )
            if not each or each != each.strip():
                raise ValueError(
                    "suppress contains text that is blank, or has blanks or line ends "
                    "around it: write {line.strip() for line in file}, without blank "
                    "lines"
                )
    return suppress.__contains__


def share_of(identity: str) -> float:
    """
    Return a number from 0 to below 1 for *identity*, evenly distributed.

    It is the same for all event types and in all processes. So the users in a sample of
    10 % are also in one of 50 %, and funnels are correct.
    """
    data = identity.encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(data, digest_size=6).digest()
    return int.from_bytes(digest, "big") / _HASHES


_HASHES: Final = 1 << 48
"""Number of values of the hash, small enough for an exact quotient."""


class Sampling:
    """
    Shares of users whose events are sent, by event type.

    Args:
        sample: See `Sample`.
        vocabulary: The words by which events can be chosen.

    Attributes:
        rates: The share of each known event type that is sampled.

    Raises:
        ValueError, TypeError: See `Transformer`; two choices give a type two shares.
    """

    def __init__(self, sample: Sample, vocabulary: Vocabulary | None = None) -> None:
        if not isinstance(sample, Mapping):
            raise TypeError(
                "sample must be a mapping from events to shares, such as "
                f"{{'EmailSend': 0.1}} or {{'*': 0.1}}, not {kind_of(sample)}"
            )
        vocabulary = vocabulary or Vocabulary()
        self._known = vocabulary.known
        self._share_of: Callable[[str], float] = share_of
        self._patterns: list[tuple[ResolvedChoice, float]] = []
        self._types: dict[Any, frozenset[str]] = {}
        self.rates: dict[str, float] = {}
        of_one: dict[str, float] = {}
        for key, share in sample.items():
            choices = vocabulary.resolve("sample", key)
            types = self._types[key] = frozenset(types_of(choices))
            _add(of_one if len(types) == 1 else self.rates, key, types, _checked(share))
            self._patterns += [(each, share) for each in choices if each.pattern]
        self.rates |= of_one

    def check(self, selects: Callable[[str], bool]) -> None:
        """Warn about a choice of which *selects* accepts no event type."""
        for key, types in self._types.items():
            if types and not any(map(selects, types)):
                warn(
                    f"sample has no effect on {key!r}, because include or exclude "
                    "skips these events"
                )

    def rate_of(self, event_type: str) -> float:
        """Return the share of *event_type*, known or not; 1 if it is not sampled."""
        if event_type in self._known:
            return self.rates.get(event_type, 1)
        shares = [
            share
            for choice, share in self._patterns
            if choice.covers(event_type, self._known)
        ]
        return min(shares, default=1)

    def keeps(self, identity: str, event_type: str) -> bool:
        """Return whether events of *event_type* of *identity* are sent."""
        rate = self.rate_of(event_type)
        return rate == 1 or self._share_of(identity) < rate

    def of_everybody(self) -> "Sampling":
        """Return the same shares, with all users in each sample that is not empty."""
        everybody = copy.copy(self)
        everybody._share_of = lambda _: 0.0
        return everybody


def _checked(share: Any) -> float:
    if isinstance(share, bool) or not isinstance(share, int | float):
        raise TypeError(f"a share in sample must be a number, not {share!r}")
    if not 0 <= share <= 1:
        hint = f": write {share / 100:g} for {share:g} %" if 1 < share <= 100 else ""
        raise ValueError(f"a share in sample must be from 0 to 1, not {share!r}{hint}")
    return share


def _add(
    rates: dict[str, float], key: object, types: Iterable[str], share: float
) -> None:
    for event_type in types:
        if rates.setdefault(event_type, share) != share:
            raise ValueError(
                f"sample gives {event_type} two shares, {rates[event_type]:g} and "
                f"{share:g} (by {key!r}): choose it only once, or add it as a key"
            )
