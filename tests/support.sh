# SPDX-License-Identifier: LGPL-2.1-or-later
# What examples/run and tests/run share: the packages of each task, and installing those that lack.
# To be sourced by bash.

# One list for this host and the virtual one.
mapfile -t build_packages < <(
        sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "${BASH_SOURCE[0]%/*}/vm/packages/build"
)
example_packages=(busybox-static)
test_packages=(
        busybox-static clang clang-format clang-tidy cppcheck curl fish iproute2
        libcmocka-dev mmdebstrap nftables openssl podman python3 python3-jsonschema python3-pytest
        skopeo strace umoci util-linux valgrind zsh zstd
)
# docker-registry, which begins to serve where it is installed, is left to the virtual machine.
benchmark_packages=(
        bubblewrap crun docker-registry podman runc skopeo systemd-container umoci zstd
)

say() {
        printf '%s\n' "$*" >&2
}

is_installed() {
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Installs what is missing of the packages given. Asks nothing and reads nothing.
install_missing() {
        local package missing=()

        if ! command -v apt-get >/dev/null; then
                say "this is no Debian: install what corresponds to: $*"
                return 0
        fi
        for package; do
                is_installed "$package" || missing+=("$package")
        done
        [ ${#missing[@]} -gt 0 ] || return 0
        if [ "$(id -u)" != 0 ]; then
                say "run this as root, or install: ${missing[*]}"
                return 1
        fi
        say "installing: ${missing[*]}"
        export DEBIAN_FRONTEND=noninteractive
        apt-get -q update </dev/null >&2
        apt-get -q install -y --no-install-recommends "${missing[@]}" </dev/null >&2
}

# build DIRECTORY [MESON OPTION..]: sets a build directory up once and builds in it.
build() {
        local directory=$1

        shift
        if [ ! -f "$directory/build.ninja" ]; then
                meson setup "$directory" "$@" </dev/null
        fi
        ninja -C "$directory" -j "${JOBS:-$(nproc)}" </dev/null
}
