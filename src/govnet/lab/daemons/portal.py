"""nginx: the government portal over TLS, on IPv4 and IPv6."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from govnet.lab.daemons.base import Daemon, Room
from govnet.lab.description import Role

HOST: Final = "portal.city.example"
SITE: Final = "政府门户网站"
NGINX: Final = """\
daemon off;
worker_processes 1;
pid /run/nginx.pid;
error_log stderr warn;
user root;
events { worker_connections 512; }
http {
  access_log off;
  server_tokens off;
  default_type "text/html; charset=utf-8";
  client_body_temp_path /run/nginx/body;
  proxy_temp_path /run/nginx/proxy;
  fastcgi_temp_path /run/nginx/fastcgi;
  uwsgi_temp_path /run/nginx/uwsgi;
  scgi_temp_path /run/nginx/scgi;
  server {
    listen 80;
    listen [::]:80;
    return 301 https://$host$request_uri;
  }
  server {
    listen 443 ssl;
    listen [::]:443 ssl;
    ssl_certificate /run/etc/portal.crt;
    ssl_certificate_key /run/etc/portal.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    root /run/etc/site;
  }
}
"""
PAGE: Final = """\
<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><title>{site}</title>
<h1>{site}</h1>
<p>城市孪生的测试页面,不是真实系统。</p>
</html>
"""
VALID_DAYS: Final = 365


def daemons(room: Room) -> Iterator[Daemon]:
    """The web server of the portal."""
    if room.node.role is not Role.PORTAL:
        return
    from govnet.demo.certificates import Authority  # cryptography is slow to import

    authority = Authority()
    ipv4, ipv6 = room.city.address_of(room.node.name)
    for name, days in (("portal", VALID_DAYS), ("expired", -1)):  # the latter for a fault
        certificate, key = authority.issue(HOST, [ipv4, ipv6], days)
        room.write(f"{name}.crt", certificate)
        room.write(f"{name}.key", key, 0o600)
    room.write("authority.pem", authority.pem)
    room.write("site/index.html", PAGE.format(site=SITE))
    room.write("nginx.conf", NGINX)
    (room.directory / "run" / "nginx").mkdir(exist_ok=True)
    yield Daemon("nginx", ("/usr/sbin/nginx", "-e", "stderr", "-c", "/run/etc/nginx.conf"))
