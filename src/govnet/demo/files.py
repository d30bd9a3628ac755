"""Configuration of the demo's daemons, written anew at every start."""

from __future__ import annotations

import shutil
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from govnet.demo import snmp_agent
from govnet.demo.certificates import Authority
from govnet.demo.layout import (
    LOOPBACK_V6,
    DemoSecrets,
    Layout,
    demo_secrets,
    write_private,
)
from govnet.demo.plan import AGENT_PORT, PlanApplication, PlanDevice, PlanPort

SYS_OBJECT_ID: Final = {
    "huawei": "1.3.6.1.4.1.2011.2.62.2.3",
    "h3c": "1.3.6.1.4.1.25506.1.1",
    "ruijie": "1.3.6.1.4.1.4881.1.1.10.1",
}
ENTITY: Final = 67108867
SENSORS: Final = {
    "huawei": (
        (f"1.3.6.1.4.1.2011.5.25.31.1.1.1.1.5.{ENTITY}", 24, 8, 900),
        (f"1.3.6.1.4.1.2011.5.25.31.1.1.1.1.7.{ENTITY}", 41, 2, 7200),
        (f"1.3.6.1.4.1.2011.5.25.31.1.1.1.1.11.{ENTITY}", 43, 2, 3600),
    ),
    "h3c": (
        ("1.3.6.1.4.1.25506.2.6.1.1.1.1.6.2", 17, 6, 1100),
        ("1.3.6.1.4.1.25506.2.6.1.1.1.1.8.2", 52, 2, 7200),
        ("1.3.6.1.4.1.25506.2.6.1.1.1.1.12.2", 39, 2, 3600),
        ("1.3.6.1.4.1.25506.2.6.1.1.1.1.12.3", 65535, 0, 60),  # no sensor on this entity
    ),
    "ruijie": (
        ("1.3.6.1.4.1.4881.1.1.10.2.36.1.1.1.0", 11, 4, 300),
        ("1.3.6.1.4.1.4881.1.1.10.2.36.1.1.2.0", 11, 3, 700),
        ("1.3.6.1.4.1.4881.1.1.10.2.36.1.1.3.0", 11, 2, 1300),
    ),
}
"""(OID, mean, swing, period in seconds) of the vendors' CPU, memory and temperature."""

NGINX: Final = """\
daemon off;
# One process: it dies with the demo, which a worker of its own would not.
master_process off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
  access_log off;
  server_tokens off;
  default_type "text/html; charset=utf-8";
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
{servers}}}
"""
SERVER: Final = """\
  server {{
{listens}    ssl_certificate {slug}.crt;
    ssl_certificate_key {slug}.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    root {slug};
  }}
"""
PAGE: Final = """\
<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><title>{name}</title>
<h1>{name}</h1>
<p>演示数据: GovNet 演示环境的测试页面,不是真实系统。</p>
</html>
"""


def write_files(layout: Layout, with_v6: bool) -> str:
    """Write everything that the endpoints need.

    Returns:
        the demo authority's certificate as PEM, for the HTTPS targets.
    """
    layout.directory.mkdir(parents=True, exist_ok=True)
    found = demo_secrets(layout.directory)
    shutil.rmtree(layout.directory / "agents", ignore_errors=True)
    for device in layout.city.devices:
        _write_agent(layout.agent_dir(device.address), device, found)
    return _write_nginx(layout, with_v6)


def _write_agent(directory: Path, device: PlanDevice, found: DemoSecrets) -> None:
    lines = [_port_line(port) for port in device.ports]
    lines += ["\t".join(("sensor", *map(str, sensor))) for sensor in SENSORS[device.vendor]]
    (directory / "state").mkdir(parents=True)
    (directory / "table.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    # snmpd.conf cannot quote, so nothing in it may depend on where this directory is.
    (directory / "snmp_agent.py").write_bytes(Path(snmp_agent.__file__).read_bytes())
    (directory / "python").symlink_to(_base_python())
    access = (
        f'createUser {found.v3_user} SHA-256 "{found.auth_key}" AES "{found.priv_key}"\n'
        f"rouser {found.v3_user} priv\n"
        if device.v3
        else f"rocommunity {found.community} 127.0.0.0/8\n"
    )
    configuration = (
        f"agentAddress udp:{device.address}:{AGENT_PORT}\n"
        f"{access}"
        f"sysName {device.name}\n"
        f"sysDescr {device.model} (GovNet demo agent, net-snmp)\n"
        f"sysLocation {device.region_code}\n"
        "sysContact demo\n"
        f"sysObjectID {SYS_OBJECT_ID[device.vendor]}\n"
        "pass_persist .1.3.6.1 ./python -I -S snmp_agent.py table.tsv\n"
    )
    write_private(directory / "snmpd.conf", configuration)


def _base_python() -> str:
    """The interpreter outside the virtual environment: nothing of it is needed."""
    return str(getattr(sys, "_base_executable", sys.executable))


def _port_line(port: PlanPort) -> str:
    bits = f"{port.in_peak_mbps * 1e6:.0f}", f"{port.out_peak_mbps * 1e6:.0f}"
    values = (port.if_index, port.name, port.alias, port.mbps, *bits, port.shape, int(port.up))
    return "\t".join(("port", *map(str, values)))


def host_name(application: PlanApplication) -> str:
    """Name in the certificate and in the demo's name server."""
    return f"{application.slug}.demo.example"


def _write_nginx(layout: Layout, with_v6: bool) -> str:
    directory = layout.directory / "nginx"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    authority = Authority()
    servers = ""
    for application in layout.city.applications:
        v6 = LOOPBACK_V6 if with_v6 and application.slug == "portal" else ""
        listens = f"    listen {application.address}:{layout.portal_port} ssl;\n"
        listens += f"    listen [{v6}]:{layout.portal_port} ssl;\n" if v6 else ""
        servers += SERVER.format(listens=listens, slug=application.slug)
        _write_site(directory, application, authority, v6)
    (directory / "nginx.conf").write_text(NGINX.format(servers=servers), encoding="utf-8")
    return authority.pem


def _write_site(
    directory: Path, application: PlanApplication, authority: Authority, v6: str
) -> None:
    addresses = [ip_address(text) for text in (str(application.address), v6) if text]
    certificate, key = authority.issue(
        host_name(application), addresses, application.certificate_days
    )
    (directory / f"{application.slug}.crt").write_text(certificate, encoding="ascii")
    write_private(directory / f"{application.slug}.key", key)
    site = directory / application.slug
    site.mkdir()
    (site / "index.html").write_text(PAGE.format(name=application.name), encoding="utf-8")
