"""Model fields of our own."""

from __future__ import annotations

from typing import Any

import structlog
from cryptography.fernet import InvalidToken
from django.db import models
from encrypted_fields.fields import EncryptedTextField

log = structlog.get_logger()


class SecretField(EncryptedTextField):
    """An encrypted text that threads may use at the same time and that fails closed.

    The base decrypts in ``to_python`` and marks itself while a form cleans a value, so a
    second thread that loads a row in that moment receives the cipher text; and it hands out
    the cipher text when the key is wrong, which would then be sent to a device as its
    community. Here only ``from_db_value`` decrypts, and what cannot be decrypted is None.
    """

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> str | None:
        """Decrypt; None when the installation's key does not fit."""
        del expression, connection
        if not value:
            return None
        try:
            return str(self.f.decrypt(value.encode()).decode())
        except (InvalidToken, UnicodeError):
            log.exception("secret cannot be decrypted", field=str(self))
            return None

    def to_python(self, value: Any) -> Any:
        """A value from a form is the secret itself."""
        return models.TextField.to_python(self, value)

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """Validate as any text."""
        return models.TextField.clean(self, value, model_instance)
