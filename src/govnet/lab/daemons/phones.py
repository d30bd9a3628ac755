"""kamailio: the phone server; telephones register there and call each other through it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from govnet.lab.daemons.base import Daemon, Room
from govnet.lab.description import Role

SIP_PORT: Final = 5060
PHONES: Final = ("u001", "u002")
"""Units with a telephone that registers, answers every call and echoes what it hears."""

CONTROL: Final = "run/kamailio.ctl"
"""Where the phone server is asked who is registered, below its room's directory."""

REGISTER: Final = """\
<?xml version="1.0" encoding="UTF-8"?>
<scenario name="register">
  <send retrans="500"><![CDATA[
    REGISTER sip:[remote_ip] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    From: <sip:{name}@[remote_ip]>;tag=[call_number]
    To: <sip:{name}@[remote_ip]>
    Call-ID: [call_id]
    CSeq: 1 REGISTER
    Contact: <sip:{name}@[local_ip]:{port}>
    Max-Forwards: 70
    Expires: 30
    Content-Length: 0

  ]]></send>
  <recv response="200" timeout="5000"/>
</scenario>
"""
REGISTER_MS: Final = 10_000

KAMAILIO: Final = """\
debug=1
log_stderror=yes
fork=yes
children=1
tcp_children=1
auto_aliases=no
{listen}
mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules:/usr/lib/aarch64-linux-gnu/kamailio/modules"
loadmodule "kex.so"
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "maxfwd.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "siputils.so"
loadmodule "textops.so"
loadmodule "pv.so"
loadmodule "ctl.so"
modparam("ctl", "binrpc", "unix:/run/kamailio.ctl")
request_route {{
  if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
  if (is_method("OPTIONS")) {{ sl_send_reply("200", "OK"); exit; }}
  if (is_method("REGISTER")) {{ save("location"); exit; }}
  if (has_totag()) {{ loose_route(); t_relay(); exit; }}
  if (is_method("INVITE")) record_route();
  if (!lookup("location")) {{ sl_send_reply("404", "Not Found"); exit; }}
  t_relay();
}}
"""


def daemons(room: Room) -> Iterator[Daemon]:
    """The phone server, and the telephones of some units."""
    if room.node.role is Role.PHONES:
        four, six = room.city.address_of(room.node.name)
        hosts = (str(four), f"[{six}]")
        listen = "\n".join(
            f"listen={kind}:{h}:{SIP_PORT}" for h in hosts for kind in ("udp", "tcp")
        )
        room.write("kamailio.cfg", KAMAILIO.format(listen=listen))
        runtime = ("-Y", "/run", "-P", "/run/kamailio.pid", "-m", "16", "-M", "4")
        yield Daemon(
            "kamailio", ("/usr/sbin/kamailio", "-DD", "-E", "-f", "/run/etc/kamailio.cfg", *runtime)
        )
    elif room.node.name in PHONES:
        yield _registering(room)
        address = str(room.city.address_of(room.node.name)[0])
        yield Daemon(
            "sipp",
            (
                *("/usr/bin/sipp", "-sn", "uas", "-i", address, "-p", str(SIP_PORT)),
                *("-rtp_echo", "-nostdin", "-trace_err", "-error_file", "/run/sipp.log"),
            ),
        )


def _registering(room: Room) -> Daemon:
    """Tells the phone server every ten seconds where the telephone is."""
    name = room.node.name
    room.write("register.xml", REGISTER.format(name=name, port=SIP_PORT))
    # A second sipp on the node is told from the first by the name that it is started under.
    link = room.directory / "run" / "etc" / "sip-register"
    link.unlink(missing_ok=True)
    link.symlink_to("/usr/bin/sipp")
    address, server = (str(room.city.address_of(node)[0]) for node in (name, "phones"))
    return Daemon(
        "sip-register",
        (
            *("/run/etc/sip-register", "-sf", "/run/etc/register.xml", "-i", address),
            *("-p", str(SIP_PORT + 2), "-r", "1", "-rp", str(REGISTER_MS), "-nostdin"),
            f"{server}:{SIP_PORT}",
        ),
        wave=4,
    )
