"""The words for the engine's reason codes (``engine.result.Result.reason``)."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

REASONS: dict[str, str | Promise] = {
    "timeout": _("No answer in time"),
    "connect_timeout": _("No connection in time"),
    "dns_timeout": _("Name not resolved in time"),
    "tls_timeout": _("TLS handshake not done in time"),
    "banner_timeout": _("No greeting in time"),
    "first_byte_timeout": _("No first byte in time"),
    "body_timeout": _("Body not complete in time"),
    "too_slow": _("Took too long in all"),
    "refused": _("Connection refused"),
    "reset": _("Connection reset"),
    "closed": _("Connection closed"),
    "unreachable": _("Unreachable"),
    "host_unreachable": _("Host unreachable"),
    "network_unreachable": _("Network unreachable"),
    "no_route": _("No route"),
    "prohibited": _("Prohibited on the way"),
    "loss": _("Packet loss over the limit"),
    "latency": _("Latency over the limit"),
    "slow": _("Slower than the limit"),
    "cert_expired": _("Certificate expired"),
    "cert_expires_soon": _("Certificate expires soon"),
    "cert_not_yet_valid": _("Certificate not yet valid"),
    "cert_wrong_host": _("Certificate of another host"),
    "cert_untrusted": _("Certificate not trusted"),
    "tls_error": _("TLS handshake failed"),
    "http_protocol_error": _("Answer is not HTTP"),
    "body_mismatch": _("Body is not as expected"),
    "body_encoded": _("Body is compressed, cannot be checked"),
    "too_much_data": _("Too much data"),
    "too_many_redirects": _("Too many redirects"),
    "redirect_forbidden": _("Redirect leads inwards"),
    "redirect_invalid": _("Redirect is malformed"),
    "address_forbidden": _("Address is not allowed"),
    "banner_mismatch": _("Greeting is not as expected"),
    "empty_reply": _("Empty reply"),
    "name_not_found": _("Name not found"),
    "name_server_failed": _("Name server failed"),
    "no_answer_records": _("No record of this type"),
    "answer_mismatch": _("Answer is not as expected"),
    "bad_answer": _("Malformed answer"),
    "bad_address": _("Not an address"),
    "bad_name": _("Not a name"),
    "bad_url": _("Not a URL"),
    "bad_params": _("Parameters are wrong"),
    "wrong_ip_version": _("Wrong IP version"),
    "auth": _("Authentication failed"),
    "denied": _("Access denied by the agent"),
    "agent_error": _("The agent reports an error"),
    "malformed": _("Malformed answer"),
    "oversized": _("Answer too large"),
    "too_big": _("Packet too big for the path"),
    "not_increasing": _("The agent's table runs in circles"),
    "too_many_rows": _("Too many rows"),
    "no_uptime": _("The agent has no uptime"),
    "credential_incomplete": _("The stored credential is incomplete"),
    "link_down": _("A port at its end has no link"),
    "admin_down": _("A port at its end was shut by hand"),
    "stale": _("No reading for three intervals"),
    "probe_blind": _("Probe point blind: its reference targets fail too"),
    "mass_outage": _("Too many targets at once: the probe point is doubted"),
    "target_changed": _("The target was changed"),
    "not_measured": _("Not measured any more"),
    "set_right": _("Set right after a restart"),
    "engine_stopped": _("The engine was stopped"),
    "engine_lag": _("The engine lagged"),
    "clock_stepped": _("The clock was set"),
    "no_socket": _("The probe point has no socket"),
    "send_failed": _("The probe point could not send"),
    "send_denied": _("The probe point may not send"),
    "receive_overflow": _("The probe point lost answers"),
    "local_resources": _("The probe point is short of resources"),
    "local_denied": _("The probe point's own packet filter"),
    "not_available": _("Not available in this process"),
    "probe_error": _("Error in the probe"),
    "probe_overrun": _("The probe did not end"),
    "internal_error": _("Error in the probe"),
}


def reason_words(code: str | None) -> str:
    """A reason code in words; HTTP status and DNS response codes keep theirs."""
    if not code:
        return "—"
    if code.startswith("status_"):
        return _now("HTTP status %s") % code.removeprefix("status_")
    if code.startswith("rcode_"):
        return _now("DNS answers %s") % code.removeprefix("rcode_").upper()
    return str(REASONS.get(code, code))
