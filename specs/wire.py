"""What HTTP says of methods, headers and media types, for those who learn requests and those who build them."""

from __future__ import annotations

import re
from typing import Final

#: Methods of which a body is expected.
BODY_METHODS: Final = frozenset({"POST", "PUT", "PATCH"})
#: What no argument of a call may set: it belongs to the connection or to the protocol.
RESERVED_HEADERS: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect",
     "authorization", "proxy-authorization", "proxy-connection", "cookie", "content-type", "accept-encoding"}
)  # fmt: skip
#: RFC 9110 section 5.6.2
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def may_be_set(name: str) -> bool:
    """Whether a call may set the header."""
    return _TOKEN.fullmatch(name) is not None and name.lower() not in RESERVED_HEADERS


def is_json(media_type: str) -> bool:
    """Whether bodies of the type are JSON (RFC 6839). `media_type`: in small letters, without parameters."""
    return media_type.endswith(("/json", "+json"))


def is_xml(media_type: str) -> bool:
    """Whether bodies of the type are XML (RFC 7303). `media_type`: in small letters, without parameters."""
    return media_type.endswith(("/xml", "+xml"))
