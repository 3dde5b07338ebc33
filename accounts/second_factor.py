"""Second factors: their secrets are encrypted at rest as the connections' are."""

from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.utils import is_mfa_enabled

from accounts.encryption import decrypt, encrypt
from accounts.models import Member

#: Second factors belong to users, who are above tenants.
_BOUND = {"tenant_id": "", "record": "second-factor"}


def seal(text: str) -> str:
    """The secret of an authenticator or the seed of recovery codes, encrypted."""
    return encrypt(text, **_BOUND)


def unseal(sealed: str) -> str:
    """What `seal` was given; what was stored before nlops encrypted them is as it is. Raises DecryptionError."""
    return decrypt(sealed, **_BOUND) if is_sealed(sealed) else sealed


def is_sealed(text: str) -> bool:
    """Whether `seal` made it: neither base32 nor hexadecimal has the dot that follows a key's id."""
    return "." in text


def lacks_second_factor(member: Member) -> bool:
    """Whether the tenant wants a second factor that the member has not set up."""
    return member.tenant.requires_second_factor and not is_mfa_enabled(member.user)


class MFAAdapter(DefaultMFAAdapter):
    """allauth's hooks for that."""

    def encrypt(self, text: str) -> str:
        return seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text)
