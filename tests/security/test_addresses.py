"""Calls go to public addresses and to what the installation lists, and nowhere else, however it is written."""

from __future__ import annotations

import ipaddress
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpcore2
import pytest

from specs import addresses
from specs.addresses import AddressRefused, addresses_of, parse_listed
from specs.checks import private_hosts
from specs.http import ProductUnreachable, Request, RequestNotPossible, send

PRIVATE = [
    "0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.254", "172.16.0.1", "192.168.1.1", "192.0.2.1",
    "198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "::", "::1", "fc00::1",
    "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1",
    "64:ff9b::7f00:1", "64:ff9b::a00:1", "2002:7f00:1::", "2002:a00:1::", "2001:0:a00:1::f5ff:fffe",
]  # fmt: skip
METADATA = [
    "169.254.169.254", "169.254.170.2", "fe80::1", "fd00:ec2::254", "168.63.129.16", "100.100.100.200",
    "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::",
]  # fmt: skip
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2002:808:808::", "64:ff9b::808:808"]


@pytest.fixture
def listed(settings):
    def listed(*entries: str) -> None:
        settings.NLOPS_PRIVATE_HOSTS = list(entries)

    listed()
    return listed


@pytest.fixture
def resolver(monkeypatch):
    """Names lead where the test says; a connection that is tried all the same is an error of the test."""
    names: dict[str, list[str]] = {}
    asked: list[str] = []

    def getaddrinfo(host, port, *args, **kwargs):
        asked.append(host)
        found = [ipaddress.ip_address(text) for text in names[host]]
        families = {4: socket.AF_INET, 6: socket.AF_INET6}
        return [(families[one.version], socket.SOCK_STREAM, 6, "", (str(one), port)) for one in found]

    tried: list[str] = []

    def connect_tcp(self, host, *args, **kwargs):
        tried.append(host)
        raise httpcore2.ConnectError("no connection is made in this test")

    monkeypatch.setattr(addresses.socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", connect_tcp)
    names["asked"], names["tried"] = asked, tried
    return names


def get(host: str, scheme: str = "http") -> None:
    send(Request("GET", f"{scheme}://{host}/", {}, b""))


@pytest.mark.parametrize("address", PRIVATE + METADATA)
def test_a_name_that_leads_to_a_private_address_is_not_called(listed, resolver, address):
    resolver["product.example"] = [address]
    with pytest.raises(RequestNotPossible, match=r"private address|secrets of its machines"):
        get("product.example")
    assert resolver["tried"] == []


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_called_and_it_is_the_one_that_was_checked(listed, resolver, address):
    resolver["product.example"] = [address]
    with pytest.raises(ProductUnreachable):
        get("product.example")
    assert resolver["tried"] == [address]
    assert resolver["asked"] == ["product.example"]


def test_one_private_address_among_public_ones_is_enough_to_refuse(listed, resolver):
    resolver["product.example"] = ["8.8.8.8", "10.0.0.1"]
    with pytest.raises(RequestNotPossible, match="private address"):
        get("product.example")
    assert resolver["tried"] == []


def test_a_name_that_leads_elsewhere_a_moment_later_is_resolved_anew_and_checked_anew(listed, resolver):
    resolver["product.example"] = ["8.8.8.8"]
    with pytest.raises(ProductUnreachable):
        get("product.example")
    resolver["product.example"] = ["127.0.0.1"]
    with pytest.raises(RequestNotPossible):
        get("product.example")
    assert resolver["tried"] == ["8.8.8.8"]


@pytest.mark.parametrize(
    "written",
    ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0", "127.0.0.1.", "[::1]", "[::ffff:7f00:1]", "LOCALHOST",
     "①②⑦.0.0.1", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "localhost."],
)  # fmt: skip
def test_no_other_way_of_writing_the_own_machine_gets_through(listed, monkeypatch, written):
    """With the resolver of this machine, which knows all of them."""
    tried = []
    monkeypatch.setattr(httpcore2.SyncBackend, "connect_tcp", lambda self, host, *_, **__: tried.append(host))
    with pytest.raises(ProductUnreachable):
        get(written)
    assert tried == []


@pytest.mark.parametrize("address", METADATA)
def test_no_list_opens_the_metadata_of_a_cloud(listed, resolver, address):
    listed("0.0.0.0/0", "[::/0]", "product.example")
    resolver["product.example"] = [address]
    with pytest.raises(RequestNotPossible, match="secrets of its machines"):
        get("product.example")
    assert resolver["tried"] == []


@pytest.mark.parametrize(
    ("entry", "host", "address", "port", "opened"),
    [
        ("10.0.0.0/8", "product.example", "10.1.2.3", 80, True),
        ("10.0.0.0/8", "product.example", "11.1.2.3", 80, True),
        ("10.0.0.0/8", "product.example", "192.168.0.1", 80, False),
        ("10.0.0.0/8:8443", "product.example", "10.1.2.3", 80, False),
        ("10.0.0.0/8:80", "product.example", "10.1.2.3", 80, True),
        ("product.example", "product.example", "10.1.2.3", 80, True),
        ("Product.Example.", "product.example", "10.1.2.3", 80, True),
        ("product.example:8080", "product.example", "10.1.2.3", 80, False),
        ("other.example", "product.example", "10.1.2.3", 80, False),
        ("example", "product.example", "10.1.2.3", 80, False),
        ("127.0.0.1", "product.example", "::ffff:127.0.0.1", 80, True),
        ("[fd12::/16]", "product.example", "fd12::1", 80, True),
        ("[fd12::/16]:81", "product.example", "fd12::1", 80, False),
    ],
)
def test_what_is_listed_is_called_and_nothing_beside_it(listed, resolver, entry, host, address, port, opened):
    listed(entry)
    resolver[host] = [address]
    if opened:
        assert addresses_of(host, port) == [str(ipaddress.ip_address(address))]
    else:
        with pytest.raises(AddressRefused, match=rf"NLOPS_PRIVATE_HOSTS={host}:{port}"):
            addresses_of(host, port)


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "a b", "[fd12::1", "host:0", "host:99999", "1.2.3", "[host]"])
def test_an_entry_that_can_not_be_read_is_told_at_the_start(settings, entry):
    settings.NLOPS_PRIVATE_HOSTS = [entry]
    [problem] = private_hosts(None)
    assert entry in problem.msg
    with pytest.raises(ValueError, match="NLOPS_PRIVATE_HOSTS"):
        parse_listed((entry,))


def test_proxies_of_the_environment_are_not_used(listed, monkeypatch, resolver):
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://proxy.example:3128")
    resolver["product.example"] = ["8.8.8.8"]
    with pytest.raises(ProductUnreachable):
        get("product.example")
    assert resolver["tried"] == ["8.8.8.8"]


def test_a_redirect_to_a_private_address_is_not_followed(listed):
    listed("127.0.0.1")
    seen = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(302)
            self.send_header("location", f"http://localhost:{self.server.server_port}/inside")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_) -> None:
            """Quiet."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        answer = send(Request("GET", f"http://127.0.0.1:{server.server_port}/start", {}, b""))
    finally:
        server.shutdown()
        server.server_close()
    assert (answer.status, seen) == (302, ["/start"])
