"""Names and addresses of hosts."""

import contextlib
import ipaddress


def is_here(host: str) -> bool:
    """Return whether *host* is this machine."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
