"""Members and invitations of a tenant, and the page on which an invitation is accepted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.account.utils import perform_login
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache

from accounts.context import tenant_context
from accounts.flows.change_member import ChangeRefused, change_member
from accounts.flows.enter_tenant import leave_tenant
from accounts.flows.invite import InviteRefused, invite, invite_again, mail_invitation, revoke_invitation
from accounts.flows.join import JoinRefused, join, join_as_new_user
from accounts.forms import InviteForm, JoinForm
from accounts.invitations import find_invitation, read_secret
from accounts.models import Invitation, Member, MemberRole, User
from accounts.permissions import OwnerRequired
from accounts.requests import MemberRequest, client_ip
from accounts.sessions import INVITATION, TENANT


def link_of(request: HttpRequest, secret: str) -> str:
    """The address that lets somebody in; the secret stands where no browser sends it."""
    return request.build_absolute_uri(reverse("join")) + "#" + secret


@method_decorator(never_cache, name="dispatch")
class MembersView(OwnerRequired):
    """Who is here, who is invited, and a form for another one; a link is shown in the answer and never again."""

    #: a mail server may take its time
    outside_transaction = True

    def get(self, request: MemberRequest) -> HttpResponse:
        return self.page(request)

    def post(self, request: MemberRequest, pk: UUID | None = None) -> HttpResponse:
        """A new invitation, or with `pk` that one again."""
        form = InviteForm(request.POST if pk is None else None)
        if pk is None and not form.is_valid():
            return self.page(request, form=form, status=422)
        try:
            with tenant_context(request.tenant.pk, request.member.user_id):
                if pk is None:
                    invitation, secret = invite(request.member, **form.cleaned_data)
                else:
                    invitation = get_object_or_404(Invitation, pk=pk)
                    secret = invite_again(request.member, invitation)
        except InviteRefused as error:
            if pk is None:
                form.add_error(None, str(error))
                return self.page(request, form=form, status=422)
            messages.error(request, str(error))
            return redirect("members")
        link = link_of(request, secret)
        is_mailed = mail_invitation(invitation, link)
        return self.page(request, invited=invitation, link=link, is_mailed=is_mailed)

    def page(
        self, request: MemberRequest, *, form: InviteForm | None = None, status: int = 200, **more: Any
    ) -> HttpResponse:
        with tenant_context(request.tenant.pk, request.member.user_id):
            sought = request.GET.get("q", "").strip()[:100]
            found = Member.objects.select_related("user").order_by("-is_active", "user__email")
            if sought:
                found = found.filter(user__email__icontains=sought)
            page = Paginator(found, 50).get_page(request.GET.get("page"))
            context = {
                "room": "members",
                "page": page,
                "sought": sought,
                "roles": MemberRole.choices,
                "invitations": Invitation.objects.filter(accepted_at=None, revoked_at=None),
                "form": form or InviteForm(),
                **more,
            }
            return render(request, "accounts/members.html", context, status=status)


class InvitationAgainView(MembersView):
    """That invitation again, with a new link."""

    http_method_names = ["post"]


class MemberChangeView(OwnerRequired):
    """Another role, or in or out."""

    def post(self, request: MemberRequest, pk: UUID) -> HttpResponse:
        member = get_object_or_404(Member.objects.select_related("user"), pk=pk)
        active = {"deactivate": False, "reactivate": True}.get(request.POST.get("act", ""))
        try:
            changed = change_member(request.member, member, role=request.POST.get("role") or None, is_active=active)
        except ChangeRefused as error:
            messages.error(request, str(error))
        else:
            state = (
                changed.get_role_display().lower() if changed.is_active else "deactivated: no page and no token opens"
            )
            messages.success(request, f"{changed.user.email} is {state}.")
        # Who is no owner any more can't come back to this page.
        return redirect("members" if member.pk != request.member.pk else "chat")


class InvitationRevokeView(OwnerRequired):
    """Take one back."""

    def post(self, request: MemberRequest, pk: UUID) -> HttpResponse:
        invitation = get_object_or_404(Invitation, pk=pk)
        try:
            revoke_invitation(request.member, invitation)
        except InviteRefused as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"The invitation of {invitation.email} opens nothing any more.")
        return redirect("members")


@method_decorator(never_cache, name="dispatch")
class JoinView(View):
    """Where the link of an invitation leads. A script sends the link's secret; without scripts it is pasted."""

    #: it enters the tenant of the invitation, not the one in which the person may be already
    outside_transaction = True

    def get(self, request: HttpRequest) -> HttpResponse:
        invitation = self._opened(request)
        if invitation is None:
            return render(request, "accounts/join.html", {})
        return self.page(request, invitation)

    def post(self, request: HttpRequest) -> HttpResponse:
        if "secret" in request.POST:
            return self.open(request, request.POST["secret"])
        invitation = self._opened(request)
        if invitation is None:
            return self.refuse(request)
        if request.user.is_authenticated:
            return self.accept(request, invitation)
        if User.objects.filter(email=invitation.email).exists():
            return redirect(f"{reverse('account_login')}?next={reverse('join')}")
        form = JoinForm(request.POST, email=invitation.email)
        if not form.is_valid():
            return self.page(request, invitation, form, status=422)
        try:
            member = join_as_new_user(invitation, ip=client_ip(request), **form.cleaned_data)
        except JoinRefused as error:
            form.add_error(None, str(error))
            return self.page(request, invitation, form, status=422)
        signed_in = perform_login(request, member.user)
        self.enter(request, member)
        return signed_in

    def open(self, request: HttpRequest, secret: str) -> HttpResponse:
        """Remember which invitation it is; a person may have to sign in first."""
        read = read_secret(secret.rpartition("#")[2])
        if read is None or find_invitation(*read) is None:
            return self.refuse(request)
        request.session[INVITATION] = list(read)
        return redirect("join")

    def accept(self, request: HttpRequest, invitation: Invitation) -> HttpResponse:
        user = request.user
        assert isinstance(user, User)
        try:
            member = join(invitation, user, ip=client_ip(request))
        except JoinRefused as error:
            messages.error(request, str(error))
            return self.page(request, invitation, status=422)
        return self.enter(request, member)

    def enter(self, request: HttpRequest, member: Member) -> HttpResponse:
        leave_tenant(request)
        request.session.pop(INVITATION, None)
        request.session[TENANT] = str(member.tenant_id)
        return redirect("chat")

    def refuse(self, request: HttpRequest) -> HttpResponse:
        request.session.pop(INVITATION, None)
        return render(request, "accounts/join.html", {"is_over": True}, status=410)

    def page(
        self, request: HttpRequest, invitation: Invitation, form: JoinForm | None = None, status: int = 200
    ) -> HttpResponse:
        has_account = User.objects.filter(email=invitation.email).exists()
        context = {
            "invitation": invitation,
            "has_account": has_account,
            "is_other": request.user.is_authenticated and request.user.email.lower() != invitation.email,
            "form": form or (None if has_account else JoinForm(email=invitation.email)),
        }
        return render(request, "accounts/join.html", context, status=status)

    def _opened(self, request: HttpRequest) -> Invitation | None:
        opened = request.session.get(INVITATION)
        return find_invitation(*opened) if opened else None
