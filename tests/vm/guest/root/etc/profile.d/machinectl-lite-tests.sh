# SPDX-License-Identifier: LGPL-2.1-or-later
# A serial line knows neither the size nor the kind of the terminal behind it.
if [ -r /usr/share/machinectl-lite-tests/terminal ] && [ "$(tty)" = /dev/ttyS0 ]; then
    . /usr/share/machinectl-lite-tests/terminal
    cd /usr/share/machinectl-lite-tests/source || :
fi
