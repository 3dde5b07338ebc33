"""A member's own tokens for scripts."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache

from accounts.flows.tokens import TokenRefused, make_token, revoke_token
from accounts.forms import TokenForm
from accounts.models import ApiToken
from accounts.permissions import MemberRequired
from accounts.requests import MemberRequest


@method_decorator(never_cache, name="dispatch")
class TokensView(MemberRequired):
    """The list, and a form for another one; a new token is shown in the answer to it and never again."""

    def get(self, request: MemberRequest) -> HttpResponse:
        return self.page(request, TokenForm())

    def post(self, request: MemberRequest) -> HttpResponse:
        form = TokenForm(request.POST)
        if not form.is_valid():
            return self.page(request, form, status=422)
        try:
            _, secret = make_token(request.member, **form.cleaned_data)
        except TokenRefused as error:
            form.add_error(None, str(error))
            return self.page(request, form, status=422)
        return self.page(request, TokenForm(), made=secret)

    def page(self, request: MemberRequest, form: TokenForm, status: int = 200, made: str = "") -> HttpResponse:
        tokens = ApiToken.objects.filter(member=request.member)
        context = {"tokens": tokens, "form": form, "secret": made}
        return render(request, "accounts/tokens.html", context, status=status)


class TokenRevokeView(MemberRequired):
    """Take one back."""

    def post(self, request: MemberRequest, pk: UUID) -> HttpResponse:
        token = get_object_or_404(ApiToken, member=request.member, pk=pk)
        revoke_token(token)
        messages.success(request, f"“{token.name}” opens nothing any more.")
        return redirect("tokens")
