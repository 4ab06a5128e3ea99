# SPDX-License-Identifier: LGPL-2.1-or-later
# Shared by examples/run and tests/run: the packages for each task, and their installation.
# To be sourced by bash.

# One list for this host and the virtual one.
mapfile -t build_packages < <(
        sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "${BASH_SOURCE[0]%/*}/vm/packages/build"
)
example_packages=(busybox-static)
test_packages=(
        age btrfs-progs busybox-static chromium clang clang-format clang-tidy cppcheck crun
        cryptsetup-bin curl dosfstools e2fsprogs erofs-utils fdisk fish git gnupg keyutils
        golang-github-opencontainers-specs-dev gpgv iproute2
        libcmocka-dev mmdebstrap nftables openssh-client openssl passt podman procps python3
        python3-jsonschema python3-myst-parser python3-prometheus-client python3-pytest
        python3-pytest-xdist python3-sphinx rpm
        skopeo slirp4netns squashfs-tools strace uidmap umoci util-linux valgrind xfsprogs zsh zstd
)
# Needed by build-aux/musl-libraries in addition to the build.
static_packages=(bison cmake dpkg-dev flex make xz-utils)
# docker-registry and prometheus, which start services when they are installed, are only for the virtual
# machine.
benchmark_packages=(
        bubblewrap crun docker-registry podman runc skopeo systemd-container umoci zstd
)

say() {
        printf '%s\n' "$*" >&2
}

package_lists=${BASH_SOURCE[0]%/*}/vm/packages

# has PACKAGE: whether it is installed.
has() {
        if command -v apt-get >/dev/null; then
                [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
        else
                rpm -q --quiet --whatprovides "$1"
        fi
}

# name_of PACKAGE: what this distribution calls a package of Debian; nothing if it has none.
name_of() {
        if command -v apt-get >/dev/null; then
                printf '%s\n' "$1"
        else
                awk -v name="$1" '$1 == name { found = 1; if ($2 != "-") print $2 }
                        END { if (!found) print name }' "$package_lists/fedora"
        fi
}

install_with_apt() {
        export DEBIAN_FRONTEND=noninteractive
        apt-get -q update </dev/null >&2
        apt-get -q install -y --no-install-recommends "$@" </dev/null >&2
}

install_with_dnf() {
        dnf -q install -y --setopt=install_weak_deps=False "$@" </dev/null >&2
}

# Installs those of the given packages, under Debian's names, that are missing. Never asks questions or
# reads standard input.
install_missing() {
        local package name missing=() tool

        if command -v apt-get >/dev/null; then
                tool=apt
        elif command -v dnf >/dev/null; then
                tool=dnf
        else
                say "neither Debian nor Fedora: install the equivalents of: $*"
                return 0
        fi
        for package; do
                name=$(name_of "$package")
                [ -z "$name" ] || has "$name" || missing+=("$name")
        done
        [ ${#missing[@]} -gt 0 ] || return 0
        if [ "$(id -u)" != 0 ]; then
                say "run this as root, or install: ${missing[*]}"
                return 1
        fi
        say "installing: ${missing[*]}"
        "install_with_$tool" "${missing[@]}"
}

# configure DIRECTORY [MESON OPTION..]: sets up a build directory, once.
configure() {
        if [ ! -f "$1/build.ninja" ]; then
                meson setup "$@" </dev/null
        fi
}

# build DIRECTORY [MESON OPTION..]: sets up a build directory, once, and builds in it.
build() {
        configure "$@"
        ninja -C "$1" -j "${JOBS:-$(nproc)}" </dev/null
}
