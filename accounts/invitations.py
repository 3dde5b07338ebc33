"""The secrets in the links of invitations: signed, and kept as a hash only.

The secret has 256 random bits; the signature lets anything else be refused without a look into the database. The
tenant is named in it, so that its row is looked for in that tenant's context only. It stands in the fragment of the
link, which no browser sends: it is in no log of a server or a proxy on the way, and a program that opens links in
mails does not use it up.
"""

from __future__ import annotations

import secrets
import uuid

from django.core import signing
from django.utils import timezone

from accounts.api_tokens import digest_of
from accounts.context import tenant_context
from accounts.models import Invitation

_SALT = "nlops.invitation"


def new_secret(tenant_id: uuid.UUID) -> str:
    """For one link."""
    return signing.Signer(salt=_SALT, sep=".").sign(f"{tenant_id.hex}.{secrets.token_urlsafe(32)}")


def read_secret(secret: str) -> tuple[str, str] | None:
    """The tenant's id and the digest that its invitation must have; None for what nlops has not signed."""
    try:
        value = signing.Signer(salt=_SALT, sep=".").unsign(secret.strip())
    except signing.BadSignature:
        return None
    return str(uuid.UUID(value.partition(".")[0])), digest_of(secret.strip())


def find_invitation(tenant_id: str, digest: str) -> Invitation | None:
    """The invitation as long as it can be accepted, with its tenant."""
    with tenant_context(tenant_id):
        return (
            Invitation.objects.select_related("tenant")
            .filter(digest=digest, accepted_at=None, revoked_at=None, expires_at__gt=timezone.now())
            .first()
        )
