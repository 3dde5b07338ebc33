"""Where nlops differs from allauth's defaults."""

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest

from accounts.models import AuditAction, User
from accounts.sign_in_signals import audit_everywhere


class AccountAdapter(DefaultAccountAdapter):
    """Members are invited: nobody signs up by themselves."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """What came past the proxies, or not through all of them, comes from whoever is at the other end."""
        try:
            return str(super().get_client_ip(request))
        except ImproperlyConfigured:
            return str(request.META.get("REMOTE_ADDR", ""))


class UserSessionsAdapter(DefaultUserSessionsAdapter):
    """Sessions that a person ends elsewhere are told in the audit log."""

    def end_sessions(self, sessions: list[UserSession]) -> None:
        for user in {session.user for session in sessions}:
            assert isinstance(user, User)
            ended = sum(session.user_id == user.pk for session in sessions)
            audit_everywhere(AuditAction.SIGNED_OUT, context.request, user, data={"other_sessions": ended})
        super().end_sessions(sessions)
