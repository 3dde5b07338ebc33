"""A member gives a product the credentials of their own account, or takes them back. Nobody else sees or uses them."""

from __future__ import annotations

from django.db import transaction

from accounts.audit import audit
from accounts.encryption import encrypt
from accounts.models import AuditAction, Member
from specs.flows import FlowError
from specs.flows.save_connection import NEEDS_USERNAME
from specs.http import RequestNotPossible, header_text
from specs.models import AuthKind, Connection, MemberCredential

MAX_SECRET = 20_000


def connect_account(connection: Connection, member: Member, *, username: str = "", secret: str = "") -> Connection:
    """Keep the credentials; the connection with them. Those of before are gone. In the tenant's context.

    Where a person signs in at a provider (OAuth 2.0 with PKCE) there is nothing to enter: `account_for_sign_in`.
    Raises FlowError that names the field.
    """
    kind = AuthKind(connection.auth_kind)
    _check_personal(connection)
    if connection.has_shared_client:
        raise FlowError("Here you sign in at the provider; there is nothing to enter.")
    username = username.replace("\x00", "").strip()
    if kind in NEEDS_USERNAME and not username:
        raise FlowError("User name: it is needed.")
    if len(username) > 200 or (kind == AuthKind.BASIC and ":" in username):
        raise FlowError("User name: at most 200 characters, and with HTTP Basic no colon.")
    if not secret or len(secret) > MAX_SECRET:
        raise FlowError(f"Secret: it is needed, with at most {MAX_SECRET:,} characters.")
    if kind in (AuthKind.BEARER, AuthKind.API_KEY_HEADER):
        try:
            header_text(secret, "the key")
        except RequestNotPossible as error:
            raise FlowError(f"Secret: {error}") from error
    credential = _anew(connection, member)
    credential.username = username
    credential.secret = encrypt(secret, tenant_id=member.tenant_id, record=credential.record("secret"))
    credential.save()
    _told(connection, member, "connected")
    return connection.with_credential(credential)


def account_for_sign_in(connection: Connection, member: Member) -> Connection:
    """The connection with the member's credentials, for a sign-in at the provider; without tokens yet, if new."""
    _check_personal(connection)
    credential = MemberCredential.objects.filter(connection=connection, member=member).first()
    if credential is None:
        # Nothing that works yet: the chat still asks to connect.
        credential = MemberCredential(tenant_id=member.tenant_id, member=member, connection=connection, works=False)
        credential.save(force_insert=True)
    return connection.with_credential(credential)


def disconnect_account(connection: Connection, member: Member) -> bool:
    """Forget the member's credentials; whether there were any."""
    with transaction.atomic():
        count, _ = MemberCredential.objects.filter(connection=connection, member=member).delete()
        if count:
            _told(connection, member, "disconnected")
    return bool(count)


def _anew(connection: Connection, member: Member) -> MemberCredential:
    """The member's row, empty: what tokens there were belong to the credentials of before."""
    own = MemberCredential.objects.select_for_update().filter(connection=connection, member=member).first()
    credential = own or MemberCredential(tenant_id=member.tenant_id, member=member, connection=connection)
    credential.tokens, credential.tokens_expire_at = "", None
    credential.renewal_token = credential.renewal_until = None
    credential.works = True
    return credential


def _check_personal(connection: Connection) -> None:
    if not connection.personal:
        raise FlowError("This product is used with an account of your organisation; you need none of your own.")


def _told(connection: Connection, member: Member, what: str) -> None:
    data = {"product": connection.product.slug, "own": True, "change": what}
    audit(AuditAction.CONNECTION_CHANGED, connection, data, member=member)


def forget_accounts(instance: Member, **signal: object) -> None:
    """Forget all credentials of a member whose membership has ended; called whenever a member is saved."""
    if not instance.is_active:
        MemberCredential.objects.filter(member=instance).delete()
