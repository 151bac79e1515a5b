"""Fixture for an endpoint behind each transport."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.receiver.transports import TRANSPORTS, Endpoint


@pytest.fixture(params=TRANSPORTS, ids=lambda transport: transport.__name__)
def endpoint(request: pytest.FixtureRequest) -> Iterator[Callable[..., Endpoint]]:
    """Build endpoints that are closed after the test."""
    built: list[Endpoint] = []

    def build(**options: Any) -> Endpoint:
        built.append(Endpoint(request.param, **options))
        return built[-1]

    yield build
    for each in built:
        each.close()
