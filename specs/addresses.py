"""Where calls may go: public addresses, and what the installation lists.

A connection's base URL is written by people of a tenant; without a guard it could name the machine's own services, the
private network or the cloud's metadata (server-side request forgery, CWE-918; OWASP API Security Top 10 2023, API7).
Every name is resolved here, all its addresses are checked, and the call goes to an address that was checked: a name
that resolves to something else a moment later (DNS rebinding) changes nothing.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from nlops.core.phrases import say

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: Services that tell a cloud machine's secrets to whoever can ask it to fetch a URL. No list opens them.
METADATA: tuple[Network, ...] = tuple(
    ipaddress.ip_network(network)
    for network in (
        "169.254.0.0/16",  # link-local: AWS, Azure, Google, OpenStack, DigitalOcean
        "fe80::/10",
        "fd00:ec2::/32",  # AWS over IPv6
        "fd20:ce::254/128",  # Google over IPv6
        "168.63.129.16/32",  # Azure's wire server, a public address
        "100.100.100.200/32",  # Alibaba
        "192.0.0.192/32",  # Oracle
    )
)
#: IPv6 prefixes that carry an IPv4 address in their last 32 bits (RFC 6052, RFC 4291 section 2.5.5, RFC 2765).
_EMBEDDING = tuple(
    ipaddress.ip_network(prefix) for prefix in ("64:ff9b::/96", "::/96", "::ffff:0:0/96", "::ffff:0:0:0/96")
)


class AddressRefused(Exception):
    """A call to this address is not made; `str()` is for the person."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of NLOPS_PRIVATE_HOSTS."""

    #: a name in small letters, or None for a network
    name: str | None
    network: Network | None
    #: None for any port
    port: int | None

    def opens(self, host: str, address: Address, port: int) -> bool:
        """Whether the entry lets calls to this host go to this address."""
        if self.port is not None and self.port != port:
            return False
        if self.network is not None:
            return address.version == self.network.version and address in self.network
        return self.name == host


@functools.lru_cache(maxsize=8)
def parse_listed(entries: tuple[str, ...]) -> tuple[Listed, ...]:
    """The entries of NLOPS_PRIVATE_HOSTS: HOST, ADDRESS or NETWORK/BITS, each with :PORT if only that is meant.

    IPv6 stands in brackets: [fd12::/64]:8443. Raises ValueError, naming the entry.
    """
    return tuple(_parse_entry(entry.strip()) for entry in entries if entry.strip())


def _parse_entry(entry: str) -> Listed:
    found = re.fullmatch(r"(?:\[(?P<six>[^\]]+)\]|(?P<rest>[^:\s]+))(?::(?P<port>\d{1,5}))?", entry)
    if found is None or int(found["port"] or 1) not in range(1, 65536):
        raise ValueError(
            f"NLOPS_PRIVATE_HOSTS: “{entry}” is no HOST, ADDRESS or NETWORK/BITS with an optional :PORT "
            "(IPv6 in brackets, such as [fd12::1]:8443)."
        )
    port = int(found["port"]) if found["port"] else None
    text = found["six"] or found["rest"]
    try:
        return Listed(None, ipaddress.ip_network(text), port)
    except ValueError as error:
        if found["six"] or "/" in text or re.fullmatch(r"[\d.]+", text):
            raise ValueError(f"NLOPS_PRIVATE_HOSTS: “{entry}” is no address or network ({error}).") from error
        return Listed(_normal(text), None, port)


def addresses_of(host: str, port: int) -> list[str]:
    """The addresses to which a call to the host may go, in the resolver's order.

    Raises AddressRefused when any of its addresses may not be called, OSError when the name can't be resolved.
    """
    listed = parse_listed(tuple(settings.NLOPS_PRIVATE_HOSTS))
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    texts = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
    for text in texts:
        check_address(host, ipaddress.ip_address(text), port, listed)
    return texts


def check_target(host: str, port: int) -> None:
    """Raises AddressRefused for a host behind a proxy that may not be called; a name only the proxy knows is its own.

    A proxy that resolves the name to something else is trusted as its operator is.
    """
    with contextlib.suppress(OSError):
        addresses_of(host, port)


def check_address(host: str, address: Address, port: int, listed: Iterable[Listed]) -> None:
    """Raises AddressRefused when a call to this host must not go to this address."""
    meant = _meant(address)
    if any(_is_within(one, METADATA) for one in meant):
        raise AddressRefused(say("wire_metadata", host=host))
    private = [one for one in meant if not _is_public(one)]
    if not private or any(entry.opens(_normal(host), one, port) for entry in listed for one in meant):
        return
    raise AddressRefused(say("wire_private", host=host, entry=f"{_bracketed(_normal(host))}:{port}"))


def _meant(address: Address) -> list[Address]:
    """The address itself, and the IPv4 address that an IPv6 one stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    inner: list[ipaddress.IPv4Address | None] = [address.sixtofour, *(address.teredo or ())]
    if address.version == 6 and _is_within(address, _EMBEDDING) and int(address) > 1:
        # The IPv6 form itself tells nothing more than what it carries.
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    return [address, *(one for one in inner if one is not None)]


def _is_within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _is_public(address: Address) -> bool:
    """Globally reachable (IANA's special-purpose registries, RFC 6890), and one machine."""
    return address.is_global and not (
        address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or getattr(address, "is_site_local", False)
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _normal(host: str) -> str:
    return host.lower().strip("[]").rstrip(".")
