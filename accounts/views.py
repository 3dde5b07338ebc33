"""Pages of a person: profile, consent, and the staff's way into a tenant."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.usersessions.internal.flows.sessions import end_sessions
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin, UserPassesTestMixin
from django.forms import ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse, reverse_lazy
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View
from django.views.generic import FormView, UpdateView

from accounts.context import user_context
from accounts.flows.enter_tenant import EntryRefused, enter_tenant, leave_tenant
from accounts.flows.give_consent import give_consent
from accounts.flows.require_second_factor import require_second_factor
from accounts.flows.set_mode import ModeRefused, set_tenant_mode
from accounts.forms import EnterTenantForm, ModeForm, ProfileForm, SecondFactorForm
from accounts.models import Member, MemberRole, User
from accounts.modes import mode_now
from accounts.permissions import MemberRequired, OperatorRequired
from accounts.requests import MemberRequest
from accounts.sessions import TENANT


class ProfileView(LoginRequiredMixin, UpdateView):
    """Name and time zone."""

    form_class = ProfileForm
    template_name = "accounts/profile.html"
    success_url = reverse_lazy("profile")

    def get_object(self, queryset: object = None) -> User:
        # Not request.user itself: a refused form must not change what the rest of the page shows.
        return get_object_or_404(User, pk=self.request.user.pk)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(memberships=memberships_of(self.request.user.pk or 0), **kwargs)

    def form_valid(self, form: ModelForm[User]) -> HttpResponse:
        messages.success(self.request, "Saved.")
        return super().form_valid(form)


class SessionEndView(LoginRequiredMixin, View):
    """Sign out one of the person's other sessions."""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        end_sessions(request, [get_object_or_404(UserSession, pk=pk, user_id=request.user.pk)])
        return redirect("usersessions_list")


class TenantChooseView(MemberRequired):
    """Who is a member of several tenants works in this one from now on."""

    def post(self, request: MemberRequest, pk: UUID) -> HttpResponse:
        if all(own.tenant_id != pk for own in memberships_of(request.member.user_id)):
            raise Http404
        request.session[TENANT] = str(pk)
        return redirect("chat")


def memberships_of(user_id: int) -> list[Member]:
    """Where the user may work, with the tenants."""
    with user_context(user_id):
        return list(Member.objects.filter(user_id=user_id, is_active=True).select_related("tenant"))


class ConsentView(MemberRequired):
    """Shown once, before the first message."""

    def get(self, request: MemberRequest) -> HttpResponse:
        context = {
            "model": request.tenant.model or settings.NLOPS_MODEL,
            "days": settings.NLOPS_IDLE_DAYS,
            "next": self._next(request),
        }
        return render(request, "accounts/consent.html", context)

    def post(self, request: MemberRequest) -> HttpResponse:
        give_consent(request.member)
        return redirect(self._next(request))

    def _next(self, request: HttpRequest) -> str:
        wanted = request.POST.get("next") or request.GET.get("next") or ""
        safe = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, require_https=request.is_secure())
        return wanted if safe else reverse("chat")


class ControlView(OperatorRequired, FormView):
    """The tenant's kill switch and its read-only mode."""

    request: MemberRequest
    form_class = ModeForm
    template_name = "accounts/control.html"
    success_url = reverse_lazy("control")

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"label_suffix": ""}

    def get_initial(self) -> dict[str, Any]:
        return {"mode": self.request.tenant.mode, "reason": self.request.tenant.mode_reason}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        second = SecondFactorForm(instance=self.request.tenant, label_suffix="")
        return super().get_context_data(room="control", now=mode_now(self.request.tenant), second=second, **kwargs)

    def form_valid(self, form: ModeForm) -> HttpResponse:
        wanted = form.cleaned_data
        try:
            set_tenant_mode(self.request.tenant, wanted["mode"], wanted["reason"], self.request.member)
        except ModeRefused as error:
            form.add_error("reason", str(error))
            return self.form_invalid(form)
        messages.success(self.request, f"{self.request.tenant} is now: {self.request.tenant.get_mode_display()}.")
        return super().form_valid(form)


class SecondFactorView(MemberRequired):
    """An owner wants a second factor of everybody, or no longer."""

    refusal = "This needs the role owner."

    def allows(self, member: Member) -> bool:
        return member.role == MemberRole.OWNER

    def post(self, request: MemberRequest) -> HttpResponse:
        try:
            require_second_factor(request.member, request.POST.get("requires_second_factor") == "on")
        except ModeRefused as error:
            messages.error(request, str(error))
        return redirect("control")


class StaffRequired(LoginRequiredMixin, UserPassesTestMixin, View):
    """Pages for staff of the platform."""

    permission_denied_message = "This page is for staff of the platform."

    def test_func(self) -> bool:
        return bool(self.request.user.is_staff)


class StaffEnterView(StaffRequired, FormView):
    """The named, logged switch into a tenant."""

    form_class = EnterTenantForm
    template_name = "accounts/staff_enter.html"
    extra_context = {"room": "staff"}

    def form_valid(self, form: EnterTenantForm) -> HttpResponse:
        try:
            enter_tenant(self.request, form.cleaned_data["tenant"], form.cleaned_data["reason"])
        except EntryRefused as error:
            form.add_error(None, str(error))
            return self.form_invalid(form)
        return redirect("admin:index")


class StaffLeaveView(StaffRequired):
    """Ends the visit."""

    def post(self, request: HttpRequest) -> HttpResponse:
        leave_tenant(request)
        messages.success(request, "You have left the tenant.")
        return redirect("staff_enter")
