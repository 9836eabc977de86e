#!/bin/sh
# Installs the clients and servers that the tests run through the proxy, if root on Debian runs it; elsewhere it says what is
# missing. It starts no service: the tests start their own, on ports of their own. It never fails: the tests decide whether
# they can do without.
set -u

# A program to look for, and the Debian package that has it.
peers='curl:curl nginx:nginx haproxy:haproxy socat:socat redis-server:redis-server redis-benchmark:redis-tools ab:apache2-utils
sshd:openssh-server ssh:openssh-client rsync:rsync nc:netcat-openbsd ip:iproute2 nsenter:util-linux chromium:chromium'

PATH=$PATH:/usr/sbin:/sbin # where Debian has servers, which is not in everybody's path

missing=
for peer in $peers; do
  command -v "${peer%%:*}" >/dev/null || missing="$missing ${peer##*:}"
done
# A browser draws nothing without a font.
[ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ] || missing="$missing fonts-dejavu-core"
# nginx forwards plain TCP through a module of its own.
[ -e /usr/lib/nginx/modules/ngx_stream_module.so ] || missing="$missing libnginx-mod-stream"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "Some tests need programs that are missing here. Debian has them in:$missing" >&2
  exit 0
fi

# Debian starts the services of a package that it installs, unless policy-rc.d says no (101).
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy
  trap 'rm -f $policy' EXIT
fi
echo "Installing for the tests:$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq && apt-get install -qq -y --no-install-recommends $missing >/dev/null ||
  echo "Could not install all of:$missing" >&2
