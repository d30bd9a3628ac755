#!/usr/bin/env bash
# Installs the Debian packages that a make target needs and that are missing:
#   scripts/install-packages.sh demo|lab|test|bench
# The demo goes on without what it could not get; tests and benchmarks do too, and say what they
# skip (with CI set, a test whose peer is missing fails).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/common.sh
. scripts/common.sh

# program:package
DEMO="snmpd:snmpd nginx:nginx-light setpriv:util-linux"
# The city twin; only root can run it.
LAB="snmpd:snmpd nginx:nginx-light snmpget:snmp ip:iproute2 lldpd:lldpd softflowd:softflowd"
LAB="$LAB rsyslogd:rsyslog kamailio:kamailio sipp:sip-tester dnsmasq:dnsmasq-base iperf3:iperf3"
LAB="$LAB /usr/lib/frr/zebra:frr /usr/share/doc/frr-snmp:frr-snmp"
TEST="$DEMO snmptrap:snmp fping:fping chromium:chromium ip:iproute2 msgfmt:gettext"
TEST="$TEST dnsmasq:dnsmasq-base nft:nftables iperf3:iperf3 soffice:libreoffice-writer-nogui"
# The server is not on PATH: its programs lie below its version's folder.
TEST="$TEST $(compgen -G '/usr/lib/postgresql/*/bin/postgres' | head -1 || true):postgresql"
TEST="$TEST /usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc:fonts-noto-cjk"
TEST="$TEST softflowd:softflowd tshark:tshark"
TEST="$TEST /usr/lib/libreoffice/program/libsclo.so:libreoffice-calc-nogui"
# The benchmarks unpack the SNMP peers themselves: nothing that runs as a service is installed.
BENCH="$DEMO fping:fping ip:iproute2 gcc:gcc /usr/include/stdio.h:libc6-dev"
BENCH="$BENCH nfcapd:nfdump nfacctd:pmacct"
if [ "$(id -u)" -eq 0 ]; then
  DEMO="$DEMO $LAB"
  TEST="$TEST $LAB"
  BENCH="$BENCH $LAB icinga2:icinga2-bin"
  BENCH="$BENCH /usr/lib/nagios/plugins/check_icmp:monitoring-plugins-basic"
fi

case "${1:-}" in
  demo) wanted=$DEMO ;;
  lab) wanted=$LAB ;;
  test) wanted=$TEST ;;
  bench) wanted=$BENCH ;;
  *)
    say "usage: $0 demo|lab|test|bench"
    exit 2
    ;;
esac

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
missing=()
for entry in $wanted; do
  program=${entry%:*}
  command -v "$program" >/dev/null || [ -e "$program" ] || missing+=("${entry#*:}")
done
if [ "${#missing[@]}" -gt 0 ] && ! apt_install "${missing[@]}"; then
  say "Could not install: ${missing[*]}"
  say "Install them by hand:  apt-get install --no-install-recommends ${missing[*]}"
fi

# ICMP without root: the kernel admits the groups in this range; "1 0" is nobody.
range=/proc/sys/net/ipv4/ping_group_range
group=$(id -g)
read -r low high <"$range" 2>/dev/null || exit 0
if [ "$(id -u)" -ne 0 ] && { [ "$group" -lt "$low" ] || [ "$group" -gt "$high" ]; }; then
  as_root sh -c "echo '0 2147483647' > $range" 2>/dev/null || {
    say "Ping needs a permission that this user lacks. As root, once:"
    say "  sysctl -w net.ipv4.ping_group_range='0 2147483647'"
  }
fi
