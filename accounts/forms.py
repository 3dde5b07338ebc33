from __future__ import annotations

import zoneinfo
from typing import Any

from django import forms
from django.contrib.auth import password_validation

from accounts.models import MemberRole, Mode, Tenant, TokenScope, User


class ProfileForm(forms.ModelForm):
    """What a person sets for themselves."""

    time_zone = forms.ChoiceField(help_text="“Yesterday” and times of day are meant in this zone.")

    class Meta:
        model = User
        fields = ["first_name", "last_name", "time_zone"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = sorted(zoneinfo.available_timezones() | {self.instance.time_zone})
        self.fields["time_zone"].choices = [(name, name.replace("_", " ")) for name in names]  # type: ignore[attr-defined]


class EnterTenantForm(forms.Form):
    """Which tenant, and why."""

    tenant = forms.ModelChoiceField(Tenant.objects.order_by("name"))
    reason = forms.CharField(
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Such as the number of a support case. The tenant's owner and reviewers can read it.",
    )


class SecondFactorForm(forms.ModelForm):
    """Whether everybody in the tenant needs a second factor."""

    class Meta:
        model = Tenant
        fields = ["requires_second_factor"]
        labels = {"requires_second_factor": "Everybody here signs in with a second factor"}
        help_texts = {
            "requires_second_factor": "Members who have none can do nothing but set one up, from their next page on."
        }


class ModeForm(forms.Form):
    """What nlops may do in a tenant."""

    mode = forms.ChoiceField(
        label="From now on",
        widget=forms.RadioSelect(attrs={"class": "choice"}),
        choices=[
            (Mode.NORMAL, "Normal: what the tool policies allow"),
            (Mode.READ_ONLY, "Read-only: nothing is changed in any product"),
            (Mode.STOPPED, "Stopped: no model is asked and no call is sent"),
        ],
    )
    reason = forms.CharField(
        max_length=300, required=False, help_text="Everybody here reads it while nlops is read-only or stopped."
    )


class TokenForm(forms.Form):
    """A new token for scripts."""

    name = forms.CharField(max_length=100, label="Name", help_text="What it is for, such as: nightly report")
    scopes = forms.MultipleChoiceField(
        choices=TokenScope.choices, label="Scopes", widget=forms.CheckboxSelectMultiple, initial=[TokenScope.READ]
    )
    days = forms.TypedChoiceField(
        choices=[(30, "30 days"), (90, "90 days"), (365, "a year")], coerce=int, initial=90, label="Lasts"
    )


class InviteForm(forms.Form):
    """Whom to invite."""

    email = forms.EmailField(label="E-mail address")
    role = forms.ChoiceField(
        choices=MemberRole.choices,
        help_text="Customers chat; operators set up products and decide approvals; reviewers read transcripts; "
        "owners do all of that and manage members.",
    )


class JoinForm(forms.Form):
    """A new person's own data."""

    first_name = forms.CharField(max_length=150, required=False)
    last_name = forms.CharField(max_length=150, required=False)
    time_zone = forms.ChoiceField(initial="UTC", help_text="“Yesterday” and times of day are meant in this zone.")
    password = forms.CharField(
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        strip=False,
        help_text=password_validation.password_validators_help_text_html,
    )

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email
        names = sorted(zoneinfo.available_timezones())
        self.fields["time_zone"].choices = [(name, name.replace("_", " ")) for name in names]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "password" in cleaned:
            names = {name: cleaned.get(name, "") for name in ("first_name", "last_name")}
            try:
                password_validation.validate_password(cleaned["password"], User(email=self.email, **names))
            except forms.ValidationError as error:
                self.add_error("password", error)
        return cleaned
