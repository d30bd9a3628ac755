"""Sign-in, lock-out, forced password change, language and theme."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from auditlog import get_logentry_model
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from govnet.accounts.middleware import client_address
from govnet.accounts.models import User
from tests.people import PASSWORD, person

pytestmark = pytest.mark.django_db
SIGN_IN = "/accounts/sign-in/"


def sign_in(client: Client, username: str, password: str = PASSWORD, **extra: str) -> int:
    response = client.post(SIGN_IN, {"username": username, "password": password, **extra})
    return response.status_code


def test_a_page_without_a_session_leads_to_sign_in_and_back(client: Client) -> None:
    response = client.get("/monitor/targets/")
    assert response.status_code == 302
    assert response["Location"] == f"{SIGN_IN}?next=/monitor/targets/"
    person("duty", "duty_officer", whole_site=True)
    response = client.post(
        SIGN_IN, {"username": "duty", "password": PASSWORD, "next": "/monitor/targets/"}
    )
    assert response["Location"] == "/monitor/targets/"


def test_sign_in_never_leads_to_another_site(client: Client) -> None:
    person("duty", "duty_officer")
    response = client.post(
        SIGN_IN, {"username": "duty", "password": PASSWORD, "next": "https://example.org/"}
    )
    assert response["Location"] == reverse("dashboards:overview")


def test_five_wrong_passwords_lock_even_the_right_one_out(client: Client) -> None:
    person("duty")
    codes = [sign_in(client, "duty", "wrong") for _ in range(5)]
    assert codes[:4] == [200] * 4
    response = client.post(SIGN_IN, {"username": "duty", "password": PASSWORD})
    assert response.status_code == 429
    assert "锁定" in response.content.decode()
    assert "_auth_user_id" not in client.session


def test_an_inactive_account_cannot_sign_in(client: Client) -> None:
    person("gone", is_active=False)
    assert sign_in(client, "gone") == 200
    assert "_auth_user_id" not in client.session


def test_a_password_set_by_another_must_be_changed_before_anything_else(client: Client) -> None:
    user = person("new", "duty_officer", whole_site=True, must_change_password=True)
    sign_in(client, "new")
    assert client.get("/")["Location"] == "/accounts/password/"
    assert client.get("/search/?q=ab").status_code == 302
    fields = {
        "old_password": PASSWORD,
        "new_password1": "Another-Horse-8",
        "new_password2": "Another-Horse-8",
    }
    assert client.post("/accounts/password/", fields)["Location"] == "/"
    assert client.get("/").status_code == 200
    user.refresh_from_db()
    assert not user.must_change_password


def test_sign_out_needs_post(client: Client) -> None:
    client.force_login(person("duty"))
    assert client.get("/accounts/sign-out/").status_code == 405
    assert client.post("/accounts/sign-out/").status_code == 302
    assert "_auth_user_id" not in client.session


def test_pages_are_chinese_whatever_the_browser_asks_for(client: Client) -> None:
    page = client.get(SIGN_IN, headers={"accept-language": "en-US"}).content.decode()
    assert 'lang="zh-hans"' in page
    assert "政务外网综合运行管理平台" in page


def test_the_language_follows_the_account_to_another_browser(client: Client) -> None:
    user = person("duty")
    client.force_login(user)
    assert client.post("/accounts/language/", {"language": "en", "next": "/"}).status_code == 302
    assert 'lang="en"' in client.get("/").content.decode()
    user.refresh_from_db()
    assert user.language == "en"
    elsewhere = Client()
    sign_in(elsewhere, "duty")
    assert 'lang="en"' in elsewhere.get("/").content.decode()


def test_an_unknown_language_and_a_foreign_next_change_nothing(client: Client) -> None:
    user = person("duty")
    client.force_login(user)
    response = client.post("/accounts/language/", {"language": "xx", "next": "//example.org/"})
    assert response["Location"] == "/"
    user.refresh_from_db()
    assert user.language == "zh-hans"


def test_the_theme_is_kept_and_drawn_before_the_first_paint(client: Client) -> None:
    client.force_login(person("duty"))
    client.post("/accounts/theme/", {"theme": "dark", "next": "/"})
    assert 'data-bs-theme="dark"' in client.get("/").content.decode()
    client.post("/accounts/theme/", {"theme": "pink", "next": "/"})
    assert User.objects.get(username="duty").theme == "dark"


def test_preferences_are_saved(client: Client) -> None:
    client.force_login(person("duty"))
    fields = {"display_name": "张伟", "language": "en", "theme": "auto"}
    assert client.post("/accounts/preferences/", fields).status_code == 302
    user = User.objects.get(username="duty")
    assert (user.display_name, user.language, user.theme) == ("张伟", "en", "auto")


def test_no_page_allows_an_inline_script(client: Client) -> None:
    client.force_login(person("duty", superuser=True))
    for path in ("/", SIGN_IN, "/accounts/users/"):
        response = client.get(path)
        policy = response["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe-inline" not in policy.split("style-src")[0]
        assert "script-src" not in policy


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "found"),
    [
        ([], "10.0.0.9", "", "10.0.0.9"),
        ([], "10.0.0.9", "1.2.3.4", "10.0.0.9"),
        (["127.0.0.1"], "127.0.0.1", "1.2.3.4", "1.2.3.4"),
        (["127.0.0.1"], "127.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        (["127.0.0.0/8", "10.0.0.0/8"], "127.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.1", "1.2.3.4"),
        (["127.0.0.1"], "10.0.0.9", "1.2.3.4", "10.0.0.9"),
        (["127.0.0.1"], "127.0.0.1", "1.2.3.4, nonsense", "127.0.0.1"),
        (["127.0.0.1"], "127.0.0.1", "", "127.0.0.1"),
        (["::1", "127.0.0.1"], "::1", "2001:db8::5", "2001:db8::5"),
        (["127.0.0.1"], "127.0.0.1", "127.0.0.1, 127.0.0.1", "127.0.0.1"),
    ],
)
def test_the_address_is_what_trusted_proxies_say_and_nobody_else(
    settings: Settings, trusted: list[str], peer: str, forwarded: str, found: str
) -> None:
    settings.TRUSTED_PROXIES = [ip_network(text) for text in trusted]
    assert client_address(peer, forwarded) == found


def test_behind_a_trusted_proxy_each_person_is_locked_out_alone(
    client: Client, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = [ip_network("127.0.0.1")]
    person("duty")

    def attempt(password: str, header: str) -> int:
        data = {"username": "duty", "password": password}
        return client.post(SIGN_IN, data, headers={"X-Forwarded-For": header}).status_code

    for number in range(5):  # what the attacker writes first changes nothing
        last = attempt("wrong", f"9.9.9.{number}, 1.2.3.4")
    assert last == 429
    assert attempt(PASSWORD, "1.2.3.4") == 429
    assert attempt(PASSWORD, "1.2.3.5") == 302, "the colleague at another address signs in"


def test_the_audit_trail_does_not_believe_the_one_who_asks(client: Client) -> None:
    client.force_login(person("chief", "administrator", whole_site=True))
    data = {"code": "430699", "name": "r", "level": "city"}
    answer = client.post("/inventory/region/add/", data, headers={"X-Forwarded-For": "6.6.6.6"})
    assert answer.status_code == 302, answer.content.decode()[-500:]
    entry = get_logentry_model().objects.filter(object_repr="r").latest("timestamp")
    assert entry.remote_addr == "127.0.0.1"
