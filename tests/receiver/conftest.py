"""
An endpoint behind each of the transports.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.receiver.transports import CARRIERS, Endpoint


@pytest.fixture(params=CARRIERS, ids=lambda carrier: carrier.__name__)
def endpoint(request: pytest.FixtureRequest) -> Iterator[Callable[..., Endpoint]]:
    """
    Build endpoints that are closed when the test is over.
    """
    built: list[Endpoint] = []

    def build(**options: Any) -> Endpoint:
        built.append(Endpoint(request.param, **options))
        return built[-1]

    yield build
    for each in built:
        each.close()
