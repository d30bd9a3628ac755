"""The one base of every form: references limited to the user's scope, secrets never shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.forms.models import BaseInlineFormSet, ModelChoiceField, inlineformset_factory
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from govnet.core.imports.filecolumns import is_control, normalise
from govnet.core.naturalkeys import AmbiguousKeyError, KeyNotFoundError
from govnet.core.registry import Inline, Resource, get_resource, hidden_fields
from govnet.core.scope import inside_scope

if TYPE_CHECKING:
    from govnet.accounts.models import User

SECRET_KEPT = "••••••••"  # noqa: S105  # what stands for a secret


class PickerWidget(forms.TextInput):
    """A text field that offers what fits while one types; without script it takes the text."""

    template_name = "core/widgets/picker.html"

    def __init__(self, resource: Resource) -> None:
        super().__init__(attrs={"autocomplete": "off", "spellcheck": "false"})
        self.resource = resource

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Adds where to ask for what fits."""
        context = super().get_context(name, value, attrs)
        attributes = context["widget"]["attrs"]
        list_id = f"{attributes.get('id', name)}_options"
        attributes.update(
            {
                "list": list_id,
                "hx-get": self.resource.url("choices"),
                "hx-params": name,
                "hx-trigger": "input changed delay:150ms, focus once",
                "hx-target": f"#{list_id}",
                "hx-sync": "this:replace",
                # What the form around says of its own answers is not meant for suggestions.
                "hx-push-url": "false",
            }
        )
        context["list_id"] = list_id
        return context


class PickerField(forms.CharField):
    """Another object by the text that names it, out of those that the user may see."""

    def __init__(self, model: type[models.Model], **kwargs: Any) -> None:
        self.resource = get_resource(model)
        kwargs.setdefault("widget", PickerWidget(self.resource))
        super().__init__(**kwargs)
        self.user: User | None = None
        self.current: models.Model | None = None

    def prepare_value(self, value: Any) -> Any:
        """The text of the object that an id means; typed text stays as it was typed."""
        if isinstance(value, int):
            found = self.resource.all().filter(pk=value).first()
            return self.resource.key.text(found) if found else ""
        if isinstance(value, models.Model):
            return self.resource.key.text(value)
        return value

    def clean(self, value: Any) -> Any:
        """The object.

        Raises:
            ValidationError: the user sees no such object, or several.
        """
        text = super().clean(value)
        if not text:
            return None
        # What stands there already stays, even where it lies outside the user's scope.
        if self.current is not None and text == normalise(self.resource.key.text(self.current)):
            return self.current
        assert self.user is not None
        try:
            return self.resource.key.find(self.resource.visible(self.user), text)
        except KeyNotFoundError:
            kind = self.resource.name
            raise ValidationError(
                _("No %(kind)s “%(text)s” in your scope.") % {"kind": kind, "text": text}
            ) from None
        except AmbiguousKeyError:
            raise ValidationError(_("“%s” names several; use the code.") % text) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compares texts."""
        return bool((self.prepare_value(initial) or "") != (data or ""))


class SecretInput(forms.PasswordInput):
    """A secret can be typed and replaced; what is stored is never sent to the browser."""

    def __init__(self) -> None:
        super().__init__(render_value=False, attrs={"autocomplete": "new-password"})


def moment_input(field: forms.Field) -> forms.Widget:
    """The browser's own input for a date, a moment or a time of day."""
    if isinstance(field, forms.DateTimeField):
        return forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
    if isinstance(field, forms.TimeField):
        return forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    return forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")


class ObjectForm(forms.ModelForm[Any]):
    """Base of the forms of the ledger.

    References become choices within the user's scope, by typing where the target says
    ``picker``; dates get a date input; secrets are write-only; texts lose outer white space
    and stray control characters are refused.
    """

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        for name in hidden_fields(self._meta.model, user) & self.fields.keys():
            del self.fields[name]
        for name, field in list(self.fields.items()):
            if isinstance(field, ModelChoiceField):
                self.fields[name] = self._reference(name, field)
            elif name in getattr(self._meta.model, "SECRET_FIELDS", ()):
                self._hide(name, field)
            elif isinstance(field, forms.DateField | forms.DateTimeField | forms.TimeField):
                field.widget = moment_input(field)
            elif isinstance(field.widget, forms.Textarea):
                field.widget.attrs["rows"] = 3

    def _reference(self, name: str, field: ModelChoiceField[Any]) -> forms.Field:
        resource = get_resource(field.queryset.model)  # type: ignore[union-attr]  # it has one
        if not resource.picker:
            visible = resource.visible(self.user)
            current_id = getattr(self.instance, f"{name}_id", None)
            field.queryset = visible | resource.all().filter(pk=current_id)
            return field
        picker = PickerField(
            resource.model,
            label=field.label,
            help_text=field.help_text,
            required=field.required,
        )
        picker.user = self.user
        picker.current = getattr(self.instance, name, None) if self.instance.pk else None
        return picker

    def _hide(self, name: str, field: forms.Field) -> None:
        field.widget = SecretInput()
        field.required = False
        if self.instance.pk and getattr(self.instance, name):
            field.widget.attrs["placeholder"] = SECRET_KEPT
            field.help_text = _("Stored. Leave empty to keep it unchanged.")
        self.initial.pop(name, None)

    def clean(self) -> dict[str, Any]:
        """Normalise texts and keep secrets that were left empty."""
        data = super().clean() or self.cleaned_data
        for name, value in list(data.items()):
            if isinstance(value, str):
                data[name] = normalise(value)
                if any(is_control(char) for char in value.replace("\r\n", "\n")):
                    self.add_error(name, _("Control characters are not allowed."))
        for name in getattr(self._meta.model, "SECRET_FIELDS", ()):
            if name in self.fields and not data.get(name):
                data[name] = getattr(self.instance, name)
        return data

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's hook, missing in the stubs
        if not self.errors and not inside_scope(self.instance, self.user):
            self.add_error(None, _("The object would lie outside your regions and units."))


class InlineFormSet(BaseInlineFormSet[Any, Any, Any]):
    """Children edited with their parent."""

    def add_fields(self, form: Any, index: int | None) -> None:
        """Give each row the widgets of the other forms."""
        super().add_fields(form, index)
        for field in form.fields.values():
            if isinstance(field, forms.DateField | forms.DateTimeField | forms.TimeField):
                field.widget = moment_input(field)


def inline_formset(
    resource: Resource, inline: Inline, instance: models.Model, data: Any = None
) -> InlineFormSet:
    """The rows of one kind of children."""
    factory = inlineformset_factory(
        resource.model,
        inline.model,
        form=inline.form or forms.ModelForm,
        formset=InlineFormSet,
        fields=inline.fields,
        extra=0 if instance.pk else 1,
        max_num=200,
        validate_max=True,
        can_delete=True,
    )
    prefix = inline.model._meta.model_name
    formset: Any = factory(data, instance=instance, prefix=prefix)
    typed: InlineFormSet = formset
    return typed


CLEARABLE = (models.CharField, models.TextField, models.ForeignKey, models.DateField)


def bulk_edit_form(resource: Resource, user: User, data: Any = None) -> forms.Form:
    """A form in which only what is filled in is applied; "clear" empties a field."""
    model_form = resource.form(user=user)
    form = forms.Form(data, prefix="bulk")
    for name in resource.bulk_edit:
        if name not in model_form.fields:
            continue
        field = model_form.fields[name]
        field.required = False
        field.initial = None
        if isinstance(field, forms.TypedChoiceField):
            offered: Any = field.choices
            field.choices = [("", "—"), *(pair for pair in offered if pair[0] not in ("", None))]
        if isinstance(field, forms.BooleanField):
            field = forms.TypedChoiceField(
                label=field.label,
                required=False,
                empty_value=None,
                coerce=lambda value: value == "1",
                choices=[("", "—"), ("1", gettext_lazy("yes")), ("0", gettext_lazy("no"))],
            )
        form.fields[name] = field
        model_field: Any = resource.model._meta.get_field(name)
        if model_field.blank and (model_field.null or isinstance(model_field, CLEARABLE)):
            form.fields[f"clear_{name}"] = forms.BooleanField(
                label=gettext_lazy("Clear"), required=False
            )
    return form


class UploadForm(forms.Form):
    """A file, or rows pasted from a spreadsheet."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        help_text=gettext_lazy("XLSX, or CSV in UTF-8 or GB18030 (GBK); at most 10 MiB."),
        widget=forms.ClearableFileInput(attrs={"accept": ".xlsx,.csv,.tsv,.txt"}),
    )
    pasted = forms.CharField(
        label=gettext_lazy("Or paste rows"),
        required=False,
        strip=False,
        help_text=gettext_lazy(
            "Copy cells from a spreadsheet, with the row of headers, and paste them here."
        ),
        widget=forms.Textarea(attrs={"rows": 8, "class": "mono", "wrap": "off"}),
    )

    def clean(self) -> dict[str, Any]:
        """One of the two."""
        data = super().clean() or {}
        if not data.get("file") and not (data.get("pasted") or "").strip():
            raise ValidationError(_("Choose a file or paste rows."))
        return data


class SavedFilterForm(forms.Form):
    """A name for the present filter."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=60)
    query = forms.CharField(required=False, max_length=2000, widget=forms.HiddenInput)
    shared = forms.BooleanField(label=gettext_lazy("Share with everybody"), required=False)
